package server

import (
	"net/http"

	"sluice/server/openapi"
)

const adminAbout = "For operators. Never make this address public. It listens on 127.0.0.1, or demands `admin_auth` for all but `/livez` and `/readyz`. " +
	"A method that a path doesn't have is answered 405 with `Allow`, an unknown path 404, both as RFC 9457 problems."

// adminRoutes describes what the admin address can have.
var adminRoutes = map[string]described{
	"GET /livez":             livezRoute,
	"GET /readyz":            readyzRoute,
	"GET /":                  homeRoute("Redirects to the console"),
	"GET /console":           toConsoleRoute,
	"GET /console/*":         consoleRoute,
	"GET /console/events":    {asks: caller, Operation: eventsOperation("consoleEvents", tagPages)},
	"GET /console/discovery": {asks: anyCaller, Operation: discoveryOperation("consoleDiscovery", tagPages)},
	"GET /docs":              toDocsRoute,
	"GET /docs/*":            docsRoute,
	"GET /metrics": {asks: operator, Operation: openapi.Operation{
		ID: "metrics", Tags: []string{tagSight}, Summary: "Metrics for Prometheus",
		Responses: answers{}.with(http.StatusOK, openapi.Response{Description: "Metrics in a format of Prometheus, chosen by `Accept`.", Content: map[string]openapi.Media{
			textType: {Schema: openapi.String("")}, "application/vnd.google.protobuf": {}}}).notForYou(),
	}},
	"GET /live":                liveRoute,
	"GET /decisions":           decisionsRoute,
	"GET /subscribers":         subscribersRoute,
	"DELETE /subscribers/{id}": closeSubscriberRoute,
	"GET /asyncapi.json":       asyncapiOfAllRoute,
	"GET /openapi.json": {asks: operator, Operation: openapi.Operation{
		ID: "openapi", Tags: []string{tagDiscovery}, Summary: "This document, in OpenAPI",
		Responses: answers{}.revalidated("OpenAPI 3.1.", jsonType, &openapi.Schema{Type: "object"}).notForYou(),
	}},
	"GET /debug/pprof/": profilesRoute,
	"GET /debug/pprof/{name:goroutine|heap|allocs|threadcreate|block|mutex}": profileRoute,
	"GET /debug/pprof/profile": cpuProfileRoute,
	"GET /debug/pprof/trace":   traceRoute,
	"GET /debug/pprof/symbol":  symbolRoute,
}
