package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	warm := StreamStatus{Name: "orders", Topic: "order-topic", Warm: true, Fetching: true, Behind: 3}
	since := func(d time.Duration) StreamStatus {
		s := warm
		s.Fetching = false
		s.StaleSince = now.Add(-d)
		return s
	}
	waiting := StreamStatus{Name: "news", Topic: "news-topic", Behind: -1, Waiting: "the topic does not exist"}
	unreadable := func(d time.Duration) StreamStatus {
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
		statuses []StreamStatus
		draining bool
		unread   bool
		was      bool
		want     string
	}{
		{"warm", []StreamStatus{warm}, false, false, false, `{"ready":true,"streams":[` + orders + `]}`},
		{"Kafka away within the grace", []StreamStatus{since(59 * time.Second)}, false, false, true,
			`{"ready":true,"streams":[{"name":"orders","topic":"order-topic","ready":true,"fetching":false,"warm":true,"behind":3,"stale_since":"2026-01-02T03:03:06Z"}]}`},
		{"Kafka away for longer", []StreamStatus{since(60 * time.Second)}, false, false, true, `{"ready":false,"streams":[` + stale + `]}`},
		{"one of two streams without an answer for longer", []StreamStatus{warm, since(60 * time.Second)}, false, false, true,
			`{"ready":true,"streams":[` + orders + `,` + stale + `]}`},
		{"a transaction is open", []StreamStatus{{Name: "orders", Topic: "order-topic", Warm: true, Fetching: true, LSOLag: 4}}, false, false, true,
			`{"ready":true,"streams":[{"name":"orders","topic":"order-topic","ready":true,"fetching":true,"warm":true,"behind":0,"lso_lag":4}]}`},
		{"still reading", []StreamStatus{warm, waiting}, false, false, false, `{"ready":false,"streams":[` + orders + `,` + news + `]}`},
		{"a topic that can't be read, at first", []StreamStatus{warm, unreadable(9 * time.Second)}, false, false, false,
			`{"ready":false,"streams":[` + orders + `,` + news + `]}`},
		{"a topic that can't be read, for longer", []StreamStatus{warm, unreadable(10 * time.Second)}, false, false, false,
			`{"ready":true,"streams":[` + orders + `,` + news + `]}`},
		{"a topic that became unreadable, or is made anew", []StreamStatus{warm, unreadable(0), waiting}, false, false, true,
			`{"ready":true,"streams":[` + orders + `,` + news + `,` + news + `]}`},
		{"a revocation may be unread", nil, false, true, true, `{"ready":false,"revocations_unread":true,"streams":[]}`},
		{"draining", nil, true, false, true, `{"ready":false,"draining":true,"streams":[]}`},
	} {
		got, err := json.Marshal(ready(tt.statuses, tt.draining, tt.unread, tt.was, time.Minute, now))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// changing is a Source that a test changes.
type changing struct{ atomic.Pointer[statuses] }

func (c *changing) Status() []StreamStatus { return *c.Load() }

func TestNoFaultOfOneStreamTakesAGatewayOutThatWasReady(t *testing.T) {
	source := new(changing)
	source.Store(&statuses{{Name: "orders", Warm: true}, {Name: "news"}})
	f := begin(t, func(c *Config) { c.Source = source })
	ask := func(query string) int {
		w := httptest.NewRecorder()
		f.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz"+query, nil))
		return w.Code
	}
	if got := ask(""); got != 503 {
		t.Errorf("a stream is still being read: %d", got)
	}
	source.Store(&statuses{{Name: "orders", Warm: true}, {Name: "news", Warm: true}})
	if got := ask(""); got != 200 {
		t.Errorf("all are read: %d", got)
	}
	long := time.Now().Add(-time.Hour)
	source.Store(&statuses{{Name: "orders", Warm: true}, {Name: "news", StaleSince: long, UnreadableSince: long}})
	for query, want := range map[string]int{"": 200, "?stream=orders": 200, "?stream=news": 503, "?stream=orders,news": 503, "?stream=other": 404, "?stream=": 404} {
		if got := ask(query); got != want {
			t.Errorf("/readyz%s: %d, want %d", query, got, want)
		}
	}
	source.Store(&statuses{{Name: "orders", Warm: true, StaleSince: long}, {Name: "news", StaleSince: long}})
	if got := ask(""); got != 503 {
		t.Errorf("Kafka answers for no stream: %d", got)
	}
}
