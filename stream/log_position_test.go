package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// Rule 1: a client that comes back with any id it was sent gets exactly what came after
// it, on any gateway.
func TestIDCoversExactlyWhatWasSent(t *testing.T) {
	write := func(r *rig, n int) {
		for i := range n {
			r.put(0, i%3, "alice", fmt.Sprint("orders ", i))
			r.put(0, (i+1)%3, "bob", "bob's")
			r.put(1, i%2, "alice", fmt.Sprint("stock ", i))
			r.kafka.hole(0, 2, 1)
			if i%4 == 0 {
				r.readAll()
			}
		}
		r.readAll()
	}
	for _, from := range []From{{}, {Kind: FromEarliest}} {
		t.Run(fmt.Sprint(from.Kind), func(t *testing.T) {
			r := newRig(t, 3, orders, stock)
			write(r, 5)
			p := r.open(Request{From: from})
			write(r, 7)
			all := p.take()
			if from.Kind == FromLive && len(all) != 14 || from.Kind == FromEarliest && len(all) != 24 {
				t.Fatalf("got %d: %q", len(all), all)
			}
			other := rigOn(t, r.kafka, orders, stock) // its log has another order
			other.readAll()
			for n, id := range p.ids {
				for _, gw := range []*rig{r, other} {
					rest := gw.resume(id).begins(OutcomeResumed).take()
					want := slices.Clone(all[n:]) // ids[0] is hello's
					slices.Sort(rest)
					slices.Sort(want)
					if !slices.Equal(rest, want) {
						t.Errorf("%s: got %q, want %q", id, rest, want)
					}
				}
			}
		})
	}
}

// Rule 1 for those who have not yet taken what woke them.
func TestHeartbeatSaysNothingThatWasNotTaken(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	p := r.open(Request{})
	r.tell(1, 0, "alice", "1")
	r.tell(0, 0, "alice", "2")
	r.resume(p.heartbeat()).gets("1", "2")
	p.gets("1", "2")
	r.resume(p.heartbeat()).gets()
	p.neverBack()
}

// All subscribers at one position have one id, whether they follow or came with a cursor.
// Tabs that share a connection know each other's positions by their ids. Streams and
// partitions move on between, by what is others'.
func TestWhoResumesMeetsWhoFollows(t *testing.T) {
	r := newRig(t, 3, orders, stock)
	busy := func() {
		for p := range 3 {
			r.tell(0, p, "bob", "his")
			r.tell(1, p, "bob", "his")
		}
	}
	follows := r.open(Request{})
	place := follows.id
	for i := range 12 {
		late := r.resume(place)
		busy()
		r.tell(i%2, i%3, "alice", fmt.Sprint(i))
		busy()
		follows.gets(fmt.Sprint(i))
		late.gets(fmt.Sprint(i))
		if late.id != follows.id {
			t.Fatalf("event %d: %s for one who resumed, %s for one who follows", i, late.id, follows.id)
		}
		if place = late.heartbeat(); place == follows.id {
			t.Fatal("nothing has moved on: the test shows nothing")
		}
		late.sub.Close()
	}
}

// Where another stream went back since, what stood there before says nothing about who
// begins after that.
func TestWhoBeginsAfterATruncationIsNotAheadOfIt(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	for i := range 3 {
		r.tell(1, 0, "bob", fmt.Sprint("lost ", i))
	}
	r.tell(0, 0, "alice", "order")
	r.kafka.truncate(1, 0, 1)
	r.readAll()
	p := r.resume("orders@ep0:0~stock@ep0:1")
	p.gets("order")
	if want := "orders@ep0:1~stock@ep0:1"; p.id != want {
		t.Errorf("the order's id is %s, want %s", p.id, want)
	}
	r.tell(1, 0, "alice", "instead")
	r.resume(p.id).gets("instead")
}

// Rule 1 at the end of a connection that fell off the log: what was not taken is gone, so
// is the position before it.
func TestLaggedHasNoID(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{})
	r.tell(0, 0, "alice", "1")
	r.evict(0)
	r.age(time.Minute)
	r.tell(0, 0, "alice", "2")
	if id := p.sub.AppendID(nil); len(id) > 0 {
		t.Errorf("lagged, and yet the id is %s", id)
	}
	p.gets("lagged")
	r.resume(p.id).gets("1", "2")
}

// Rule 2: through everything that moves a position.
func TestIDsNeverGoDown(t *testing.T) {
	for name, subject := range map[string]string{"shared": "", "filtered": "s"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 2, orders, news)
			p := r.open(Request{Filter: About(subject)})
			for i := range 40 {
				switch i % 8 {
				case 0:
					r.kafka.put(0, i%2, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: []byte("x")})
				case 1:
					r.kafka.hole(0, 0, 2)
				case 2:
					p.take()
					r.evict(i / 8 % 2)
				case 3:
					r.kafka.put(1, 1, Event{Subject: []byte("s"), Data: []byte("y")})
				case 4:
					r.kafka.add(0)
				case 5:
					r.kafka.hole(1, 1, 1)
				case 6:
					r.put(0, 1, "bob", "z")
				case 7:
					r.tell(0, 0, "alice", "other")
				}
				r.readAll()
				p.heartbeat()
			}
			p.neverBack()
		})
	}
}

// An advance that the log has evicted isn't written over: the base would stay behind what
// a heartbeat has said.
func TestAdvanceAfterEvictionKeepsIDsMonotone(t *testing.T) {
	r := newRig(t, 1, orders, news)
	p := r.open(Request{})
	r.kafka.hole(0, 0, 5)
	r.readAll()
	r.evict(0)
	r.kafka.hole(0, 0, 4)
	r.readAll()
	p.heartbeat()
	r.put(1, 0, "", "news")
	r.readAll() // wakes the page at this entry
	r.tell(0, 0, "alice", "order")
	p.heartbeat()
	p.gets("news", "order")
	p.neverBack()
}

// An advance written over while others follow: what a heartbeat has said, the next
// event's id says too.
func TestAdvanceWrittenOverKeepsIDsMonotone(t *testing.T) {
	r := newRig(t, 2, orders)
	p := r.open(Request{})
	for range 3 {
		r.kafka.hole(0, 0, 2)
		r.readAll()
		p.heartbeat()
	}
	if n := r.hub.Stats(0).Entries; n != 1 {
		t.Errorf("%d entries for records that are no event", n)
	}
	r.tell(0, 1, "alice", "x")
	p.gets("x")
	if p.id != "orders@ep0:6.1" {
		t.Errorf("the id is %s", p.id)
	}
	p.neverBack()
}

// A partition that has lost records before it was found begins where it begins, and a
// follower's ids don't waver about it.
func TestPartitionAddedAfterItsStart(t *testing.T) {
	for _, read := range []int{0, 3} { // into an empty log, and into one with entries
		r := newRig(t, 1, orders)
		p := r.open(Request{})
		for i := range read {
			r.tell(0, 0, "bob", fmt.Sprint(i))
		}
		r.hub.AddPartitions(0, []int64{7})
		p.heartbeat()
		if want := fmt.Sprintf("orders@ep0:%d.7", read); p.id != want {
			t.Errorf("the id is %s, want %s", p.id, want)
		}
		r.hub.Publish(0, []Event{{Partition: 1, Offset: 7, Users: [][]byte{[]byte("alice")}, Data: []byte("seventh")}})
		p.heartbeat()
		p.gets("seventh")
		p.neverBack()
	}
}

func TestEqualPositionsShareTheirBytes(t *testing.T) {
	r := newRig(t, 1, orders)
	l := r.hub.logs[0]
	r.tell(0, 0, "alice", "1")
	r.tell(0, 0, "alice", "2")
	for _, seq := range []uint64{1, 2} {
		for _, packed := range []bool{false, true} {
			a, b := l.segment(seq, packed), l.segment(seq, packed)
			if &a[0] != &b[0] || packed != strings.Contains(string(a), ":_") {
				t.Errorf("the position after entry %d was written twice, or in the other form: %s", seq, a)
			}
		}
	}
}

// An id is packed from 1,000 characters on, and both forms mean the same to any reader.
func TestLongIDsArePacked(t *testing.T) {
	const partitions = 95
	r := newRig(t, partitions, orders)
	p := r.open(Request{})
	start := int64(1e9)
	crossed := 0
	for i := range partitions { // each moves one offset from 1 digit to 10
		r.hub.Publish(0, []Event{{Partition: int32(i), Offset: start, Users: [][]byte{[]byte("alice")}, Data: []byte("x")}})
		before := p.id
		p.gets("x")
		if packed := strings.Contains(p.id, ":_"); packed != strings.Contains(before, ":_") {
			crossed++
			if want := len(before) + 9; !packed || want <= 1000 {
				t.Errorf("packed from %d characters on", want)
			}
		} else if !packed && len(p.id) > 1000 {
			t.Errorf("%d characters, not packed", len(p.id))
		}
		segs, err := readPlain(p.id)
		if err != nil {
			t.Fatal(err)
		}
		for q, o := range segs[0].Offsets {
			if want := start + 1; q <= i && o != want || q > i && o != 0 {
				t.Fatalf("partition %d stands at %d in %s", q, o, p.id)
			}
		}
	}
	if crossed != 1 {
		t.Errorf("crossed between the forms %d times", crossed)
	}
	q := r.open(Request{Filter: About("none")}) // on its own
	if !strings.Contains(q.id, ":_") || !strings.HasSuffix(q.id, "*"+cursor.FilterMark("none")) {
		t.Errorf("the id of a filtered page is %s", q.id)
	}
	p.neverBack()
}

func TestIDNamesEveryStreamOnce(t *testing.T) {
	r := newRig(t, 2, orders, stock, news)
	r.tell(2, 1, "", "all")
	p := r.open(Request{Streams: []int{0, 2}})
	if want := "orders@ep0:0.0~news@ep0:0.1"; p.id != want {
		t.Errorf("the id is %s, want %s", p.id, want)
	}
	r.tell(1, 0, "alice", "of a stream not read")
	p.gets()
	r.tell(0, 1, "alice", "order")
	p.gets("order")
	if want := "orders@ep0:0.1~news@ep0:0.1"; p.id != want {
		t.Errorf("the id is %s, want %s", p.id, want)
	}
}

// Positions at every edge of a block, from memory: before, at and after it.
func TestIDAtBlockBoundaries(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{})
	const n = 2*blockLen + 3
	for i := range n {
		r.put(0, 0, "alice", fmt.Sprint(i))
	}
	r.readAll()
	if got := p.take(); len(got) != n {
		t.Fatalf("got %d of %d", len(got), n)
	}
	for i, id := range p.ids {
		if want := fmt.Sprintf("orders@ep0:%d", i); id != want {
			t.Fatalf("id %d is %s", i, id)
		}
	}
	for _, at := range []int{0, 1, blockLen - 1, blockLen, blockLen + 1, 2*blockLen - 1, 2 * blockLen, n - 1, n} {
		got := r.resume(fmt.Sprintf("orders@ep0:%d", at)).take()
		if len(got) != n-at || at < n && got[0] != fmt.Sprint(at) {
			t.Errorf("at %d: got %d, from %.1q", at, len(got), got)
		}
	}
}

// The cache of id segments keeps to the newest blocks, whatever fills them.
func TestOldBlocksForgetTheirIDs(t *testing.T) {
	r := newRig(t, 2, orders)
	l := r.hub.logs[0]
	p := r.open(Request{})
	for i := range 24 * blockLen {
		r.hub.Publish(0, []Event{{Offset: int64(i), Users: [][]byte{[]byte("alice")}}})
		r.hub.Advance(0, 1, int64(i+1)) // blocks begin with either
		p.pull(1 << 10)
	}
	for i, b := range l.blocks {
		if old := len(l.blocks)-i > cachedBlocks; old && (b.ids[0] != nil || b.fold != nil) {
			t.Errorf("block %d of %d still has its ids", i, len(l.blocks))
		}
	}
}
