package server

import (
	"sluice/server/openapi"
	"sluice/stream"
)

// notice is an event of the gateway's own, for descriptions.
type notice struct {
	Name   string
	Says   string
	HasID  bool   // a position, to resume at
	Schema string // of its data
}

// probeEventName is of the only one that no real stream has.
const probeEventName = "sluice.probe"

// notices are all of them.
var notices = []notice{
	{"sluice.hello", "The stream begins, at this id.", true, "Hello"},
	{"sluice.heartbeat", "Nothing for you, up to this id.", true, "Heartbeat"},
	{stream.ResetEvent, "The position had to move: events may be missing. Get the state again.", true, "Reset"},
	{"sluice.snapshot", "The state follows, as events without an id; then sluice.hello.", false, "Snapshot"},
	{"sluice.stale", "Kafka doesn't answer, or no fetch succeeds.", false, "Stale"},
	{"sluice.fresh", "Kafka answers again.", false, "Fresh"},
	{"sluice.closing", "The stream ends (or will: expiring). Come back.", true, "Closing"},
	{"sluice.unavailable", "Not now: come back.", false, "Unavailable"},
	{probeEventName, "One timed event of a probe.", false, "Probe"},
}

// closingReasons are why a stream says that it ends. One that is gone, or takes nothing, is told nothing.
func closingReasons() (names []string) {
	for why := range reasons {
		if why != gone && why != slow && why != kafka {
			names = append(names, why.String())
		}
	}
	return names
}

// noticeSchemas are of the notices' data.
func noticeSchemas() openapi.Properties {
	retryMS := openapi.Whole(0, "When to come back, in ms.")
	since := openapi.Time("Since when.")
	return openapi.Properties{
		"Hello": openapi.Object("", openapi.Properties{
			"resume":    openapi.Enum("How it began.", "live", "replay", "resumed", "reset", "snapshot"),
			"heartbeat": openapi.Whole(1, "No stream is silent for longer, in ms."),
			"streams":   openapi.List(openapi.String(""), "What it carries."),
		}, "resume", "heartbeat", "streams"),
		"Heartbeat": openapi.Object("", openapi.Properties{"time": openapi.Time("Of the gateway.")}, "time"),
		"Reset": openapi.Object("", openapi.Properties{
			"reason": openapi.Enum("Why.", "retention", "recreated", "truncated", "compacted", "bounds", "scope", "invalid", "lagged"),
			"stream": openapi.String("Which one; absent: the id could not be read at all."),
			"partitions": openapi.List(openapi.Object("", openapi.Properties{
				"partition": openapi.Whole(0, ""),
				"from":      openapi.Whole(stream.Unknown, "Events from here (-1: from where the client was) are not sent. Absent where ids are sealed."),
				"to":        openapi.Whole(0, "Up to, not including, here."),
			}, "partition"), "Which ones; none: all."),
		}, "reason", "partitions"),
		"Snapshot": openapi.Object("", openapi.Properties{
			"since":    openapi.Time("How far back it reaches; null: nothing is too old for it.").OrNull(),
			"complete": openapi.Bool("Nothing was left out for want of memory."),
			"stale":    openapi.Time("Since when Kafka hasn't answered."),
			"subjects": openapi.Whole(0, "How many events follow."),
		}, "since", "complete", "subjects"),
		"Stale": openapi.Object("", openapi.Properties{"since": since}, "since"),
		"Fresh": openapi.Object("", openapi.Properties{}),
		"Closing": openapi.Object("", openapi.Properties{
			"reason":     openapi.Enum("Why.", closingReasons()...),
			"retry_ms":   retryMS,
			"ends_in_ms": openapi.Whole(0, "With expiring: when. Absent: now."),
		}, "reason", "retry_ms"),
		"Unavailable": openapi.Object("", openapi.Properties{"reason": openapi.String("Why."), "retry_ms": retryMS}, "reason", "retry_ms"),
		"Probe": openapi.Object("", openapi.Properties{
			"n":         openapi.Whole(0, "Its number; 0 opens."),
			"at_ms":     openapi.Whole(0, "When it was sent, after the first one, by the gateway's clock."),
			"of":        openapi.Whole(1, "How many follow. In the first one."),
			"heartbeat": openapi.Whole(1, "Of real streams here, in ms. In the first one."),
			"heard":     openapi.Object("What of the request arrived. In the first one.", openapi.Properties{}),
			"pad":       openapi.String("Padding."),
		}, "n", "at_ms"),
	}
}
