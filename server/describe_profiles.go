package server

import (
	"net/http"

	"sluice/server/openapi"
)

// The routes of Go's profiles, which package pprof answers.

var profilesRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "profiles", Tags: []string{tagProfiles}, Summary: "List of profiles",
	Responses: answers{}.with(http.StatusOK, openapi.Response{Description: "A page with the list.", Content: map[string]openapi.Media{"text/html": {}}}).notForYou(),
}}

var profileRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "profile", Tags: []string{tagProfiles}, Summary: "A profile of the moment",
	Parameters: []openapi.Parameter{
		{Name: "name", In: "path", Required: true, Schema: openapi.Enum("Name of the profile.", "goroutine", "heap", "allocs", "threadcreate", "block", "mutex")},
		query("debug", "1 or 2: as text, with less or more detail. Anything else: for `go tool pprof`.", openapi.String("")),
	},
	Responses: profile(answers{}).problem(http.StatusNotFound, "The profile doesn't exist.", "not-found").notForYou(),
}}

var cpuProfileRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "cpuProfile", Tags: []string{tagProfiles}, Summary: "A CPU profile over some seconds",
	Parameters: []openapi.Parameter{seconds("Default 30.")},
	Responses:  profile(answers{}).with(http.StatusInternalServerError, alreadyRuns).notForYou(),
}}

var traceRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "trace", Tags: []string{tagProfiles}, Summary: "An execution trace over some seconds",
	Parameters: []openapi.Parameter{seconds("Default 1.")},
	Responses:  profile(answers{}).with(http.StatusInternalServerError, alreadyRuns).notForYou(),
}}

var symbolRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "symbol", Tags: []string{tagProfiles}, Summary: "Function names of addresses",
	Description: "The query has the addresses, joined by +.",
	Responses:   answers{}.with(http.StatusOK, openapi.Response{Description: "One line for each address.", Content: map[string]openapi.Media{textType: {}}}).notForYou(),
}}

// alreadyRuns is pprof's answer to who asks for a second one.
var alreadyRuns = openapi.Response{Description: "Another profile is being recorded.", Content: map[string]openapi.Media{textType: {}}}

func profile(a answers) answers {
	return a.with(http.StatusOK, openapi.Response{Description: "The profile.", Content: map[string]openapi.Media{"application/octet-stream": {}, textType: {}}})
}

func seconds(about string) openapi.Parameter {
	return query("seconds", "How many seconds to record. "+about, openapi.Whole(1, ""))
}
