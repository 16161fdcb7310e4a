package stream

import (
	"errors"
	"testing"

	"sluice/stream/cursor"
)

// A stream that is withdrawn ends those who read it, and nobody else; nobody may open it
// until it is back, and then all that came meanwhile is there.
func TestWithdrawnStreamEndsOnlyWhoReadsIt(t *testing.T) {
	r := newRig(t, 1, orders, stock, news)
	both, one, other := r.open(Request{Streams: []int{0, 1}}), r.open(Request{Streams: []int{0}}), r.open(Request{Streams: []int{1}, Filter: About("s")})
	many := make([]*page, 3*wakeRun/2)
	for i := range many {
		many[i] = r.open(Request{Streams: []int{1, 2}})
	}
	for _, p := range append(many, both, one, other) {
		p.gets()
		p.woken()
	}
	r.hub.Withdraw(1, true)
	r.hub.Withdraw(1, true) // again
	if !r.hub.IsWithdrawn(1) || r.hub.IsWithdrawn(0) {
		t.Error("the wrong stream is withdrawn")
	}
	r.tell(0, 0, "alice", "order")
	r.tell(1, 0, "alice", "while it was out")
	for i, p := range append(many, both, other) {
		if pulled, _ := p.pull(1 << 20); pulled != Withdrawn || !p.woken() {
			t.Fatalf("page %d: %v", i, pulled)
		}
		p.sub.Close()
	}
	one.gets("order")
	if _, err := r.try(Request{Streams: []int{0, 1}, Cursor: both.id}); !errors.Is(err, ErrWithdrawn) {
		t.Errorf("opened: %v", err)
	}
	if _, err := r.hub.State(t.Context(), StateRequest{Streams: []int{1}, User: "alice"}); !errors.Is(err, ErrWithdrawn) {
		t.Errorf("its state: %v", err)
	}
	p := r.open(Request{Streams: []int{0}, Cursor: both.id}).begins(OutcomeResumed)
	p.gets("order")
	r.hub.Withdraw(1, false)
	r.open(Request{Streams: []int{0, 1}, Cursor: p.id}).begins(OutcomeResumed).gets("while it was out")
}

// A cursor may name partitions that Kafka has and this gateway hasn't found yet. Where
// those are too many for an id it waits for what its own reader is about to find.
func TestNoIDIsTooLongForPartitionsNotFoundYet(t *testing.T) {
	k := newKafka(1, 1)
	r := rigOn(t, k, orders)
	position := make([]int64, 1000)
	for p := range position {
		if p > 0 {
			k.add(0)
		}
		r.put(0, p, "alice", "x")
		position[p] = 1
	}
	id := string(cursor.Plain.Append(nil, cursor.Segment{Stream: "orders", Epoch: "ep0", Offsets: position}, true))
	if _, err := r.try(Request{Cursor: id}); !errors.Is(err, ErrNotWarm) {
		t.Errorf("it was opened: %v", err)
	}
	few := string(cursor.Plain.Append(nil, cursor.Segment{Stream: "orders", Epoch: "ep0", Offsets: position[:3]}, true))
	r.resume(few).begins(OutcomeResumed)
}
