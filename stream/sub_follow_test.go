package stream

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// lagging is a hub of two streams with a follower of both: orders of two partitions, her
// own; news of one, everyone's.
func lagging(t *testing.T, change func(*Config)) (*Hub, Sub) {
	t.Helper()
	c := Config{MaxLag: time.Minute, Streams: []Spec{{Name: "orders", Replay: time.Hour}, {Name: "news", Audience: AudienceEveryone, Replay: time.Hour}}}
	if change != nil {
		change(&c)
	}
	h := NewHub(c)
	t.Cleanup(h.Close)
	h.Begin(0, "e", []int64{5, 7})
	h.Begin(1, "n", []int64{0})
	for i := range c.Streams {
		h.SetWarm(i)
	}
	s, _, err := h.Open(t.Context(), Request{Streams: []int{0, 1}, User: "alice", Waker: h.AddWaker(deaf{})})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Pull(new(Batch), 1); got != Drained {
		t.Fatalf("pulled %v at first", got)
	}
	return h, s
}

// deaf needs no wake-up: the test pulls by itself.
type deaf struct{}

func (deaf) Wake(uint32) {}

// wait lets the hub's clock run ahead.
func (h *Hub) wait(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.start = h.start.Add(-d)
}

func (h *Hub) order(partition int32, offset int64, user string) {
	h.Publish(0, []Event{{Partition: partition, Offset: offset, Users: [][]byte{[]byte(user)}, Data: []byte("o")}})
}

// text pulls, or does whatever else fills a batch, and returns what it appended.
func text[R any](t *testing.T, fill func(b *Batch) R, want R) string {
	t.Helper()
	var b Batch
	if got := fill(&b); any(got) != any(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	return string(bytes.Join(b.Bufs, nil))
}

func (s Sub) skip(b *Batch) bool {
	_, ok := s.Skip(b)
	return ok
}

func (s Sub) all(b *Batch) Pulled { return s.Pull(b, 1<<20) }

// TestSkip: a subscriber that waits too long lags, and can be moved to live. It is told
// what it is not sent, to the offset, with an id to resume from that is after it.
func TestSkip(t *testing.T) {
	h, s := lagging(t, nil)
	h.order(0, 5, "alice")
	h.wait(30 * time.Second)
	if got := text(t, s.all, Drained); !strings.Contains(got, "data: o\n") {
		t.Fatalf("pulled %q", got)
	}
	h.order(1, 7, "bob") // not hers: her wait begins with the next
	h.order(0, 6, "alice")
	h.wait(61 * time.Second)
	h.order(0, 7, "alice")
	h.Publish(1, []Event{{Offset: 0, Data: []byte("n")}})
	h.Advance(1, 0, 4)
	if got := text(t, s.all, Lagged); got != "" {
		t.Errorf("lagged with %q", got)
	}
	want := "event: sluice.reset\ndata: " + `{"reason":"lagged","stream":"orders","partitions":[{"partition":0,"from":6,"to":8}]}` + "\n\n" +
		"id: orders@e:8.8~news@n:4\nevent: sluice.reset\ndata: " + `{"reason":"lagged","stream":"news","partitions":[{"partition":0,"from":0,"to":4}]}` + "\n\n"
	if got := text(t, s.skip, true); got != want {
		t.Errorf("said\n%swant\n%s", got, want)
	}
	text(t, s.skip, false) // there is nothing more to skip
	text(t, s.all, Drained)
	h.order(0, 8, "alice")
	if got := text(t, s.all, Drained); got != "id: orders@e:9.8~news@n:4\ndata: o\n\n" {
		t.Errorf("then got %q", got)
	}
}

// TestSkipPastTheLog: where the log has moved on, the client's own last id is all that is
// known of where it was.
func TestSkipPastTheLog(t *testing.T) {
	h, s := lagging(t, func(c *Config) { c.MaxLag, c.Streams[0].ReplayBytes = 0, 3*entryBytes })
	for i := range int64(10) {
		h.order(0, 5+i, "alice")
	}
	h.wait(30 * time.Minute)
	text(t, s.all, Lagged)
	want := "id: orders@e:15.7~news@n:0\nevent: sluice.reset\ndata: " +
		`{"reason":"lagged","stream":"orders","partitions":[{"partition":0,"from":-1,"to":15},{"partition":1,"from":-1,"to":7}]}` + "\n\n"
	if got := text(t, s.skip, true); got != want {
		t.Errorf("said\n%swant\n%s", got, want)
	}
}

// TestSkipBlocks: the position skipped from is found wherever it stands: within a block,
// at its end, before a jump.
func TestSkipBlocks(t *testing.T) {
	for _, before := range []int64{1, 2, blockLen - 1, blockLen, blockLen + 1, 3 * blockLen} {
		h, s := lagging(t, nil)
		for i := range before {
			h.order(0, 5+i, "alice")
		}
		text(t, s.all, Drained)
		if before == 2 {
			h.Jump(0, 1, ReasonRetention, 100)
		}
		h.order(1, 200, "alice")
		for i := range int64(2 * blockLen) {
			h.order(0, 5+before+i, "bob")
		}
		h.wait(time.Hour - time.Minute)
		text(t, s.all, Lagged)
		h.mu.Lock()
		pos, known := h.logs[0].position("e", uint64(before))
		if !known || pos[0] != 5+before || pos[1] != 7 {
			t.Errorf("after %d: position %v %v", before, pos, known)
		}
		h.mu.Unlock()
		text(t, s.skip, true)
		if got := string(s.AppendID(nil)); !strings.HasSuffix(got, ".201~news@n:0") {
			t.Errorf("goes on from %s", got)
		}
	}
}

// TestSkipIntoANewTopic: offsets of the topic before say nothing about this one's.
func TestSkipIntoANewTopic(t *testing.T) {
	h, s := lagging(t, nil)
	h.order(0, 5, "alice")
	h.Begin(0, "f", []int64{0})
	h.wait(2 * time.Minute)
	text(t, s.all, Lagged)
	want := "id: orders@f:0~news@n:0\nevent: sluice.reset\ndata: " + `{"reason":"lagged","stream":"orders","partitions":[{"partition":0,"from":-1,"to":0}]}` + "\n\n"
	if got := text(t, s.skip, true); got != want {
		t.Errorf("said\n%swant\n%s", got, want)
	}
}

// TestLagIsAFollowers: who resumes is sent what is old because it asked for it.
func TestLagIsAFollowers(t *testing.T) {
	h, s := lagging(t, nil)
	h.order(0, 5, "alice")
	h.wait(2 * time.Minute)
	again, _, err := h.Open(t.Context(), Request{Streams: []int{0}, User: "alice", Cursor: "orders@e:5.7", Waker: 0})
	if err != nil {
		t.Fatal(err)
	}
	text(t, again.skip, false)
	text(t, again.all, Drained)
	text(t, s.all, Lagged)
	s.Close()
	text(t, s.skip, false)
	text(t, Sub{}.skip, false)
}
