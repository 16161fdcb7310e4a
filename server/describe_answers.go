package server

import (
	"net/http"
	"strconv"

	"sluice/server/auth"
	"sluice/server/openapi"
	"sluice/server/response"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
	streamType  = "text/event-stream"
	textType    = "text/plain"
)

// answers are an operation's, by status.
type answers map[string]openapi.Response

// with adds answers. A status twice is the last one's.
func (a answers) with(status int, r openapi.Response) answers {
	a[strconv.Itoa(status)] = r
	return a
}

// json is an answer in JSON.
func (a answers) json(status int, about string, schema *openapi.Schema, example any) answers {
	return a.with(status, openapi.Response{Description: about, Content: map[string]openapi.Media{jsonType: {Schema: schema, Example: example}}})
}

// problem is an answer of problems of these types.
func (a answers) problem(status int, about string, codes ...string) answers {
	types := &openapi.Schema{Type: "string"}
	for _, code := range codes {
		types.Enum = append(types.Enum, response.ProblemPrefix+code)
	}
	schema := openapi.Object("", openapi.Properties{"type": types, "status": {Const: status}})
	schema.AllOf = []*openapi.Schema{openapi.Ref("Problem")}
	r := openapi.Response{Description: about, Content: map[string]openapi.Media{problemType: {Schema: schema}}}
	switch status {
	case http.StatusUnauthorized:
		r.Headers = headers(header("WWW-Authenticate", "How to show who is asking.", openapi.String("")))
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		r.Headers = headers(header("Retry-After", "When to ask again, in seconds.", openapi.Whole(1, "")))
	}
	return a.with(status, r)
}

// unidentified is the answer to credentials that prove nothing.
func (a answers) unidentified() answers {
	var codes []string
	for _, reason := range auth.Reasons {
		codes = append(codes, "identity-"+string(reason))
	}
	return a.problem(http.StatusUnauthorized, "The credentials prove no identity, or there are none.", codes...)
}

// failed is the answer of a gateway that is at fault.
func (a answers) failed() answers {
	return a.problem(http.StatusInternalServerError, "The gateway is at fault. Its log says why.", "internal")
}

// notNow are the answers to who has only to wait. Those who accept an event stream are
// given one instead: sluice.unavailable, and the end.
func (a answers) notNow(limited bool) answers {
	if limited {
		a.problem(http.StatusTooManyRequests, "The user or the address has reached a limit. `detail` says which.", "unavailable")
	}
	return a.problem(http.StatusServiceUnavailable, "Not now. The gateway is starting or shutting down, Kafka or the app doesn't answer, or a limit of the gateway is reached.", "unavailable")
}

// notForYou is the answer to an operator's route without what AdminAuth asks for.
func (a answers) notForYou() answers {
	return a.problem(http.StatusUnauthorized, "The admin token is missing or wrong.", "operator")
}

// revalidated is an answer of a body that caches may keep and have to ask after.
func (a answers) revalidated(about, mediaType string, schema *openapi.Schema) answers {
	tagged := headers(header("ETag", "Version of the answer.", openapi.String("")))
	return a.
		with(http.StatusOK, openapi.Response{Description: about, Headers: tagged, Content: map[string]openapi.Media{mediaType: {Schema: schema}}}).
		with(http.StatusNotModified, openapi.Response{Description: "Not changed: it is what `If-None-Match` names.", Headers: tagged})
}

type namedHeader struct {
	name string
	openapi.Header
}

func header(name, about string, schema *openapi.Schema) namedHeader {
	return namedHeader{name, openapi.Header{Description: about, Required: true, Schema: schema}}
}

func headers(all ...namedHeader) map[string]openapi.Header {
	m := map[string]openapi.Header{}
	for _, h := range all {
		m[h.name] = h.Header
	}
	return m
}
