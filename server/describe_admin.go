package server

import (
	"net/http"

	"sluice/server/openapi"
)

const adminAbout = "For operators. Never make this address public. It listens on 127.0.0.1, or demands `admin_auth` for all but `/livez` and `/readyz`. " +
	"A method that a path doesn't have is answered 405 with `Allow`, an unknown path 404, both as RFC 9457 problems."

// adminRoutes describes what the admin address can have.
var adminRoutes = map[string]described{
	"GET /livez": {Operation: openapi.Operation{
		ID: "livez", Tags: []string{tagHealth}, Summary: "Whether the process can answer",
		Description: "A gateway that waits for Kafka is alive: a restart would not help.",
		Responses:   answers{}.json(http.StatusOK, "The process answers.", openapi.Object("", openapi.Properties{"live": openapi.Bool("")}, "live"), nil),
	}},
	"GET /readyz": {Operation: openapi.Operation{
		ID: "readyz", Tags: []string{tagHealth}, Summary: "Whether a load balancer should send new requests here",
		Description: "At start the gateway is ready when each stream has been read once. A topic that doesn't exist, may not be read or has partitions without a leader holds it up for 10 seconds. " +
			"Afterwards it is not ready while it drains, or when Kafka has answered for none of its streams for `ready_grace`.",
		Parameters: []openapi.Parameter{streamParameter},
		Responses: answers{}.
			json(http.StatusOK, "Ready: send requests here.", openapi.Ref("Readiness"), nil).
			problem(http.StatusNotFound, "The stream doesn't exist.", "stream").
			json(http.StatusServiceUnavailable, "Not ready: send no new requests here.", openapi.Ref("Readiness"), nil),
	}},
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
	"GET /live": {asks: operator, Operation: openapi.Operation{
		ID: "live", Tags: []string{tagSight}, Summary: "The gateway's numbers at one moment",
		Description: "The numbers are those of `/metrics`. Counters only rise until a restart. A rate is the difference of two answers.",
		Parameters:  []openapi.Parameter{streamParameter},
		Responses: answers{}.json(http.StatusOK, "The numbers.", openapi.Ref("Live"), nil).
			problem(http.StatusNotFound, "The stream doesn't exist.", "stream").notForYou(),
	}},
	"GET /decisions":           decisionsRoute,
	"GET /subscribers":         subscribersRoute,
	"DELETE /subscribers/{id}": closeSubscriberRoute,
	"GET /asyncapi.json": {asks: operator, Operation: openapi.Operation{
		ID: "asyncapi", Tags: []string{tagDiscovery}, Summary: "All streams, with their topics, as AsyncAPI",
		Responses: answers{}.json(http.StatusOK, "AsyncAPI 3.0.", &openapi.Schema{Type: "object"}, nil).notForYou(),
	}},
	"GET /openapi.json": {asks: operator, Operation: openapi.Operation{
		ID: "openapi", Tags: []string{tagDiscovery}, Summary: "This document, in OpenAPI",
		Responses: answers{}.revalidated("OpenAPI 3.1.", jsonType, &openapi.Schema{Type: "object"}).notForYou(),
	}},
	"GET /debug/pprof/": {asks: operator, Operation: openapi.Operation{
		ID: "profiles", Tags: []string{tagProfiles}, Summary: "List of profiles",
		Responses: answers{}.with(http.StatusOK, openapi.Response{Description: "A page with the list.", Content: map[string]openapi.Media{"text/html": {}}}).notForYou(),
	}},
	"GET /debug/pprof/{name:goroutine|heap|allocs|threadcreate|block|mutex}": {asks: operator, Operation: openapi.Operation{
		ID: "profile", Tags: []string{tagProfiles}, Summary: "A profile of the moment",
		Parameters: []openapi.Parameter{
			{Name: "name", In: "path", Required: true, Schema: openapi.Enum("Name of the profile.", "goroutine", "heap", "allocs", "threadcreate", "block", "mutex")},
			query("debug", "1 or 2: as text, with less or more detail. Anything else: for `go tool pprof`.", openapi.String("")),
		},
		Responses: profile(answers{}).problem(http.StatusNotFound, "The profile doesn't exist.", "not-found").notForYou(),
	}},
	"GET /debug/pprof/profile": {asks: operator, Operation: openapi.Operation{
		ID: "cpuProfile", Tags: []string{tagProfiles}, Summary: "A CPU profile over some seconds",
		Parameters: []openapi.Parameter{seconds("Default 30.")},
		Responses:  profile(answers{}).with(http.StatusInternalServerError, alreadyRuns).notForYou(),
	}},
	"GET /debug/pprof/trace": {asks: operator, Operation: openapi.Operation{
		ID: "trace", Tags: []string{tagProfiles}, Summary: "An execution trace over some seconds",
		Parameters: []openapi.Parameter{seconds("Default 1.")},
		Responses:  profile(answers{}).with(http.StatusInternalServerError, alreadyRuns).notForYou(),
	}},
	"GET /debug/pprof/symbol": {asks: operator, Operation: openapi.Operation{
		ID: "symbol", Tags: []string{tagProfiles}, Summary: "Function names of addresses",
		Description: "The query has the addresses, joined by +.",
		Responses:   answers{}.with(http.StatusOK, openapi.Response{Description: "One line for each address.", Content: map[string]openapi.Media{textType: {}}}).notForYou(),
	}},
}

// alreadyRuns is pprof's answer to who asks for a second one.
var alreadyRuns = openapi.Response{Description: "Another profile is being recorded.", Content: map[string]openapi.Media{textType: {}}}

func profile(a answers) answers {
	return a.with(http.StatusOK, openapi.Response{Description: "The profile.", Content: map[string]openapi.Media{"application/octet-stream": {}, textType: {}}})
}

func seconds(about string) openapi.Parameter {
	return query("seconds", "How many seconds to record. "+about, openapi.Whole(1, ""))
}
