package describe

import (
	"net/http"
	"strconv"

	"sluice/server/auth"
	"sluice/server/openapi"
	"sluice/server/response"
)

// Types of bodies.
const (
	JSONType    = "application/json"
	ProblemType = "application/problem+json"
	StreamType  = "text/event-stream"
	TextType    = "text/plain"
)

// Responses are an operation's, by status.
type Responses map[string]openapi.Response

// With adds answers. A status twice is the last one's.
func (a Responses) With(status int, r openapi.Response) Responses {
	a[strconv.Itoa(status)] = r
	return a
}

// JSON is an answer in JSON.
func (a Responses) JSON(status int, about string, schema *openapi.Schema, example any) Responses {
	return a.With(status, openapi.Response{Description: about, Content: map[string]openapi.Media{JSONType: {Schema: schema, Example: example}}})
}

// Problem is an answer of problems of these types.
func (a Responses) Problem(status int, about string, codes ...string) Responses {
	types := &openapi.Schema{Type: "string"}
	for _, code := range codes {
		types.Enum = append(types.Enum, response.ProblemPrefix+code)
	}
	schema := openapi.Object("", openapi.Properties{"type": types, "status": {Const: status}})
	schema.AllOf = []*openapi.Schema{openapi.Ref("Problem")}
	r := openapi.Response{Description: about, Content: map[string]openapi.Media{ProblemType: {Schema: schema, Example: problemExample(status, codes[0])}}}
	switch status {
	case http.StatusUnauthorized:
		r.Headers = Headers(Header("WWW-Authenticate", "How to show who is asking.", openapi.String("")))
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		r.Headers = Headers(Header("Retry-After", "When to ask again, in seconds.", openapi.Whole(1, "")))
	}
	return a.With(status, r)
}

// Unidentified is the answer to credentials that prove nothing.
func (a Responses) Unidentified() Responses {
	var codes []string
	for _, reason := range auth.Reasons {
		codes = append(codes, "identity-"+string(reason))
	}
	return a.Problem(http.StatusUnauthorized, "The credentials prove no identity, or there are none.", codes...)
}

// Failed is the answer of a gateway that is at fault.
func (a Responses) Failed() Responses {
	return a.Problem(http.StatusInternalServerError, "The gateway is at fault. Its log says why.", "internal")
}

// Unavailable are the answers to those who have only to wait. Those who accept an event
// stream are given one instead: sluice.unavailable, and the end.
func (a Responses) Unavailable(limited bool) Responses {
	if limited {
		a.Problem(http.StatusTooManyRequests, "The user or the address has reached a limit. `detail` says which.", "unavailable")
	}
	return a.Problem(http.StatusServiceUnavailable, "Not now. The gateway is starting or shutting down, Kafka or the app doesn't answer, or a limit of the gateway is reached.", "unavailable")
}

// NotOperator is the answer to an operator's route without what admin_auth asks for.
func (a Responses) NotOperator() Responses {
	return a.Problem(http.StatusUnauthorized, "The admin token is missing or wrong.", "operator")
}

// Revalidated is an answer of a body that caches may keep and have to ask after.
func (a Responses) Revalidated(about, mediaType string, schema *openapi.Schema) Responses {
	tagged := Headers(Header("ETag", "Version of the answer.", openapi.String("")))
	return a.
		With(http.StatusOK, openapi.Response{Description: about, Headers: tagged, Content: map[string]openapi.Media{mediaType: {Schema: schema}}}).
		With(http.StatusNotModified, openapi.Response{Description: "Not changed: it is what `If-None-Match` names.", Headers: tagged})
}

// NamedHeader is a header of a response.
type NamedHeader struct {
	name string
	openapi.Header
}

// Header is one that a response always has.
func Header(name, about string, schema *openapi.Schema) NamedHeader {
	return NamedHeader{name, openapi.Header{Description: about, Required: true, Schema: schema}}
}

// OptionalHeader is one that a response may have.
func OptionalHeader(name, about string, schema *openapi.Schema) NamedHeader {
	return NamedHeader{name, openapi.Header{Description: about, Schema: schema}}
}

// Deprecation are the headers of a response that is about streams.
func Deprecation() []NamedHeader {
	return []NamedHeader{
		OptionalHeader("Deprecation", "Since when the first of the streams is deprecated (RFC 9745). Absent: none is.", &openapi.Schema{Type: "string", Pattern: "^@-?[0-9]+$"}),
		OptionalHeader("Sunset", "From when on the first of them may be gone (RFC 8594).", openapi.String("")),
		OptionalHeader("Link", "The same request of their successors, as `successor-version`.", openapi.String("")),
	}
}

// Headers are those of a response.
func Headers(all ...NamedHeader) map[string]openapi.Header {
	m := map[string]openapi.Header{}
	for _, h := range all {
		m[h.name] = h.Header
	}
	return m
}
