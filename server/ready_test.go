package server

import (
	"encoding/json"
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
	for _, tt := range []struct {
		name     string
		statuses []StreamStatus
		draining bool
		unread   bool
		want     string
	}{
		{"warm", []StreamStatus{warm}, false, false,
			`{"ready":true,"streams":[{"name":"orders","topic":"order-topic","ready":true,"fetching":true,"warm":true,"behind":3}]}`},
		{"Kafka away within the grace", []StreamStatus{since(59 * time.Second)}, false, false,
			`{"ready":true,"streams":[{"name":"orders","topic":"order-topic","ready":true,"fetching":false,"warm":true,"behind":3,"stale_since":"2026-01-02T03:03:06Z"}]}`},
		{"Kafka away for longer", []StreamStatus{since(60 * time.Second)}, false, false,
			`{"ready":false,"streams":[{"name":"orders","topic":"order-topic","ready":false,"fetching":false,"warm":true,"behind":3,"stale_since":"2026-01-02T03:03:05Z"}]}`},
		{"one topic is missing", []StreamStatus{warm, waiting}, false, false,
			`{"ready":false,"streams":[{"name":"orders","topic":"order-topic","ready":true,"fetching":true,"warm":true,"behind":3},` +
				`{"name":"news","topic":"news-topic","ready":false,"fetching":false,"warm":false,"behind":null,"waiting":"the topic does not exist"}]}`},
		{"a revocation may be unread", nil, false, true, `{"ready":false,"revocations_unread":true,"streams":[]}`},
		{"draining", nil, true, false, `{"ready":false,"draining":true,"streams":[]}`},
	} {
		got, err := json.Marshal(ready(tt.statuses, tt.draining, tt.unread, time.Minute, now))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}
