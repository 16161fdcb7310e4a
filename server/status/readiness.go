package status

import (
	"slices"
	"strings"
	"time"

	"sluice/server/response"
)

// Readiness is the body of /readyz.
type Readiness struct {
	Ready    bool              `json:"ready"`
	Draining bool              `json:"draining,omitempty"`
	Unread   bool              `json:"revocations_unread,omitempty"` // those of before the start
	NoKeys   bool              `json:"portal_keys_unread,omitempty"` // those of before the start
	Streams  []StreamReadiness `json:"streams"`

	// Control is there while revocations of other gateways may be missed. The gateway
	// stays ready: all gateways not ready at once would have the load balancer answer
	// 503, which ends every page permanently.
	Control *ControlReadiness `json:"control_topic,omitempty"`
	Portal  *ControlReadiness `json:"portal_topic,omitempty"` // the same of its keys
}

// ControlReadiness says that a topic by which gateways tell each other isn't heard.
type ControlReadiness struct {
	UnheardSince string `json:"unheard_since"`
	Why          string `json:"why"`
}

// StreamReadiness is how ready one stream is.
type StreamReadiness struct {
	Name       string `json:"name"`
	Topic      string `json:"topic"`
	Ready      bool   `json:"ready"`
	Fetching   bool   `json:"fetching"`
	Warm       bool   `json:"warm"`
	Behind     *int64 `json:"behind"` // null while unknown
	LSOLag     int64  `json:"lso_lag,omitempty"`
	StaleSince string `json:"stale_since,omitempty"`
	Waiting    string `json:"waiting,omitempty"`

	Held []HeldPartition `json:"held,omitempty"`
}

// Ready says whether a load balancer should send new streams here. was says that the
// gateway has been ready before.
//
// Until then it waits for every stream to be read once. A topic that doesn't exist, may
// not be read or has partitions without a leader holds it up for unreadablePatience. It
// may stay so, and the other streams can be served. Afterwards no fault of a stream
// counts. Only when Kafka has answered for none of them for grace is the gateway not
// ready. A stream that is withdrawn counts for nothing: no restart would help it. Within
// grace it serves from memory. All gateways not ready at once would have the load
// balancer answer 503, which ends every page permanently. Nor does a stream count that a
// record holds: another gateway would be held as well.
func Ready(statuses []Stream, isDraining, unread, was bool, grace time.Duration, now time.Time) Readiness {
	r := Readiness{Draining: isDraining, Unread: unread, Streams: []StreamReadiness{}}
	warmed, silent := true, len(statuses) > 0
	for _, s := range statuses {
		isHeld := len(s.Held) > 0
		isSilent := !s.StaleSince.IsZero() && now.Sub(s.StaleSince) >= grace
		silent = silent && (isSilent && !isHeld || s.Withdrawn)
		warmed = warmed && (s.Warm || s.HeldUp(now) || s.Withdrawn || isHeld)
		one := StreamReadiness{
			Name: s.Name, Topic: s.Topic, Fetching: s.Fetching, Warm: s.Warm, Waiting: s.Waiting,
			Ready: s.Warm && !isSilent && !s.Withdrawn && !s.isStopped(), Held: s.Held,
		}
		if s.Behind >= 0 {
			one.Behind = &s.Behind
		}
		one.LSOLag = max(0, s.LSOLag)
		if !s.StaleSince.IsZero() {
			one.StaleSince = response.Stamp(s.StaleSince)
		}
		r.Streams = append(r.Streams, one)
	}
	r.Ready = !isDraining && !unread && !silent && (was || warmed)
	return r
}

// Of narrows it to streams by name, lists with commas among them. It is ready when each
// of them is, and the gateway takes streams at all.
func (r Readiness) Of(asked []string) (some Readiness, known bool) {
	r.Ready = !r.Draining && !r.Unread && !r.NoKeys
	all := r.Streams
	r.Streams = []StreamReadiness{}
	for _, list := range asked {
		for name := range strings.SplitSeq(list, ",") {
			at := slices.IndexFunc(all, func(s StreamReadiness) bool { return s.Name == name })
			if at < 0 {
				return r, false
			}
			r.Ready = r.Ready && all[at].Ready
			r.Streams = append(r.Streams, all[at])
		}
	}
	return r, true
}
