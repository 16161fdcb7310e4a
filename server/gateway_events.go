package server

import (
	"encoding/json"
	"fmt"
	"time"

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

// appendHello appends the position the connection starts from.
func appendHello(dst []byte, heartbeat tick, names []string, o stream.Opening) []byte {
	list, err := json.Marshal(names)
	if err != nil {
		panic(err) // strings
	}
	data := fmt.Appendf(nil, `{"resume":"%s","heartbeat":%d,"streams":%s}`, o.Outcome, heartbeat, list)
	return sse.AppendEvent(dst, o.ID, "sluice.hello", data)
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
