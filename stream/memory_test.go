package stream

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// TestBytesBoundMemory publishes many times what ReplayBytes and MaxBytes allow and looks
// at the heap. What is configured is what is used, but for a small factor, whatever the
// events are made of.
func TestBytesBoundMemory(t *testing.T) {
	// A little comes on top for each stream: an open block, half-empty chunks.
	const most, least, extra = 1.5, 0.4, 1 << 20
	bound, times := int64(4<<20), int64(2) // so much is allowed, and so much of that is published
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		bound, times = 8<<20, 4
	}
	for _, tt := range []struct {
		name                  string
		users, idLen, subject int // of an event; each user is of this event only
		data                  int
		tombstones, same      bool // same: the users are the same for every event
		log, state            bool
	}{
		{name: "log of long ids", users: 100, idLen: 1000, log: true},
		{name: "log of short ids", users: 100, idLen: 8, log: true},
		{name: "log of one short id", users: 1, idLen: 8, data: 20, log: true},
		{name: "log of the same users", users: 100, idLen: 1000, same: true, log: true},
		{name: "log of payloads", users: 1, idLen: 36, data: 300, subject: 36, log: true},
		{name: "log of large payloads", users: 1, idLen: 36, data: 40_000, log: true},
		{name: "state of long ids", users: 100, idLen: 1000, subject: 20, state: true},
		{name: "state of short ids", users: 100, idLen: 8, subject: 20, state: true},
		{name: "state of one short id", users: 1, idLen: 8, subject: 12, data: 20, state: true},
		{name: "state of the same users", users: 100, idLen: 1000, subject: 20, same: true, state: true},
		{name: "state of payloads", users: 1, idLen: 36, subject: 36, data: 300, state: true},
		{name: "state of large payloads", users: 1, idLen: 36, subject: 36, data: 40_000, state: true},
		{name: "state of tombstones", users: 1, idLen: 36, subject: 36, tombstones: true, state: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := Spec{Name: "orders", ReplayBytes: 1}
			if tt.log {
				spec.ReplayBytes = bound
			}
			if tt.state {
				spec.State = StateBounds{MaxAge: 24 * time.Hour, MaxBytes: bound}
			}
			before := heap()
			h := NewHub(Config{Streams: []Spec{spec}})
			defer h.Close()
			h.Begin(0, "e", []int64{0})
			now, n := time.Now().UnixMilli(), 0
			text := func(len int) []byte { n++; return fmt.Appendf(nil, "%0*d", len, n) }
			each := 200 + tt.users*(tt.idLen+100) + tt.data + tt.subject
			if tt.same {
				each = 200 + tt.data + tt.subject + 8*tt.users
			}
			var users [][]byte
			data := make([]byte, tt.data)
			for o := range int(times*bound) / each {
				if o == 0 || !tt.same {
					users = users[:0]
					for range tt.users {
						users = append(users, text(tt.idLen))
					}
				}
				ev := Event{Offset: int64(o), Timestamp: now - 3_600_000 + int64(o)*10, Tombstone: tt.tombstones, Data: data, Users: users}
				if tt.subject > 0 {
					ev.Subject, ev.Key = text(tt.subject), text(tt.subject)
				}
				h.Publish(0, []Event{ev})
			}
			used := float64(heap() - before)
			u := h.Stats(0)
			t.Logf("%.2f of what is allowed, of which %.2f are counted; %d entries, %d subjects", used/float64(bound), float64(max(u.Bytes, u.StateBytes))/float64(bound), u.Entries, u.Subjects)
			if used > most*float64(bound)+extra {
				t.Errorf("%.1f MB are used, where %d MB are allowed", used/1e6, bound/1_000_000)
			}
			if used < least*float64(bound) {
				t.Errorf("only %.1f MB are used, where %d MB are allowed", used/1e6, bound/1_000_000)
			}
		})
	}
}
