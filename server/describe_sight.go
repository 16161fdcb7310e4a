package server

import (
	"math"
	"net/http"

	"sluice/server/openapi"
)

// userParameter narrows what operators are shown to one user.
var userParameter = query("user", "Only connections of this user.", openapi.String(""))

// limitSchema is of a number that readLimit reads.
func limitSchema(fallback, most int) *openapi.Schema {
	s := openapi.Between(1, most, "")
	s.Default = fallback
	return s
}

var subscribersRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "subscribers", Tags: []string{tagSight}, Summary: "The connections",
	Description: "Streams and polls, in no particular order. A connection that is there all the time is listed once.",
	Parameters: []openapi.Parameter{
		userParameter,
		query("stream", "Only connections that read this stream.", openapi.String("")),
		query("limit", "At most so many connections.", limitSchema(defaultPage, maxPage)),
		query("after", "`next` of the page before.", openapi.Between(0, math.MaxUint32, "")),
	},
	Responses: answers{}.json(http.StatusOK, "One page of connections.", openapi.Ref("Subscribers"), nil).
		problem(http.StatusBadRequest, "A parameter can't be read.", "query", "user", "limit", "after").
		problem(http.StatusNotFound, "The stream doesn't exist.", "stream").notForYou(),
}}

var closeSubscriberRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "closeSubscriber", Tags: []string{tagSight}, Summary: "Close a connection",
	Description: "The client gets `sluice.closing` with reason `operator`, and comes back by itself. A poll is answered with what it has.",
	Parameters:  []openapi.Parameter{{Name: "id", In: "path", Required: true, Description: "Id of the connection, as listed.", Schema: openapi.String("")}},
	Responses: answers{}.with(http.StatusNoContent, openapi.Response{Description: "The connection ends now."}).
		problem(http.StatusForbidden, "A page of another origin asks.", "cross-origin").
		problem(http.StatusNotFound, "The connection has gone, or the id is of another run of the gateway.", "subscriber").notForYou(),
}}

var decisionsRoute = described{asks: operator, Operation: openapi.Operation{
	ID: "decisions", Tags: []string{tagSight}, Summary: "Why a user got an event, or didn't",
	Description: "Ask about one record, by `topic` (or `stream`), `partition` and `offset`. Or ask about the newest records, for a `user`. It needs `decisions` in the configuration. The answer holds nothing of a payload.",
	Parameters: []openapi.Parameter{
		query("topic", "Topic of the record.", openapi.String("")),
		query("partition", "Partition of the record.", openapi.Between(0, math.MaxInt32, "")),
		query("offset", "Offset of the record. Without it the question is about a user.", openapi.Whole(0, "")),
		query("stream", "Only the record as this stream has it.", openapi.String("")),
		query("user", "The user that the question is about.", openapi.String("")),
		query("subject", "With a user: only records about this subject, of any user.", openapi.String("")),
		query("theirs", "With a user: 1 leaves out records that belong to others.", openapi.Enum("", "0", "1")),
		query("limit", "With a user: at most so many records.", limitSchema(defaultDecisions, maxDecisions)),
	},
	Responses: answers{}.json(http.StatusOK, "What is known, and the reasons.", openapi.Ref("Decisions"), nil).
		problem(http.StatusBadRequest, "The question can't be read.", "query", "user", "partition", "offset", "topic", "question", "limit").
		problem(http.StatusNotFound, "Decisions are not remembered, or there is no such stream.", "decisions-off", "stream").notForYou(),
}}
