package status

import (
	"encoding/json"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	warm := Stream{Name: "orders", Topic: "order-topic", Warm: true, Fetching: true, Behind: 3}
	since := func(d time.Duration) Stream {
		s := warm
		s.Fetching = false
		s.StaleSince = now.Add(-d)
		return s
	}
	waiting := Stream{Name: "news", Topic: "news-topic", Behind: -1, Waiting: "the topic does not exist"}
	unreadable := func(d time.Duration) Stream {
		s := waiting
		s.UnreadableSince = now.Add(-d)
		return s
	}
	const (
		orders = `{"name":"orders","topic":"order-topic","ready":true,"fetching":true,"warm":true,"behind":3}`
		news   = `{"name":"news","topic":"news-topic","ready":false,"fetching":false,"warm":false,"behind":null,"waiting":"the topic does not exist"}`
		stale  = `{"name":"orders","topic":"order-topic","ready":false,"fetching":false,"warm":true,"behind":3,"stale_since":"2026-01-02T03:03:05Z"}`
	)
	for _, tt := range []struct {
		name     string
		statuses []Stream
		draining bool
		unread   bool
		was      bool
		want     string
	}{
		{"warm", []Stream{warm}, false, false, false, `{"ready":true,"streams":[` + orders + `]}`},
		{"Kafka away within the grace", []Stream{since(59 * time.Second)}, false, false, true,
			`{"ready":true,"streams":[{"name":"orders","topic":"order-topic","ready":true,"fetching":false,"warm":true,"behind":3,"stale_since":"2026-01-02T03:03:06Z"}]}`},
		{"Kafka away for longer", []Stream{since(60 * time.Second)}, false, false, true, `{"ready":false,"streams":[` + stale + `]}`},
		{"one of two streams without an answer for longer", []Stream{warm, since(60 * time.Second)}, false, false, true,
			`{"ready":true,"streams":[` + orders + `,` + stale + `]}`},
		{"a transaction is open", []Stream{{Name: "orders", Topic: "order-topic", Warm: true, Fetching: true, LSOLag: 4}}, false, false, true,
			`{"ready":true,"streams":[{"name":"orders","topic":"order-topic","ready":true,"fetching":true,"warm":true,"behind":0,"lso_lag":4}]}`},
		{"a record holds a partition", []Stream{{Name: "orders", Topic: "order-topic", Warm: true, StaleSince: now.Add(-time.Hour), Held: []HeldPartition{{Partition: 2, Offset: 7, Since: now.Add(-time.Hour), Stream: "orders", Stops: true, Reason: "shape_error", Why: "why"}}}}, false, false, true,
			`{"ready":true,"streams":[{"name":"orders","topic":"order-topic","ready":false,"fetching":false,"warm":true,"behind":0,"stale_since":"2026-01-02T02:04:05Z","held":[{"partition":2,"offset":7,"since":"2026-01-02T02:04:05Z","stream":"orders","stops":true,"reason":"shape_error","why":"why"}]}]}`},
		{"a schema is awaited for a moment", []Stream{{Name: "orders", Topic: "order-topic", Warm: true, StaleSince: now.Add(-time.Second), Held: []HeldPartition{{Since: now.Add(-time.Second), Stream: "v2", Reason: "schema_pending", Why: "why"}}}}, false, false, true,
			`{"ready":true,"streams":[{"name":"orders","topic":"order-topic","ready":true,"fetching":false,"warm":true,"behind":0,"stale_since":"2026-01-02T03:04:04Z","held":[{"partition":0,"offset":0,"since":"2026-01-02T03:04:04Z","stream":"v2","stops":false,"reason":"schema_pending","why":"why"}]}]}`},
		{"still reading", []Stream{warm, waiting}, false, false, false, `{"ready":false,"streams":[` + orders + `,` + news + `]}`},
		{"a topic that can't be read, at first", []Stream{warm, unreadable(9 * time.Second)}, false, false, false,
			`{"ready":false,"streams":[` + orders + `,` + news + `]}`},
		{"a topic that can't be read, for longer", []Stream{warm, unreadable(10 * time.Second)}, false, false, false,
			`{"ready":true,"streams":[` + orders + `,` + news + `]}`},
		{"a topic that became unreadable, or is made anew", []Stream{warm, unreadable(0), waiting}, false, false, true,
			`{"ready":true,"streams":[` + orders + `,` + news + `,` + news + `]}`},
		{"a revocation may be unread", nil, false, true, true, `{"ready":false,"revocations_unread":true,"streams":[]}`},
		{"draining", nil, true, false, true, `{"ready":false,"draining":true,"streams":[]}`},
	} {
		got, err := json.Marshal(Ready(tt.statuses, tt.draining, tt.unread, tt.was, time.Minute, now))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// What isn't served holds up no gateway, unless it is all there is.
func TestReadinessLeavesOutWithdrawnStreams(t *testing.T) {
	good := Stream{Name: "orders", Warm: true, Fetching: true}
	out := Stream{Name: "clicks", Warm: true, Fetching: true, Withdrawn: true, Waiting: "too wide"}
	cold := Stream{Name: "clicks", Withdrawn: true, Waiting: "too wide"}
	for _, tt := range []struct {
		name     string
		statuses []Stream
		want     bool
	}{
		{"beside a good one", []Stream{good, out}, true},
		{"before it was warm", []Stream{cold, good}, true},
		{"all there is", []Stream{out}, false},
	} {
		r := Ready(tt.statuses, false, false, false, time.Minute, time.Now())
		if r.Ready != tt.want {
			t.Errorf("%s: ready is %v", tt.name, r.Ready)
		}
		for _, s := range r.Streams {
			if s.Name == "clicks" && (s.Ready || s.Waiting != "too wide") {
				t.Errorf("%s: %+v", tt.name, s)
			}
		}
	}
}
