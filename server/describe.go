package server

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/operators"
	"sluice/server/pages"
	"sluice/server/portal"
	"sluice/server/response"
)

// apiVersion is of the interface, and not of the gateway: which release runs is nobody's
// to know.
const apiVersion = "1"

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
var publicRoutes = allOf(pages.Routes("Redirects to the page on how to use the gateway"), portal.Routes, map[string]describe.Route{
	"GET /events":             {Asks: describe.Caller, Operation: eventsOperation("events", describe.TagEvents)},
	"GET /state":              stateRoute,
	"GET /ws":                 websocketRoute,
	"POST /tickets":           ticketsRoute,
	"POST /revoke":            revokeRoute,
	"POST /publish/{stream}":  publishRoute,
	"GET /.well-known/sluice": {Asks: describe.AnyCaller, Operation: discoveryOperation("discover", describe.TagDiscovery)},
	"GET /asyncapi.json":      asyncapiRoute,
	"GET /openapi.json": {Operation: openapi.Operation{
		ID: "openapi", Tags: []string{describe.TagDiscovery}, Summary: "This document, in OpenAPI",
		Responses: describe.Responses{}.Revalidated("OpenAPI 3.1.", describe.JSONType, &openapi.Schema{Type: "object"}),
	}},
})

const adminAbout = "For operators. Never make this address public. It listens on 127.0.0.1, or demands `admin_auth` for all but `/livez` and `/readyz`. " +
	"A method that a path doesn't have is answered 405 with `Allow`, an unknown path 404, both as RFC 9457 problems."

// adminRoutes describes what the admin address can have.
var adminRoutes = allOf(pages.Routes("Redirects to the console"), operators.Routes, map[string]describe.Route{
	"GET /console/events":    {Asks: describe.Caller, Operation: eventsOperation("consoleEvents", describe.TagPages)},
	"GET /console/discovery": {Asks: describe.AnyCaller, Operation: discoveryOperation("consoleDiscovery", describe.TagPages)},
	"GET /asyncapi.json":     asyncapiOfAllRoute,
	"GET /openapi.json": {Asks: describe.Operator, Operation: openapi.Operation{
		ID: "openapi", Tags: []string{describe.TagDiscovery}, Summary: "This document, in OpenAPI",
		Responses: describe.Responses{}.Revalidated("OpenAPI 3.1.", describe.JSONType, &openapi.Schema{Type: "object"}).NotOperator(),
	}},
})

// allOf is what several tables describe.
func allOf(tables ...map[string]describe.Route) map[string]describe.Route {
	all := map[string]describe.Route{}
	for _, table := range tables {
		maps.Copy(all, table)
	}
	return all
}

// describeAll has the gateway describe the routes that it has.
func (s *Server) describeAll(public, admin chi.Routes) {
	shown := describe.Credentials{
		Callers: s.cfg.Auth, ForAnyone: s.forAnyone, APIKeys: s.cfg.APIKeys != nil, Portal: s.cfg.Portal != nil, Publish: len(s.cfg.Publish.Roles) > 0,
		AdminToken: s.cfg.AdminAuth.Token != "", AdminKeys: s.cfg.AdminAuth.APIKeys,
	}
	info := func(title, about string) openapi.Info {
		return openapi.Info{Title: title, Version: apiVersion, Description: about, License: &openapi.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}}
	}
	s.openapi.public = response.NewDocument(describe.JSONType, describe.Document(public, publicRoutes, info("sluice", publicAbout), shown, schemas, true))
	s.openapi.admin = response.NewDocument(describe.JSONType, describe.Document(admin, adminRoutes, info("sluice, admin address", adminAbout), shown, schemas, false))
	routes := []discoveredRoute{}
	describe.Each(public, func(method, pattern string) {
		if method != http.MethodHead {
			routes = append(routes, discoveredRoute{method, describe.Path(pattern)})
		}
	})
	slices.SortFunc(routes, func(a, b discoveredRoute) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	s.discovery = s.discoverable(routes)
}

// schemas are what the descriptions refer to.
var schemas = func() openapi.Properties {
	all := noticeSchemas()
	maps.Copy(all, bodySchemas())
	maps.Copy(all, requestSchemas())
	maps.Copy(all, publishSchemas())
	maps.Copy(all, operators.Schemas())
	maps.Copy(all, portal.Schemas())
	return showExamples(all)
}()

// bodySchemas are of what is answered.
func bodySchemas() openapi.Properties {
	cursor := openapi.String("Position at which the answer is true. Opaque.")
	stale := openapi.Time("Since when Kafka hasn't answered. Absent: it answers.")
	data := &openapi.Schema{Description: "Value of the record, if it is JSON."}
	text := openapi.String("Value of the record, if it is not JSON.")
	name := openapi.String("Name of the event. Absent: it has none.")
	return openapi.Properties{
		"Problem": openapi.Object("An RFC 9457 document. It repeats nothing of the request.", openapi.Properties{
			"type": openapi.String("Which problem it is."), "title": openapi.String(""), "status": openapi.Whole(400, ""), "detail": openapi.String("What was wrong, for people."),
		}, "type", "title", "status"),
		"State": openapi.Object("The latest event of each subject that belongs to the caller.", openapi.Properties{
			"cursor": cursor, "streams": openapi.List(openapi.String(""), "The streams that the state is of."), "stale": stale,
			"since":    openapi.Time("How far back the state reaches. Null: nothing is too old for it.").OrNull(),
			"complete": openapi.Bool("True: nothing since then was left out for want of memory."),
			"events": openapi.List(openapi.Object("", openapi.Properties{
				"stream": openapi.String(""), "subject": openapi.String(""), "time": openapi.Time("Timestamp of the record."), "event": name, "data": data, "text": text,
			}, "stream", "subject", "time"), ""),
		}, "cursor", "streams", "since", "complete", "events"),
		"Page": openapi.Object("What came after a cursor, in order, the gateway's own events included.", openapi.Properties{
			"cursor": cursor, "stale": stale,
			"more":   openapi.Bool("True: more events are waiting, so poll again without `wait`. Absent: the page has all of them."),
			"events": openapi.List(openapi.Object("", openapi.Properties{"id": openapi.String("Position after the event."), "event": name, "data": data, "text": text}, "id"), ""),
		}, "cursor", "events"),
		"Ticket": openapi.Object("", openapi.Properties{
			"ticket": openapi.String("The ticket, for `/events?ticket=`."), "id": openapi.String("Id by which to revoke the ticket."), "expires": openapi.Time("When the ticket and its streams end."),
		}, "ticket", "id", "expires"),
		"Revocation": openapi.Object("", openapi.Properties{
			"ended": openapi.Whole(0, "How many streams it ended on this gateway."), "until": openapi.Time("Until when credentials issued before are refused."),
		}, "ended", "until"),
		"Discovery": openapi.Of[discovery]("What the caller may read, and how. Members may be added. The version rises when one goes or changes its meaning."),
	}
}

// requestSchemas are of what is sent.
func requestSchemas() openapi.Properties {
	text := func(about string) *openapi.Schema { // a schema counts characters, so that it can't have a bound of bytes
		return &openapi.Schema{Type: "string", Description: about, MinLength: new(1)}
	}
	name := func(about string) *openapi.Schema {
		return text(fmt.Sprintf("%s At most %d bytes.", about, auth.MaxUser))
	}
	roles := openapi.List(text(""), "Roles of the user.")
	roles.MaxItems = new(auth.MaxRoles)
	roles.OrNull()
	ttl := func(about, example string) *openapi.Schema {
		s := describe.Duration(example)
		s.Description = about
		return s.OrNull() // as good as absent, here and below
	}
	lasts := ttl("How long the ticket opens streams, and when these end. At most 24h. Absent: as configured.", "30m")
	once := openapi.Bool("True: the ticket opens one stream only.").OrNull()
	inForce := ttl("How long credentials issued before are refused. At most 744h (31 days). Absent: 24h.", "12h")
	return openapi.Properties{
		"TicketRequest": {OneOf: []*openapi.Schema{
			openapi.Object("A ticket for a user.", openapi.Properties{"user": name("The user."), "roles": roles, "ttl": lasts, "once": once}, "user").Closed(),
			openapi.Object("A ticket for one subject of a stream.", openapi.Properties{"stream": text("Name of the stream."), "subject": name("The subject."), "ttl": lasts, "once": once}, "stream", "subject").Closed(),
		}},
		"RevocationRequest": {OneOf: []*openapi.Schema{
			openapi.Object("Revokes what a user was let in by.", openapi.Properties{"user": name("The user."), "for": inForce}, "user").Closed(),
			openapi.Object("Revokes one ticket.", openapi.Properties{"ticket": name("Id of the ticket."), "for": inForce}, "ticket").Closed(),
		}},
	}
}

// describe_examples.json has an example of each body, by the name of its schema. All tell
// of one order of alice.
//
//go:embed describe_examples.json
var bodyExamplesText []byte

var bodyExamples = func() (examples map[string]json.RawMessage) {
	if err := json.Unmarshal(bodyExamplesText, &examples); err != nil {
		panic(err) // it is embedded
	}
	return examples
}()

// showExamples gives the schemas of bodies their examples. A viewer shows them in place
// of "string" for each text.
func showExamples(schemas openapi.Properties) openapi.Properties {
	for name, example := range bodyExamples {
		schemas[name].Examples = []any{example}
	}
	return schemas
}
