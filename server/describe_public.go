package server

import "sluice/server/openapi"

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
	"GET /events":             {asks: caller, Operation: eventsOperation("events", tagEvents)},
	"GET /":                   homeRoute("Redirects to the page on how to use the gateway"),
	"GET /console":            toConsoleRoute,
	"GET /console/*":          consoleRoute,
	"GET /docs":               toDocsRoute,
	"GET /docs/*":             docsRoute,
	"GET /state":              stateRoute,
	"POST /tickets":           ticketsRoute,
	"POST /revoke":            revokeRoute,
	"GET /.well-known/sluice": {asks: anyCaller, Operation: discoveryOperation("discover", tagDiscovery)},
	"GET /asyncapi.json":      asyncapiRoute,
	"GET /openapi.json": {Operation: openapi.Operation{
		ID: "openapi", Tags: []string{tagDiscovery}, Summary: "This document, in OpenAPI",
		Responses: answers{}.revalidated("OpenAPI 3.1.", jsonType, &openapi.Schema{Type: "object"}),
	}},
}
