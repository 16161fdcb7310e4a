package operators

import (
	"net/http"

	"sluice/server/describe"
	"sluice/server/openapi"
)

// The routes of Go's profiles, which package pprof answers.

var profilesRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "profiles", Tags: []string{describe.TagProfiles}, Summary: "List of profiles",
	Responses: describe.Responses{}.With(http.StatusOK, openapi.Response{Description: "A page with the list.", Content: map[string]openapi.Media{"text/html": {}}}).NotOperator(),
}}

var profileRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "profile", Tags: []string{describe.TagProfiles}, Summary: "A profile of the moment",
	Parameters: []openapi.Parameter{
		{Name: "name", In: "path", Required: true, Schema: openapi.Enum("Name of the profile.", "goroutine", "heap", "allocs", "threadcreate", "block", "mutex")},
		describe.Query("debug", "1 or 2: as text, with less or more detail. Anything else: for `go tool pprof`.", openapi.String("")),
	},
	Responses: profile(describe.Responses{}).Problem(http.StatusNotFound, "The profile doesn't exist.", "not-found").NotOperator(),
}}

var cpuProfileRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "cpuProfile", Tags: []string{describe.TagProfiles}, Summary: "A CPU profile over some seconds",
	Parameters: []openapi.Parameter{seconds("Default 30.")},
	Responses:  profile(describe.Responses{}).With(http.StatusInternalServerError, alreadyRuns).NotOperator(),
}}

var traceRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "trace", Tags: []string{describe.TagProfiles}, Summary: "An execution trace over some seconds",
	Parameters: []openapi.Parameter{seconds("Default 1.")},
	Responses:  profile(describe.Responses{}).With(http.StatusInternalServerError, alreadyRuns).NotOperator(),
}}

var symbolRoute = describe.Route{Asks: describe.Operator, Operation: openapi.Operation{
	ID: "symbol", Tags: []string{describe.TagProfiles}, Summary: "Function names of addresses",
	Description: "The query has the addresses, joined by +.",
	Responses:   describe.Responses{}.With(http.StatusOK, openapi.Response{Description: "One line for each address.", Content: map[string]openapi.Media{describe.TextType: {}}}).NotOperator(),
}}

// alreadyRuns is pprof's answer to who asks for a second one.
var alreadyRuns = openapi.Response{Description: "Another profile is being recorded.", Content: map[string]openapi.Media{describe.TextType: {}}}

func profile(a describe.Responses) describe.Responses {
	return a.With(http.StatusOK, openapi.Response{Description: "The profile.", Content: map[string]openapi.Media{"application/octet-stream": {}, describe.TextType: {}}})
}

func seconds(about string) openapi.Parameter {
	return describe.Query("seconds", "How many seconds to record. "+about, openapi.Whole(1, ""))
}
