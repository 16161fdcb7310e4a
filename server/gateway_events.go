package server

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"sluice/server/deprecation"
	"sluice/server/openapi"
	"sluice/server/response"
	"sluice/stream"
	"sluice/stream/sse"
)

// The gateway's own events. Their data is JSON; what stands in it is ours, so
// nothing needs escaping but stream names, which have no character that does.

// appendOpening appends what every stream begins with: how long to wait before coming
// back, and what had to be skipped. Then comes hello, after the state where that was
// asked for.
func appendOpening(dst []byte, retry tick, o stream.Opening) []byte {
	dst = sse.AppendRetry(dst, retry.duration())
	for _, reset := range o.Resets {
		dst = sse.AppendEvent(dst, reset.ID, stream.ResetEvent, reset.AppendJSON(nil))
	}
	return dst
}

// hello is the data of sluice.hello.
type hello struct {
	Resume     stream.Outcome                 `json:"resume"`
	Heartbeat  tick                           `json:"heartbeat"`
	Streams    []string                       `json:"streams"`
	Deprecated map[string]*deprecation.Notice `json:"deprecated,omitempty"` // of Streams
}

// appendHello appends the position the connection starts from.
func appendHello(dst []byte, id string, h hello) []byte {
	data, err := json.Marshal(h)
	if err != nil {
		panic(err) // texts and numbers
	}
	return sse.AppendEvent(dst, id, "sluice.hello", data)
}

// appendHeartbeat is an event and not a comment: a page sees events only, and it
// carries the position, so that a long silence costs no catch-up.
// Every connection gets one all the time, so it allocates nothing.
//
// The position may be unknown: the log can have overrun the subscriber since its last
// Pull. Then there is no id line. An empty one would clear the client's last event id
// (WHATWG HTML, "Interpreting an event stream"), and it would come back without a
// position.
func appendHeartbeat(dst []byte, sub stream.Sub, now time.Time) []byte {
	const field = "id: "
	start := len(dst)
	dst = sub.AppendID(append(dst, field...))
	if len(dst) == start+len(field) {
		dst = dst[:start]
	} else {
		dst = append(dst, '\n')
	}
	dst = append(dst, "event: sluice.heartbeat\ndata: {\"time\":\""...)
	dst = now.UTC().AppendFormat(dst, time.RFC3339)
	return append(dst, "\"}\n\n"...)
}

func appendStale(dst []byte, since time.Time) []byte {
	return sse.AppendEvent(dst, "", "sluice.stale", fmt.Appendf(nil, `{"since":"%s"}`, response.Stamp(since)))
}

func appendFresh(dst []byte) []byte {
	return sse.AppendEvent(dst, "", "sluice.fresh", []byte(`{}`))
}

// appendExpiring says that the stream will end in so long, since the identity does.
func appendExpiring(dst []byte, in, retry tick) []byte {
	data := fmt.Appendf(nil, `{"reason":"%s","ends_in_ms":%d,"retry_ms":%d}`, expiring, in, retry)
	return sse.AppendEvent(dst, "", "sluice.closing", data)
}

// appendClosing says that this is the end, and when to come back: as a retry field
// for an EventSource, and in the data for those that do it themselves.
func appendClosing(dst []byte, id string, why reason, retry tick) []byte {
	dst = sse.AppendRetry(dst, retry.duration())
	return sse.AppendEvent(dst, id, "sluice.closing", fmt.Appendf(nil, `{"reason":"%s","retry_ms":%d}`, why, retry))
}

// appendUnavailable says why the caller can't be served now, and when to ask again.
func appendUnavailable(dst []byte, why string, retry tick) []byte {
	dst = sse.AppendRetry(dst, retry.duration())
	return sse.AppendEvent(dst, "", "sluice.unavailable", unavailableData(why, retry))
}

func unavailableData(why string, retry tick) []byte {
	return fmt.Appendf(nil, `{"reason":"%s","retry_ms":%d}`, why, retry)
}

// notice is an event of the gateway's own, for descriptions.
type notice struct {
	Name   string
	Says   string
	HasID  bool   // a position, to resume at
	Schema string // of its data
}

// probeEventName is of the only one that no real stream has.
const probeEventName = "sluice.probe"

// isOfStreams reports whether real streams have it.
func (n notice) isOfStreams() bool { return n.Name != probeEventName }

// notices are all of them.
var notices = []notice{
	{"sluice.hello", "The stream begins, at this id.", true, "Hello"},
	{"sluice.heartbeat", "No event for you up to this id.", true, "Heartbeat"},
	{stream.ResetEvent, "The position had to move, so events may be missing. Get the state again.", true, "Reset"},
	{"sluice.snapshot", "The state follows, as events without an id. Then comes sluice.hello.", false, "Snapshot"},
	{"sluice.stale", "Kafka doesn't answer, or no fetch succeeds.", false, "Stale"},
	{"sluice.fresh", "Kafka answers again, and fetches succeed.", false, "Fresh"},
	{"sluice.closing", "The stream ends with this event. With reason expiring it ends later, after ends_in_ms. Come back.", true, "Closing"},
	{"sluice.unavailable", "The gateway can't serve you now. Come back later.", false, "Unavailable"},
	{probeEventName, "One timed event of a probe.", false, "Probe"},
}

// closingReasons are why a stream says that it ends. One that is gone, or takes nothing,
// is told nothing.
func closingReasons() (names []string) {
	for why := range reasons {
		if why != gone && why != slow && why != kafka {
			names = append(names, why.String())
		}
	}
	return names
}

// unavailableReasons are why the gateway can't serve a caller now.
func unavailableReasons() []string {
	return slices.Sorted(maps.Keys(waiting))
}

// noticeSchemas are of the notices' data.
func noticeSchemas() openapi.Properties {
	retryMS := openapi.Whole(0, "How long to wait before coming back, in ms.")
	since := openapi.Time("Since when this has been so.")
	return openapi.Properties{
		"Hello": openapi.Object("", openapi.Properties{
			"resume":    openapi.Enum("How the stream began.", "live", "replay", "resumed", "reset", "snapshot"),
			"heartbeat": openapi.Whole(1, "The stream is never silent for longer than this, in ms."),
			"streams":   openapi.List(openapi.String(""), "The streams that this connection reads."),
			"deprecated": {
				Type: "object", Description: "Those of the streams that are deprecated. Absent: none is.",
				Additional: openapi.Of[deprecation.Notice]("Since when, until when, and what to read instead."),
			},
		}, "resume", "heartbeat", "streams"),
		"Heartbeat": openapi.Object("", openapi.Properties{"time": openapi.Time("The gateway's time.")}, "time"),
		"Reset": openapi.Object("", openapi.Properties{
			"reason": openapi.Enum("Why the position moved.", "retention", "recreated", "truncated", "compacted", "bounds", "scope", "invalid", "lagged"),
			"stream": openapi.String("The stream. Absent: the id could not be read at all."),
			"partitions": openapi.List(openapi.Object("", openapi.Properties{
				"topic":     openapi.String("Of a stream of several topics. Absent with sealed ids, and where the topic was deleted and its name isn't known."),
				"partition": openapi.Whole(0, ""),
				"from":      openapi.Whole(stream.Unknown, "Events from here (-1: from where the client was) are not sent. Absent where ids are sealed."),
				"to":        openapi.Whole(0, "The first offset that is sent again."),
			}, "partition"), "The partitions concerned. Empty: all."),
		}, "reason", "partitions"),
		"Snapshot": openapi.Object("", openapi.Properties{
			"since":    openapi.Time("How far back the state reaches. Null: nothing is too old for it.").OrNull(),
			"complete": openapi.Bool("True: nothing was left out for want of memory."),
			"stale":    openapi.Time("Since when Kafka hasn't answered. Absent: it answers."),
			"subjects": openapi.Whole(0, "How many events follow."),
		}, "since", "complete", "subjects"),
		"Stale": openapi.Object("", openapi.Properties{"since": since}, "since"),
		"Fresh": openapi.Object("", openapi.Properties{}),
		"Closing": openapi.Object("", openapi.Properties{
			"reason":     openapi.Enum("Why the stream ends.", closingReasons()...),
			"retry_ms":   retryMS,
			"ends_in_ms": openapi.Whole(0, "With expiring: in how many ms the stream ends. Absent: now."),
		}, "reason", "retry_ms"),
		"Unavailable": openapi.Object("", openapi.Properties{"reason": openapi.Enum("Why the gateway can't serve you now.", unavailableReasons()...), "retry_ms": retryMS}, "reason", "retry_ms"),
		"Probe": openapi.Object("", openapi.Properties{
			"n":         openapi.Whole(0, "Number of the event. 0 is the first one."),
			"at_ms":     openapi.Whole(0, "How long after the first event it was sent, by the gateway's clock."),
			"of":        openapi.Whole(1, "How many events follow. Only in the first event."),
			"heartbeat": openapi.Whole(1, "Heartbeat interval of real streams here, in ms. Only in the first event."),
			"heard":     openapi.Object("What the gateway received of the request. Only in the first event.", openapi.Properties{}),
			"pad":       openapi.String("Padding."),
		}, "n", "at_ms"),
	}
}
