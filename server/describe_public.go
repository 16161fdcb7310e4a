package server

import (
	"fmt"
	"net/http"
	"strings"

	"sluice/server/openapi"
)

const publicAbout = `Events of Kafka topics as Server-Sent Events, each to the users it belongs to.

Errors come before the first byte, as RFC 9457 problems. ` + "`type`" + ` says which one it is.
After the first byte, the gateway reports what happens by events of the stream. Their names begin with ` + "`sluice.`" + `.

A browser's EventSource never comes back after a status other than 200. So the gateway answers 200 to a request that accepts
` + "`text/event-stream`" + ` and only has to wait. The answer says when to come back, sends ` + "`sluice.unavailable`" + ` and ends. Other
clients get a 503 or 429. A proxy may have dropped ` + "`Accept`" + `. So a request for a stream with ` + "`Sec-Fetch-Mode: cors`" + ` or
` + "`Last-Event-ID`" + ` counts as one that accepts it.

A method that a path doesn't have is answered 405 with ` + "`Allow`" + `, an unknown path 404, both as problems. What is no HTTP
request is answered 400, and a header that is too long 431. These come in plain text.`

// publicRoutes describes what the public port can have.
var publicRoutes = map[string]described{
	"GET /events":    {asks: caller, Operation: eventsOperation("events", tagEvents)},
	"GET /":          homeRoute("Redirects to the page on how to use the gateway"),
	"GET /console":   toConsoleRoute,
	"GET /console/*": consoleRoute,
	"GET /docs":      toDocsRoute,
	"GET /docs/*":    docsRoute,
	"GET /state": {asks: caller, Operation: openapi.Operation{
		ID: "state", Tags: []string{tagEvents}, Summary: "The latest event of each subject, or what came after a cursor",
		Description: "Render the state on the server, then open `/events?lastEventId=<cursor>`. Nothing is missing and nothing comes twice. With `cursor` the request is a poll: it returns every later event, in order, with the guarantees of a stream. With `wait` it is a long poll. A poll answered 200 has moved on, or nothing happened. If Kafka gives nothing in time, the answer is a 503.",
		Parameters: []openapi.Parameter{streamParameter, subjectParameter,
			query("cursor", "Cursor of a state or of the poll before. The poll returns what came after it.", &openapi.Schema{Type: "string", MinLength: new(1)}),
			query("wait", "How long a poll waits for an event, a time like 25s. At most 60s. Needs `cursor`.", duration("25s")),
			headerParameter("If-None-Match", "The ETag of a state that the caller has.", openapi.String("")),
		},
		Responses: answers{}.with(http.StatusOK, openapi.Response{
			Description: "The state, or with `cursor` a page of events. Where other clients get a 503 or 429, a client that accepts `text/event-stream` gets a stream that tells it to come back.",
			Headers:     headers(header("Vary", "The answer depends on the caller.", openapi.String(""))),
			Content: map[string]openapi.Media{
				jsonType:   {Schema: &openapi.Schema{AnyOf: []*openapi.Schema{openapi.Ref("State"), openapi.Ref("Page")}}, Example: stateExample},
				streamType: {Schema: streamItem()},
			},
		}).with(http.StatusNotModified, openapi.Response{Description: "Not changed: the state is what `If-None-Match` names. Its cursor still holds."}).
			problem(http.StatusBadRequest, "The request makes no sense. `detail` says what is wrong.", "body", "query", "user", "ticket", "subject", "from", "snapshot", "cursor", "wait").
			unidentified().
			problem(http.StatusForbidden, "The caller may not read this stream or subject, or it doesn't exist. The answer is the same for both. Or a page of another site embeds the request.", "stream", "subject", "cross-origin").
			problem(http.StatusNotFound, "No state is kept of these streams.", "state").
			notNow(true).failed(),
	}},
	"POST /tickets": {asks: backEnd, Operation: openapi.Operation{
		ID: "ticket", Tags: []string{tagBackEnds}, Summary: "Create a ticket, with which a page opens /events?ticket=…",
		Description: "A ticket is for a user, or for one subject of a stream, whatever user its events belong to (guest checkout).",
		Body:        jsonBody("TicketRequest", map[string]any{"stream": "orders", "subject": "o-77", "ttl": "30m"}),
		Responses: answers{}.
			json(http.StatusCreated, "The ticket.", openapi.Ref("Ticket"), nil).
			problem(http.StatusBadRequest, "The body makes no sense, or the stream doesn't exist.", "ticket").
			unidentified(),
	}},
	"POST /revoke": {asks: backEnd, Operation: openapi.Operation{
		ID: "revoke", Tags: []string{tagBackEnds}, Summary: "End a user's or a ticket's streams, and refuse credentials issued before",
		Body: jsonBody("RevocationRequest", map[string]any{"user": "alice", "for": "12h"}),
		Responses: answers{}.
			json(http.StatusOK, "The revocation is in force.", openapi.Ref("Revocation"), nil).
			problem(http.StatusBadRequest, "The body makes no sense. `detail` says what is wrong.", "revocation").
			unidentified().
			problem(http.StatusServiceUnavailable, "The revocation is in force on this gateway, but the others could not be told. Send the request again.", "not-announced"),
	}},
	"GET /.well-known/sluice": {asks: anyCaller, Operation: discoveryOperation("discover", tagDiscovery)},
	"GET /asyncapi.json": {asks: anyCaller, Operation: openapi.Operation{
		ID: "asyncapi", Tags: []string{tagDiscovery}, Summary: "The streams that the caller may read, as AsyncAPI",
		Responses: answers{}.json(http.StatusOK, "AsyncAPI 3.0.", &openapi.Schema{Type: "object"}, nil).
			problem(http.StatusBadRequest, "A parameter is given twice.", once...).
			unidentified().notNow(false).failed(),
	}},
	"GET /openapi.json": {Operation: openapi.Operation{
		ID: "openapi", Tags: []string{tagDiscovery}, Summary: "This document, in OpenAPI",
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
	streamParameter = list(query("stream", "Names of the streams to read. Absent: all that the caller may read.",
		openapi.List(&openapi.Schema{Type: "string", Pattern: `^[a-z][a-z0-9-]*$`}, "")))
	subjectParameter = query("subject", fmt.Sprintf("Only events about this subject. At most %d bytes of UTF-8.", maxSubject), openapi.String(""))

	probeParameters = []openapi.Parameter{
		query("probe", fmt.Sprintf("COUNTxBYTES@EVERY. COUNT is the number of timed events (1 to %d), BYTES the padding of each (up to %d), EVERY the time between two (at least %v). All together may take %v at most.",
			maxProbes, maxProbeBytes, minProbeEvery, maxProbeLength), &openapi.Schema{Type: "string", Pattern: planText.String(), Examples: []any{"6x100@300ms"}}),
		list(query("sent", "Headers whose arrival a probe reports. Each is a name, alone or with the first 8 hex digits of its value's SHA-256.",
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
	own := openapi.Object("An event made from a record. It has no name if the stream's configuration gives none.", openapi.Properties{
		"id": openapi.String("Position of this connection. Opaque."), "event": {Type: "string", Description: "Name of the event.", Not: &openapi.Schema{Pattern: `^sluice\.`}},
		"data": openapi.String("Value of the record, as it is."), "retry": openapi.Whole(0, "How long to wait before coming back, in ms."),
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
		Description: "An event stream (HTML Standard, 9.2). The id of an event is the position of this connection. Come back with the last one: nothing is missing and nothing comes twice. " +
			"With `probe` the stream has timed events instead of Kafka's. By them `sluice doctor` tells what is in between.",
		Parameters: append([]openapi.Parameter{streamParameter, subjectParameter,
			query("from", "Where to begin if there is nothing to resume.", &openapi.Schema{
				Type: "string", Default: "live", Examples: []any{"live", "last:10", "since:2026-01-31T12:00:00Z"},
				Pattern: `^(live|earliest|last:([1-9][0-9]{0,2}|1000)|since:[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[ +-][0-9]{2}:[0-9]{2}))?$`,
			}),
			query("lastEventId", "Where to resume: the newest id of the connection before, or of a state. Any text is taken. Text that is no position is answered by a `sluice.reset`. Of several the last counts.", openapi.String("")),
			query("snapshot", "1: the stream begins with the state. Not together with `from`.", openapi.Enum("", "1", "")),
			headerParameter("Last-Event-ID", "Where to resume. An EventSource sends this header when it comes back by itself, but not where a service worker answers (Chromium). It takes precedence over `lastEventId`.", openapi.String(""))},
			probeParameters...),
		Responses: answers{}.with(http.StatusOK, openapi.Response{
			Description: "The stream. It ends when the identity ends, when the gateway shuts down, or when the client closes it.",
			Headers: headers(header("Cache-Control", "Caches must not store the stream, and proxies must not collect or compress it.", &openapi.Schema{Const: "private, no-store, no-transform"}),
				header("X-Accel-Buffering", "Tells nginx not to buffer.", &openapi.Schema{Const: "no"})),
			Content: map[string]openapi.Media{streamType: {Schema: streamItem(), Example: streamExample}},
		}).
			problem(http.StatusBadRequest, "The request makes no sense. `detail` says what is wrong.", "body", "query", "user", "ticket", "subject", "from", "snapshot", "probe", "sent").
			unidentified().
			problem(http.StatusForbidden, "The caller may not read this stream or subject, or it doesn't exist. The answer is the same for both. Or a page of another site embeds the request.", "stream", "subject", "cross-origin").
			problem(http.StatusNotFound, "A snapshot was asked for, and no state is kept of these streams.", "state").
			notNow(true).failed(),
	}
}
