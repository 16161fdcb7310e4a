package server

import (
	"fmt"
	"net/http"
	"strings"

	"sluice/server/openapi"
)

const publicAbout = `Events of Kafka topics as Server-Sent Events, each to the users it belongs to.

Errors come before the first byte as RFC 9457 problems; ` + "`type`" + ` says which. After it, what happens is an event of the stream: those of the
gateway begin with ` + "`sluice.`" + `. A browser's EventSource never comes back after a status other than 200, so a request that accepts
` + "`text/event-stream`" + ` and has only to wait is answered 200, with when to come back, ` + "`sluice.unavailable`" + ` and the end; others get the 503 or 429. Where a proxy has
dropped ` + "`Accept`" + `, a request for a stream with ` + "`Sec-Fetch-Mode: cors`" + ` or ` + "`Last-Event-ID`" + ` counts as one that does.

A method that a path doesn't have is answered 405 with ` + "`Allow`" + `, a path that there isn't 404, both as problems. What is no HTTP request, or has
a header that is too long, is answered 400 or 431 in plain text before it gets here.`

// publicRoutes describes what the public port can have.
var publicRoutes = map[string]described{
	"GET /events":    {asks: caller, Operation: eventsOperation("events", tagEvents)},
	"GET /":          homeRoute("Leads to how to use the gateway"),
	"GET /console":   toConsoleRoute,
	"GET /console/*": consoleRoute,
	"GET /docs":      toDocsRoute,
	"GET /docs/*":    docsRoute,
	"GET /state": {asks: caller, Operation: openapi.Operation{
		ID: "state", Tags: []string{tagEvents}, Summary: "The latest event of each subject, or what came after a cursor",
		Description: "Render it on the server, then open `/events?lastEventId=<cursor>`: nothing is missing and nothing comes twice. With `cursor` it is a poll: every later event, in order, with the guarantees of a stream; with `wait` a long one. A poll that is answered 200 has got on, or nothing happened; one for which Kafka gives nothing in time is a 503.",
		Parameters: []openapi.Parameter{streamParameter, subjectParameter,
			query("cursor", "Of a state, or of the poll before: poll what came after it.", &openapi.Schema{Type: "string", MinLength: new(1)}),
			query("wait", "How long a poll waits for something to come, a time like 25s; at most 60s. Needs `cursor`.", duration("25s")),
			headerParameter("If-None-Match", "The ETag of a state that the caller has.", openapi.String("")),
		},
		Responses: answers{}.with(http.StatusOK, openapi.Response{
			Description: "The state, or with `cursor` a page of events. Who accepts `text/event-stream` is told in one to come back, where others get a 503 or 429.",
			Headers:     headers(header("Vary", "It is the caller's own.", openapi.String(""))),
			Content: map[string]openapi.Media{
				jsonType:   {Schema: &openapi.Schema{AnyOf: []*openapi.Schema{openapi.Ref("State"), openapi.Ref("Page")}}, Example: stateExample},
				streamType: {Schema: streamItem()},
			},
		}).with(http.StatusNotModified, openapi.Response{Description: "The state is what `If-None-Match` names. Its cursor still holds."}).
			problem(http.StatusBadRequest, "Something about the request can't be meant.", "body", "query", "user", "ticket", "subject", "from", "snapshot", "cursor", "wait").
			unidentified().
			problem(http.StatusForbidden, "Not a stream, or not a subject, that the caller may read. Whether it exists is not told. Or a page of another site embeds it.", "stream", "subject", "cross-origin").
			problem(http.StatusNotFound, "No state is kept of these streams.", "state").
			notNow(true).failed(),
	}},
	"POST /tickets": {asks: backEnd, Operation: openapi.Operation{
		ID: "ticket", Tags: []string{tagBackEnds}, Summary: "A ticket, with which a page opens /events?ticket=…",
		Description: "For a user, or for one subject of a stream, whoever its events belong to (guest checkout).",
		Body:        jsonBody("TicketRequest", map[string]any{"stream": "orders", "subject": "o-77", "ttl": "30m"}),
		Responses: answers{}.
			json(http.StatusCreated, "The ticket.", openapi.Ref("Ticket"), nil).
			problem(http.StatusBadRequest, "What is asked for can't be meant, or there is no such stream.", "ticket").
			unidentified(),
	}},
	"POST /revoke": {asks: backEnd, Operation: openapi.Operation{
		ID: "revoke", Tags: []string{tagBackEnds}, Summary: "End a user's or a ticket's streams, and keep out what was issued before",
		Body: jsonBody("RevocationRequest", map[string]any{"user": "alice", "for": "12h"}),
		Responses: answers{}.
			json(http.StatusOK, "It is in force.", openapi.Ref("Revocation"), nil).
			problem(http.StatusBadRequest, "What is asked for can't be meant.", "revocation").
			unidentified().
			problem(http.StatusServiceUnavailable, "It is in force on this gateway, but the others could not be told. Ask again.", "not-announced"),
	}},
	"GET /.well-known/sluice": {asks: anyCaller, Operation: discoveryOperation("discover", tagDiscovery)},
	"GET /asyncapi.json": {asks: anyCaller, Operation: openapi.Operation{
		ID: "asyncapi", Tags: []string{tagDiscovery}, Summary: "The streams that the caller may read, as AsyncAPI",
		Responses: answers{}.json(http.StatusOK, "AsyncAPI 3.0.", &openapi.Schema{Type: "object"}, nil).
			problem(http.StatusBadRequest, "A parameter is there twice.", once...).
			unidentified().notNow(false).failed(),
	}},
	"GET /openapi.json": {Operation: openapi.Operation{
		ID: "openapi", Tags: []string{tagDiscovery}, Summary: "This description",
		Responses: answers{}.revalidated("OpenAPI 3.1.", jsonType, &openapi.Schema{Type: "object"}),
	}},
}

func query(name, about string, schema *openapi.Schema) openapi.Parameter {
	return openapi.Parameter{Name: name, In: "query", Description: about, Schema: schema}
}

func headerParameter(name, about string, schema *openapi.Schema) openapi.Parameter {
	return openapi.Parameter{Name: name, In: "header", Description: about, Schema: schema}
}

var (
	streamParameter = list(query("stream", "Names of streams, to narrow to. Absent: all that the caller may read.",
		openapi.List(&openapi.Schema{Type: "string", Pattern: `^[a-z][a-z0-9-]*$`}, "")))
	subjectParameter = query("subject", fmt.Sprintf("Only what is about this one. At most %d bytes of UTF-8.", maxSubject), openapi.String(""))

	probeParameters = []openapi.Parameter{
		query("probe", fmt.Sprintf("COUNTxBYTES@EVERY: so many timed events (1 to %d) of so many bytes of padding (to %d), so far apart (%v at least; %v in all at most).",
			maxProbes, maxProbeBytes, minProbeEvery, maxProbeLength), &openapi.Schema{Type: "string", Pattern: planText.String(), Examples: []any{"6x100@300ms"}}),
		list(query("sent", "Headers whose arrival a probe is to report: names, each alone or with the first 8 hex digits of its value's SHA-256.",
			&openapi.Schema{Type: "array", MaxItems: new(len(sentNames)), Items: &openapi.Schema{Type: "string", Pattern: `^((` + strings.Join(sentNames, "|") + `)(:[0-9a-fA-F]{8})?)?$`}})),
	}
)

// list writes a parameter's items in one, with commas.
func list(p openapi.Parameter) openapi.Parameter {
	p.Style, p.Explode = "form", new(bool)
	return p
}

// duration is a time as Go writes it. Empty counts as absent.
func duration(example string) *openapi.Schema {
	return &openapi.Schema{Type: "string", Pattern: `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))*$`, Examples: []any{example}}
}

func jsonBody(schema string, example any) *openapi.Body {
	return &openapi.Body{Required: true, Content: map[string]openapi.Media{jsonType: {Schema: openapi.Ref(schema), Example: example}}}
}

const streamExample = "retry: 2033\n\nid: orders@kZ3fQ1:1042.998.17\nevent: sluice.hello\ndata: {\"resume\":\"live\",\"heartbeat\":9000,\"streams\":[\"orders\"]}\n\n" +
	"id: orders@kZ3fQ1:1043.998.17\nevent: order.confirmed\ndata: {\"orderId\":\"o-77\",\"status\":\"confirmed\"}\n\n"

var stateExample = map[string]any{
	"cursor": "orders@kZ3fQ1:1042.998.17", "streams": []string{"orders"}, "since": "2026-01-01T12:00:00Z", "complete": true,
	"events": []map[string]any{{"stream": "orders", "subject": "o-77", "time": "2026-01-02T11:58:03.120Z", "event": "order.confirmed", "data": map[string]any{"orderId": "o-77", "status": "confirmed"}}},
}

// streamItem is one event of a stream: the gateway's own, by name, or one of a record.
func streamItem() *openapi.Schema {
	field := func(name string, schema *openapi.Schema) *openapi.Schema {
		return openapi.Object("", openapi.Properties{"event": {Const: name}, "data": {Type: "string", MediaType: jsonType, Content: schema}}, "event", "data")
	}
	own := openapi.Object("An event of a record. Unnamed where the stream's configuration names none.", openapi.Properties{
		"id": openapi.String("The position of this connection. Opaque."), "event": {Type: "string", Description: "Its name.", Not: &openapi.Schema{Pattern: `^sluice\.`}},
		"data": openapi.String("The record's value as it is."), "retry": openapi.Whole(0, "When to come back, in ms."),
	}, "data")
	kinds := []*openapi.Schema{own}
	for _, n := range notices {
		kinds = append(kinds, field(n.Name, openapi.Ref(n.Schema)))
	}
	return &openapi.Schema{OneOf: kinds}
}

// eventsOperation describes an event stream's route.
func eventsOperation(id, tag string) openapi.Operation {
	return openapi.Operation{
		ID: id, Tags: []string{tag}, Summary: "The caller's events, as they happen",
		Description: "An event stream (HTML Standard, 9.2). The id of an event is the position of this connection: come back with the last one, and nothing is missing and nothing comes twice. " +
			"With `probe` the stream has no events of Kafka's but timed ones, by which `sluice doctor` tells what is in between.",
		Parameters: append([]openapi.Parameter{streamParameter, subjectParameter,
			query("from", "Where to begin, where there is nothing to resume.", &openapi.Schema{
				Type: "string", Default: "live", Examples: []any{"live", "last:10", "since:2026-01-31T12:00:00Z"},
				Pattern: `^(live|earliest|last:([1-9][0-9]{0,2}|1000)|since:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[ +-][0-9]{2}:[0-9]{2}))?$`,
			}),
			query("lastEventId", "Where to resume: the newest id, of the EventSource before or of a state. Any text is taken: one that is no position is answered by a `sluice.reset`. Of several the last counts.", openapi.String("")),
			query("snapshot", "1: the stream begins with the state. Goes without `from`.", openapi.Enum("", "1", "")),
			headerParameter("Last-Event-ID", "Where to resume: an EventSource sends it when it comes back by itself, but not where a service worker answers (Chromium). It goes before `lastEventId`.", openapi.String(""))},
			probeParameters...),
		Responses: answers{}.with(http.StatusOK, openapi.Response{
			Description: "The stream. It ends when the identity does, when the gateway goes away, or by the client.",
			Headers: headers(header("Cache-Control", "No cache, and nothing in between that collects or compresses.", &openapi.Schema{Const: "private, no-store, no-transform"}),
				header("X-Accel-Buffering", "The same for nginx.", &openapi.Schema{Const: "no"})),
			Content: map[string]openapi.Media{streamType: {Schema: streamItem(), Example: streamExample}},
		}).
			problem(http.StatusBadRequest, "Something about the request can't be meant.", "body", "query", "user", "ticket", "subject", "from", "snapshot", "probe", "sent").
			unidentified().
			problem(http.StatusForbidden, "Not a stream, or not a subject, that the caller may read. Whether it exists is not told. Or a page of another site embeds it.", "stream", "subject", "cross-origin").
			problem(http.StatusNotFound, "A snapshot was asked for, and no state is kept of these streams.", "state").
			notNow(true).failed(),
	}
}
