package server

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"sluice/stream"
	"sluice/stream/ssetest"
)

// TestSession asks a session, at moments of its choosing, what is due.
func TestSession(t *testing.T) {
	f := newFixture(t, nil)
	f.warm()
	t0 := f.rules.now()
	f.rules.random = func(_, hi tick) tick { return hi }
	wake := f.hub.AddWaker(deaf{})
	open := func(expires, age time.Duration) *session {
		sub, _, err := f.hub.Open(t.Context(), stream.Request{Streams: []int{orders}, User: "alice", Waker: wake})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sub.Close)
		var at time.Time
		if expires != 0 {
			at = time.Now().Add(expires)
		}
		s := newSession(&f.rules, t0, sub, at, age)
		return &s
	}

	t.Run("a heartbeat comes when nothing else did", func(t *testing.T) {
		s := open(0, 0)
		ask(t, f, s, t0+8_999, wait, "")
		ask(t, f, s, t0+9_000, wait, "sluice.heartbeat")
		f.order("alice", "1")
		ask(t, f, s, t0+12_000, wait, "message")
		if s.due() != t0+21_000 {
			t.Errorf("due %d after the event, want %d", s.due()-t0, 21_000)
		}
		ask(t, f, s, t0+20_999, wait, "")
		ask(t, f, s, t0+21_000, wait, "sluice.heartbeat")
	})
	t.Run("a heartbeat allocates nothing, also as a message", func(t *testing.T) {
		s, at := open(0, 0), t0
		h := held{hub: f.hub, rules: &f.rules, specs: f.hub.Specs()}
		k := heldSession{sub: s.sub.Key(), course: s.course}
		var out stream.Batch
		for form, messages := range map[string]bool{"an event": false, "a message": true} {
			k.messages = messages
			least := math.Inf(1)
			for range 100 { // what is pooled may be gone in between
				least = min(least, testing.AllocsPerRun(1, func() {
					out.Reset()
					at += 9_000
					if h.fill(&k, int64(at), &out); out.Bytes == 0 {
						t.Fatal("none was due")
					}
				}))
			}
			if least != 0 {
				t.Errorf("as %s: %v", form, least)
			}
		}
	})
	t.Run("an identity's end is told ahead", func(t *testing.T) {
		s := open(time.Minute, 0)
		lead, end_ := s.warn, s.end
		if end_-lead != expiringLead || end_ < t0+59_000 {
			t.Fatalf("warn at %d, end at %d", lead-t0, end_-t0)
		}
		ask(t, f, s, lead, wait, `sluice.closing {"reason":"expiring","ends_in_ms":10000,"retry_ms":1500}`)
		ask(t, f, s, lead+1, wait, "")
		f.order("alice", "2")
		ask(t, f, s, end_, end, "")
		if s.why != expiring {
			t.Errorf("ended as %v", s.why)
		}
	})
	t.Run("and when there is no time left", func(t *testing.T) {
		s := open(time.Nanosecond, 0)
		ask(t, f, s, t0+5, end, "sluice.closing")
	})
	t.Run("age ends it", func(t *testing.T) {
		s := open(time.Hour, time.Minute)
		ask(t, f, s, t0+60_000, end, `sluice.closing {"reason":"max_age","retry_ms":1500}`)
	})
	t.Run("draining does not outlast the identity", func(t *testing.T) {
		s := open(time.Nanosecond, 0)
		s.endBy(t0+1000, draining)
		if s.why != expiring {
			t.Errorf("ends as %v", s.why)
		}
	})
	t.Run("stale and fresh are told once", func(t *testing.T) {
		s := open(0, 0)
		f.hub.SetStale(orders, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
		ask(t, f, s, t0+1, wait, `sluice.stale {"since":"2026-01-02T03:04:05Z"}`)
		ask(t, f, s, t0+2, wait, "")
		late := open(0, 0)
		ask(t, f, late, t0+2, wait, "sluice.stale")
		f.hub.SetStale(orders, time.Time{})
		ask(t, f, s, t0+3, wait, "sluice.fresh {}")
		ask(t, f, s, t0+4, wait, "")
	})
	t.Run("much is more than one batch", func(t *testing.T) {
		s := open(0, 0)
		for range 3 {
			f.order("alice", strings.Repeat("x", batchBytes))
		}
		ask(t, f, s, t0+1, more, "message")
		ask(t, f, s, t0+1, more, "message")
		ask(t, f, s, t0+1, wait, "message")
	})
	t.Run("the log moved on", func(t *testing.T) {
		s := open(0, 0)
		for range 2 * logBytes >> 20 {
			f.order("alice", strings.Repeat("x", 1<<20))
		}
		ask(t, f, s, t0+1, end, `sluice.closing {"reason":"lagged","retry_ms":1500}`)
	})
	t.Run("or it is moved to live", func(t *testing.T) {
		s := open(0, 0)
		f.rules.skipped = f.cfg.Metrics.Told
		defer func() { f.rules.skipped = nil }()
		for range 2 * logBytes >> 20 {
			f.order("alice", strings.Repeat("x", 1<<20))
		}
		ask(t, f, s, t0+1, wait, fmt.Sprintf(`sluice.reset {"reason":"lagged","stream":"orders","partitions":[{"partition":0,"from":-1,"to":%d}]}`, f.next[orders]))
		f.order("alice", "after")
		ask(t, f, s, t0+2, wait, "message after")
		if n := f.metricOf("sluice_resets_total", "lagged"); n != 1 {
			t.Errorf("%v resets counted, want 1", n)
		}
	})
	t.Run("the hub closed", func(t *testing.T) {
		s := open(0, 0)
		f.hub.Close()
		ask(t, f, s, t0+1, end, `sluice.closing {"reason":"draining","retry_ms":1500}`)
	})
}

// ask fills once and compares the verdict, and the name of the one event written, with
// its data where want has any.
func ask(t *testing.T, f *fixture, s *session, now tick, verdict verdict, want string) {
	t.Helper()
	var b stream.Batch
	if got := s.fill(&f.rules, now, &b); got != verdict {
		t.Errorf("verdict %d, want %d", got, verdict)
	}
	reader := ssetest.NewReader(bytes.NewReader(bytes.Join(b.Bufs, nil)))
	e, err := reader.Next()
	name, data, exact := strings.Cut(want, " ")
	switch {
	case want == "":
		if b.Bytes > 0 {
			t.Errorf("wrote %s %s, want nothing", e.Name, e.Data)
		}
		return
	case err != nil:
		t.Errorf("wrote nothing, want %s", want)
		return
	case e.Name != name, exact && e.Data != data:
		t.Errorf("wrote %s %s, want %s", e.Name, e.Data, want)
	}
	if second, err := reader.Next(); err == nil {
		t.Errorf("wrote %s %s as well", second.Name, second.Data)
	}
}

// deaf is a waker that wakes nobody: the test asks by itself.
type deaf struct{}

func (deaf) Wake(uint32) {}
