package stream

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestABurstBeyondMemoryClosesNobody: who had read all before gets all of it, once and in
// order, from Kafka what memory has no more.
func TestABurstBeyondMemoryClosesNobody(t *testing.T) {
	const burst = 3000
	small := func(s Spec) Spec { s.ReplayBytes = 64 << 10; return s }
	for name, user := range map[string]string{"hers": "alice", "of others, but the first and the last": "bob"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 3, small(orders), small(stock), small(news))
			r.tell(0, 0, "alice", "before")
			pages := []*page{
				r.open(Request{Streams: []int{0}}),
				r.open(Request{Streams: []int{0, 1}}),
				r.open(Request{Streams: []int{0, 1, 2}}),
				r.open(Request{Streams: []int{0}, Filter: About("all")}), // on its own before
			}
			for _, p := range pages {
				p.gets()
			}
			var want []string
			put := func(stream, p int, to, data string) {
				r.kafka.put(stream, p, Event{Users: [][]byte{[]byte(to)}, Subject: []byte("all"), Data: []byte(data)})
				if to == "alice" {
					want = append(want, data)
				}
			}
			for round := range 2 {
				want = nil
				put(0, 0, "alice", fmt.Sprint("first of ", round))
				for i := range burst {
					put(0, i%3, user, fmt.Sprintf("order %d %d", round, i))
				}
				put(0, 0, "alice", fmt.Sprint("last of ", round))
				r.readAll()
				for i, p := range pages {
					got := p.take()
					if !inOrder(got, want) {
						t.Fatalf("round %d, page %d has %d events, from %.100q on; want %d", round, i, len(got), got, len(want))
					}
				}
			}
			for _, p := range pages {
				p.neverBack()
			}
		})
	}
}

// inOrder reports whether got has what want has, once each, and those of a partition in
// its order: "order ROUND NUMBER" of the partition NUMBER%3, all others of partition 0.
func inOrder(got, want []string) bool {
	if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		return false
	}
	of := func(all []string, p int) (part []string) {
		for _, data := range all {
			n := 0
			fmt.Sscanf(data, "order %d %d", new(int), &n)
			if n%3 == p {
				part = append(part, data)
			}
		}
		return part
	}
	for p := range 3 {
		if !slices.Equal(of(got, p), of(want, p)) {
			return false
		}
	}
	return true
}

// TestBusyStreamsLeaveOthersAlone: what another stream of hers evicts is nobody's reason
// to close.
func TestBusyStreamsLeaveOthersAlone(t *testing.T) {
	spec := stock
	spec.ReplayBytes = 32 << 10
	r := newRig(t, 1, orders, spec)
	p := r.open(Request{Streams: []int{0, 1}})
	p.gets()
	r.tell(0, 0, "alice", "hers")
	for i := range 2000 {
		r.put(1, 0, "bob", fmt.Sprint(i))
	}
	r.readAll()
	p.gets("hers")
	r.tell(1, 0, "alice", "of the stock")
	p.gets("of the stock")
	if p.sub.slot().hasOwn {
		t.Error("she follows no more")
	}
}

// TestASlowFollowerLags: who leaves for long what memory had is closed, and no position
// of it is kept.
func TestASlowFollowerLags(t *testing.T) {
	spec := orders
	spec.ReplayBytes = 64 << 10
	r := newRig(t, 1, spec)
	p := r.open(Request{})
	p.gets()
	r.tell(0, 0, "alice", "old")
	for i := range 1000 {
		r.put(0, 0, "bob", fmt.Sprint(i))
	}
	r.readAll()
	r.age(time.Minute)
	for i := range 1000 {
		r.put(0, 0, "bob", fmt.Sprint(i))
	}
	r.readAll()
	if got := p.sub.Pull(new(Batch), 1<<20); got != Lagged {
		t.Errorf("pulled %v; want Lagged", got)
	}
	l := r.hub.logs[0]
	if l.droppedBytes > 1000*droppedEntryBytes+10_000 || len(l.droppedBlocks) > 5 {
		t.Errorf("%d positions are kept, of %d bytes", len(l.droppedBlocks), l.droppedBytes)
	}
}

// TestLeftPositions compares each position that is remembered with what it was.
func TestLeftPositions(t *testing.T) {
	spec := orders
	spec.ReplayBytes = 1 << 20
	r := newRig(t, 3, spec)
	l := r.hub.logs[0]
	was := map[uint64]string{}
	for i := range 6000 {
		switch {
		case i == 700:
			r.hub.Jump(0, 1, ReasonRetention, l.head[1]+10)
		case i%5 == 0:
			r.hub.Advance(0, int32(i%3), l.head[i%3]+2)
		default:
			r.hub.Publish(0, []Event{{Partition: int32(i % 3), Offset: l.head[i%3], Users: [][]byte{[]byte("alice")}, Data: make([]byte, 100)}})
		}
		was[r.hub.seq] = fmt.Sprint(l.head)
		if i == 3000 {
			l.spec.ReplayBytes = 64 << 10
		}
	}
	known := 0
	for seq := uint64(1); seq < l.evicted; seq++ {
		pos, ok := l.droppedPosition(seq)
		if ok {
			known++
		}
		if ok && fmt.Sprint(pos) != was[seq] {
			t.Fatalf("after %d: %v; want %s", seq, pos, was[seq])
		}
	}
	if known < int(l.evicted)-5 {
		t.Errorf("%d of %d positions are known", known, l.evicted)
	}
}
