package server

import (
	"net/http"

	"sluice/server/openapi"
)

const adminAbout = "For operators. Never make this address public: it listens on 127.0.0.1, or demands `admin_auth`, but for `/livez` and `/readyz`. " +
	"A method that a path doesn't have is answered 405 with `Allow`, a path that there isn't 404, both as RFC 9457 problems."

// adminRoutes describes what the admin address can have.
var adminRoutes = map[string]described{
	"GET /livez": {Operation: openapi.Operation{
		ID: "livez", Tags: []string{tagHealth}, Summary: "The process can answer",
		Description: "What waits for Kafka is alive: to start it again would not help.",
		Responses:   answers{}.json(http.StatusOK, "It can.", openapi.Object("", openapi.Properties{"live": openapi.Bool("")}, "live"), nil),
	}},
	"GET /readyz": {Operation: openapi.Operation{
		ID: "readyz", Tags: []string{tagHealth}, Summary: "A load balancer should send new streams here, or not",
		Description: "At start the gateway is ready when each stream has been read once; a topic that doesn't exist, may not be read or has partitions without a leader holds it up for 10 seconds. " +
			"Afterwards it is not ready while it drains, or when Kafka has answered for none of its streams for `ready_grace`.",
		Parameters: []openapi.Parameter{streamParameter},
		Responses: answers{}.
			json(http.StatusOK, "It should.", openapi.Ref("Readiness"), nil).
			problem(http.StatusNotFound, "There is no such stream.", "stream").
			json(http.StatusServiceUnavailable, "It should not.", openapi.Ref("Readiness"), nil),
	}},
	"GET /":                  homeRoute("Leads to the console"),
	"GET /console":           toConsoleRoute,
	"GET /console/*":         consoleRoute,
	"GET /console/events":    {asks: caller, Operation: eventsOperation("consoleEvents", tagPages)},
	"GET /console/discovery": {asks: anyCaller, Operation: discoveryOperation("consoleDiscovery", tagPages)},
	"GET /docs":              toDocsRoute,
	"GET /docs/*":            docsRoute,
	"GET /metrics": {asks: operator, Operation: openapi.Operation{
		ID: "metrics", Tags: []string{tagSight}, Summary: "For Prometheus",
		Responses: answers{}.with(http.StatusOK, openapi.Response{Description: "In Prometheus' formats, by `Accept`.", Content: map[string]openapi.Media{
			textType: {Schema: openapi.String("")}, "application/vnd.google.protobuf": {}}}).notForYou(),
	}},
	"GET /live": {asks: operator, Operation: openapi.Operation{
		ID: "live", Tags: []string{tagSight}, Summary: "The gateway at one moment",
		Description: "The numbers are those of `/metrics`. What is counted only rises until a restart: rates are the difference of two answers.",
		Parameters:  []openapi.Parameter{streamParameter},
		Responses: answers{}.json(http.StatusOK, "As it is.", openapi.Ref("Live"), nil).
			problem(http.StatusNotFound, "There is no such stream.", "stream").notForYou(),
	}},
	"GET /decisions":           decisionsRoute,
	"GET /subscribers":         subscribersRoute,
	"DELETE /subscribers/{id}": closeSubscriberRoute,
	"GET /asyncapi.json": {asks: operator, Operation: openapi.Operation{
		ID: "asyncapi", Tags: []string{tagDiscovery}, Summary: "All streams, with their topics, as AsyncAPI",
		Responses: answers{}.json(http.StatusOK, "AsyncAPI 3.0.", &openapi.Schema{Type: "object"}, nil).notForYou(),
	}},
	"GET /openapi.json": {asks: operator, Operation: openapi.Operation{
		ID: "openapi", Tags: []string{tagDiscovery}, Summary: "This description",
		Responses: answers{}.revalidated("OpenAPI 3.1.", jsonType, &openapi.Schema{Type: "object"}).notForYou(),
	}},
	"GET /debug/pprof/": {asks: operator, Operation: openapi.Operation{
		ID: "profiles", Tags: []string{tagProfiles}, Summary: "Which profiles there are",
		Responses: answers{}.with(http.StatusOK, openapi.Response{Description: "A page.", Content: map[string]openapi.Media{"text/html": {}}}).notForYou(),
	}},
	"GET /debug/pprof/{name:goroutine|heap|allocs|threadcreate|block|mutex}": {asks: operator, Operation: openapi.Operation{
		ID: "profile", Tags: []string{tagProfiles}, Summary: "A profile of what there is",
		Parameters: []openapi.Parameter{
			{Name: "name", In: "path", Required: true, Schema: openapi.Enum("Which.", "goroutine", "heap", "allocs", "threadcreate", "block", "mutex")},
			query("debug", "1 or 2: as text, with less or more in it. Anything else: for `go tool pprof`.", openapi.String("")),
		},
		Responses: profile(answers{}).problem(http.StatusNotFound, "There is no such profile.", "not-found").notForYou(),
	}},
	"GET /debug/pprof/profile": {asks: operator, Operation: openapi.Operation{
		ID: "cpuProfile", Tags: []string{tagProfiles}, Summary: "What the processors do, over a time",
		Parameters: []openapi.Parameter{seconds("30 unless it says otherwise.")},
		Responses:  profile(answers{}).with(http.StatusInternalServerError, alreadyRuns).notForYou(),
	}},
	"GET /debug/pprof/trace": {asks: operator, Operation: openapi.Operation{
		ID: "trace", Tags: []string{tagProfiles}, Summary: "What the scheduler does, over a time",
		Parameters: []openapi.Parameter{seconds("1 unless it says otherwise.")},
		Responses:  profile(answers{}).with(http.StatusInternalServerError, alreadyRuns).notForYou(),
	}},
	"GET /debug/pprof/symbol": {asks: operator, Operation: openapi.Operation{
		ID: "symbol", Tags: []string{tagProfiles}, Summary: "Names of addresses",
		Description: "The query is addresses, joined by +.",
		Responses:   answers{}.with(http.StatusOK, openapi.Response{Description: "A line each.", Content: map[string]openapi.Media{textType: {}}}).notForYou(),
	}},
}

// alreadyRuns is pprof's answer to who asks for a second one.
var alreadyRuns = openapi.Response{Description: "One is being taken already.", Content: map[string]openapi.Media{textType: {}}}

func profile(a answers) answers {
	return a.with(http.StatusOK, openapi.Response{Description: "The profile.", Content: map[string]openapi.Media{"application/octet-stream": {}, textType: {}}})
}

func seconds(about string) openapi.Parameter {
	return query("seconds", "How long. "+about, openapi.Whole(1, ""))
}
