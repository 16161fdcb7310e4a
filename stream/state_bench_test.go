package stream

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkPublishWithState is a record of 300 bytes on its way into log and state; three
// make an order.
func BenchmarkPublishWithState(b *testing.B) {
	for name, bounds := range map[string]StateBounds{"without": {}, "with": {MaxAge: time.Hour, MaxBytes: 64 << 20}} {
		b.Run(name, func(b *testing.B) {
			h := NewHub(Config{Streams: []Spec{{Name: "orders", ReplayBytes: 64 << 20, State: bounds}}})
			defer h.Close()
			h.Begin(0, "e", []int64{0})
			events := make([]Event, 64)
			subjects, users := make([][]byte, 1<<17), make([][]byte, 1<<14)
			for i := range subjects {
				subjects[i] = fmt.Append(nil, "order-", i)
			}
			for i := range users {
				users[i] = fmt.Append(nil, "user-", i)
			}
			data, now := make([]byte, 300), time.Now().UnixMilli()
			b.ReportAllocs()
			o := 0
			for n := 0; n < b.N; n += len(events) {
				for i := range events {
					order := o/3*7919 + o%3*5000
					events[i] = Event{Offset: int64(o), Timestamp: now + int64(o)/1000, Key: users[order%len(users)], Subject: subjects[order%len(subjects)], Users: users[order%len(users) : order%len(users)+1], Data: data}
					o++
				}
				h.Publish(0, events)
			}
		})
	}
}

// BenchmarkState is a user's state, and everybody's, of 50,000 subjects.
func BenchmarkState(b *testing.B) {
	for name, audience := range map[string]Audience{"user": AudienceUser, "everyone": AudienceEveryone} {
		b.Run(name, func(b *testing.B) {
			h := NewHub(Config{Streams: []Spec{{Name: "orders", Audience: audience, ReplayBytes: 1 << 20, State: StateBounds{MaxBytes: 1 << 30}}}})
			defer h.Close()
			h.Begin(0, "e", []int64{0})
			h.SetWarm(0)
			for o := range 50_000 {
				h.Publish(0, []Event{{Offset: int64(o), Subject: fmt.Append(nil, "order-", o), Users: [][]byte{fmt.Append(nil, "user-", o%5000)}, Data: make([]byte, 300)}})
			}
			b.ReportAllocs()
			for b.Loop() {
				if s, err := h.State(context.Background(), StateRequest{Streams: []int{0}, User: "user-7"}); err != nil || len(s.Latest) == 0 {
					b.Fatal(err)
				}
			}
		})
	}
}
