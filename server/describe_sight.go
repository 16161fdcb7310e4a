package server

import (
	"net/http"

	"sluice/server/openapi"
)

// userParameter narrows what operators are shown to one user.
var userParameter = query("user", "Only this user's.", openapi.String(""))

var subscribersRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "subscribers", Tags: []string{tagSight}, Summary: "Who is connected",
	Description: "Streams and polls, in no particular order. Which is there all the time is listed once.",
	Parameters: []openapi.Parameter{
		userParameter,
		query("stream", "Only those that read this stream.", openapi.String("")),
		query("limit", "How many at most, 1000 at most. Absent: 100.", openapi.Whole(1, "")),
		query("after", "`next` of the list before.", openapi.String("")),
	},
	Responses: answers{}.json(http.StatusOK, "Some of them.", openapi.Ref("Subscribers"), nil).
		problem(http.StatusBadRequest, "A parameter can't be read.", "query", "user", "limit", "after").
		problem(http.StatusNotFound, "There is no such stream.", "stream").notForYou(),
}}

var closeSubscriberRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "closeSubscriber", Tags: []string{tagSight}, Summary: "Close a connection",
	Description: "It is told `sluice.closing` with reason `operator`, and comes back by itself. A poll is answered with what it has.",
	Parameters:  []openapi.Parameter{{Name: "id", In: "path", Required: true, Description: "Of the list.", Schema: openapi.String("")}},
	Responses: answers{}.with(http.StatusNoContent, openapi.Response{Description: "It ends now."}).
		problem(http.StatusForbidden, "A page of another origin asks.", "cross-origin").
		problem(http.StatusNotFound, "It has gone, or the id is of another run of the gateway.", "subscriber").notForYou(),
}}
