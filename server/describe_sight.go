package server

import (
	"math"
	"net/http"

	"sluice/server/openapi"
)

// userParameter narrows what operators are shown to one user.
var userParameter = query("user", "Only this user's.", openapi.String(""))

// limitSchema is of a number that readLimit reads.
func limitSchema(fallback, most int) *openapi.Schema {
	s := openapi.Between(1, most, "")
	s.Default = fallback
	return s
}

var subscribersRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "subscribers", Tags: []string{tagSight}, Summary: "Who is connected",
	Description: "Streams and polls, in no particular order. Which is there all the time is listed once.",
	Parameters: []openapi.Parameter{
		userParameter,
		query("stream", "Only those that read this stream.", openapi.String("")),
		query("limit", "How many at most.", limitSchema(defaultPage, maxPage)),
		query("after", "`next` of the list before.", openapi.Between(0, math.MaxUint32, "")),
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

var decisionsRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "decisions", Tags: []string{tagSight}, Summary: "Why somebody got an event, or didn't",
	Description: "Of one record, by `topic` (or `stream`), `partition` and `offset`; or of the newest records, for a `user`. It takes `decisions` in the configuration. Nothing of a payload is in it.",
	Parameters: []openapi.Parameter{
		query("topic", "Of the record.", openapi.String("")),
		query("partition", "Of the record.", openapi.Between(0, math.MaxInt32, "")),
		query("offset", "Of the record. Without it the question is about a user.", openapi.Whole(0, "")),
		query("stream", "Only as this stream has it.", openapi.String("")),
		query("user", "For whom.", openapi.String("")),
		query("subject", "With a user: only records about this, whoever they belong to.", openapi.String("")),
		query("theirs", "With a user, 1: without what belongs to others.", openapi.Enum("", "0", "1")),
		query("limit", "With a user: how many at most.", limitSchema(defaultDecisions, maxDecisions)),
	},
	Responses: answers{}.json(http.StatusOK, "What is known, and the reasons.", openapi.Ref("Decisions"), nil).
		problem(http.StatusBadRequest, "The question can't be read.", "query", "user", "partition", "offset", "topic", "question", "limit").
		problem(http.StatusNotFound, "Decisions are not remembered, or there is no such stream.", "decisions-off", "stream").notForYou(),
}}
