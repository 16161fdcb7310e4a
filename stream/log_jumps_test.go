package stream

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// behindJump is a gateway whose log of stock begins with a jump. Before it alice was sent
// nothing of stock and, after the page was opened, one order.
func behindJump(t *testing.T, q Request, jump func(r *rig)) (*rig, *page) {
	r := newRig(t, 1, orders, stock)
	for range 5 {
		r.put(1, 0, "alice", "old")
	}
	r.readAll()
	r.evict(1)
	p := r.open(q)
	r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: []byte("order")})
	r.read(0, 0, 10)
	jump(r)
	return r, p
}

var jumps = []struct {
	name  string
	jump  func(r *rig)
	reset string
	after string // its position in stock
}{
	{"retention", func(r *rig) {
		r.kafka.hole(1, 0, 4)
		r.kafka.retain(1, 0, 7)
		r.read(1, 0, 0)
	}, "reset retention stock [0 5 7]", "stock@ep0:7"},
	{"truncated", func(r *rig) {
		r.kafka.truncate(1, 0, 2)
		r.read(1, 0, 0)
	}, "reset truncated stock [0 5 2]", "stock@ep0:2"},
	{"recreated", func(r *rig) {
		r.kafka.recreate(1, 1)
		r.read(1, 0, 0)
	}, "reset recreated stock [0 5 0]", "stock@ep1:0"},
}

// Rule 1: what is sent before a jump has the position before it, though the jump is the
// oldest entry of its log.
func TestIDsBeforeAJumpLieBeforeIt(t *testing.T) {
	for _, j := range jumps {
		t.Run(j.name, func(t *testing.T) {
			r, p := behindJump(t, Request{}, j.jump)
			if id := p.heartbeat(); id != "orders@ep0:0~stock@ep0:5" {
				t.Errorf("before anything was sent the id is %s", id)
			}
			p.gets("order", j.reset)
			want := []string{"orders@ep0:0~stock@ep0:5", "orders@ep0:0~stock@ep0:5", "orders@ep0:1~stock@ep0:5", "orders@ep0:1~" + j.after}
			if !slices.Equal(p.ids, want) {
				t.Errorf("the ids are %q, want %q", p.ids, want)
			}
			r.resume(p.id).begins(OutcomeResumed).gets() // it has been told
			r.evict(1)
			r.resume(p.id).begins(OutcomeResumed).gets()
		})
	}
}

// A jump reaches those on their own, though it is the oldest entry of its log.
func TestJumpThatIsOldestReachesThoseOnTheirOwn(t *testing.T) {
	for _, j := range jumps {
		t.Run(j.name, func(t *testing.T) {
			_, p := behindJump(t, Request{Filter: About("s")}, j.jump)
			p.gets("order", j.reset)
			if want := fmt.Sprintf("orders@ep0:1*%[1]s~%[2]s*%[1]s", cursor.FilterMark("s"), j.after); p.id != want {
				t.Errorf("the id is %s, want %s", p.id, want)
			}
		})
	}
}

// A truncation reaches those on their own, though the log has evicted it.
func TestTruncationEvictedReachesThoseOnTheirOwn(t *testing.T) {
	r, p := behindJump(t, Request{Filter: About("s")}, func(r *rig) {
		r.kafka.truncate(1, 0, 2)
		r.readAll()
		for range 4 {
			r.kafka.put(1, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: []byte("instead")})
		}
		r.readAll()
		r.evict(1)
	})
	p.getsAll("reset truncated stock [0 5 2]", "order", "instead", "instead", "instead", "instead")
	p.neverBackBut("stock", 2)
	r.resume(strings.ReplaceAll(p.id, "*"+cursor.FilterMark("s"), "")).begins(OutcomeResumed).gets()
}

// neverBackBut is neverBack where one stream goes back to an offset once.
func (p *page) neverBackBut(stream string, to int64) {
	p.r.t.Helper()
	for i := 1; i < len(p.ids); i++ {
		before, _ := readPlain(p.ids[i-1])
		after, _ := readPlain(p.ids[i])
		for n := range before {
			if !covers(after[n].Offsets, before[n].Offsets) && (after[n].Stream != stream || after[n].Offsets[0] != to) {
				p.r.t.Errorf("after %s came %s", p.ids[i-1], p.ids[i])
			}
		}
	}
}

// twoLose is a page that reads partition 2 from Kafka while partitions 0 and 1 lose a
// record each.
func twoLose(t *testing.T) (*rig, *page) {
	r := newRig(t, 3, orders)
	for i := range 3 {
		for range 2 {
			r.put(0, i, "alice", fmt.Sprint("old ", i))
		}
	}
	r.readAll()
	r.evict(0)
	r.kafka.gate = make(chan struct{})
	p := r.resume("orders@ep0:2.2.1").begins(OutcomeResumed)
	r.kafka.truncate(0, 0, 1)
	r.kafka.truncate(0, 1, 1)
	r.readAll()
	return r, p
}

// Rule 8: an election that truncates several partitions reaches those that catch up for
// each.
func TestTruncationsOfSeveralPartitionsReachThoseCatchingUp(t *testing.T) {
	for _, evicted := range []bool{false, true} {
		t.Run(fmt.Sprint(evicted), func(t *testing.T) {
			r, p := twoLose(t)
			r.put(0, 0, "alice", "new 0")
			r.put(0, 1, "alice", "new 1")
			r.readAll()
			if evicted {
				r.evict(0)
			}
			close(r.kafka.gate)
			p.gets("old 2", "reset truncated orders [0 2 1]", "reset truncated orders [1 2 1]", "new 0", "new 1")
			if p.id != "orders@ep0:2.2.2" {
				t.Errorf("the id is %s", p.id)
			}
			r.resume(p.id).begins(OutcomeResumed).gets()
		})
	}
}

// Rule 8 with the log turned over when the pass ends.
func TestTruncationEvictedReachesThoseCatchingUp(t *testing.T) {
	r := newRig(t, 2, orders)
	for i := range 4 {
		r.tell(0, i%2, "alice", fmt.Sprint(i))
	}
	r.evict(0)
	r.kafka.gate = make(chan struct{})
	p := r.resume("orders@ep0:2.1").begins(OutcomeResumed)
	r.kafka.truncate(0, 0, 1)
	r.readAll()
	r.tell(0, 0, "alice", "instead")
	r.tell(0, 0, "alice", "after")
	r.evict(0)
	close(r.kafka.gate)
	p.getsAll("3", "reset truncated orders [0 2 1]", "instead", "after")
}

// A pass over a partition that loses records ends there: what it would find next are
// other records than those that its members' positions are of.
func TestPassEndsWhereItsPartitionLosesRecords(t *testing.T) {
	r := newRig(t, 1, orders)
	for i := range 20 {
		r.put(0, 0, "alice", fmt.Sprint(i))
	}
	r.readAll()
	r.evict(0)
	r.kafka.gate = make(chan struct{}, 1)
	p := r.resume("orders@ep0:3")
	p.pull(1)
	r.kafka.gate <- struct{}{} // the first run of 7
	<-r.wakes.channel(p.token)
	r.kafka.truncate(0, 0, 5)
	r.readAll()
	for i := range 20 {
		r.put(0, 0, "alice", fmt.Sprint("new ", i+5))
	}
	r.readAll()
	close(r.kafka.gate)
	want := []string{"3", "4", "5", "6", "7", "8", "9", "reset truncated orders [0 10 5]"}
	for i := range 20 {
		want = append(want, fmt.Sprint("new ", i+5))
	}
	p.gets(want...)
}

// Several jumps in a row, of all kinds, are each told of once, and what came between is
// sent.
func TestJumpsInARowAreAllTold(t *testing.T) {
	for name, meanwhile := range map[string]func(r *rig){
		"kept": func(*rig) {}, "evicted": func(r *rig) { r.evict(0) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 2, orders)
			for i := range 8 {
				r.put(0, 0, "bob", fmt.Sprint(i))
			}
			r.readAll()
			p := r.open(Request{Filter: About("s")})
			put := func(partition int, data string) {
				r.kafka.put(0, partition, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: []byte(data)})
				r.readAll()
			}
			r.kafka.truncate(0, 0, 3)
			r.readAll()
			put(0, "3")
			put(0, "4")
			r.kafka.add(0)
			put(2, "added")
			r.kafka.truncate(0, 0, 2)
			r.readAll()
			put(1, "other")
			meanwhile(r)
			got := p.take()
			for _, want := range []string{"added", "other"} {
				if !slices.Contains(got, want) {
					t.Errorf("%q lacks %q", got, want)
				}
			}
			if !slices.Contains(got, "reset truncated orders [0 8 3]") {
				t.Errorf("%q lacks the first truncation", got)
			}
			if slices.Contains(got, "4") != slices.Contains(got, "reset truncated orders [0 5 2]") {
				t.Errorf("%q: what came between and its loss", got)
			}
			put(0, "instead")
			p.gets("instead")
		})
	}
}

// Of a topic created anew twice, the newest is told of, from where it was read.
func TestRecreatedTwiceGoesOnInTheNewest(t *testing.T) {
	r := newRig(t, 1, orders)
	for i := range 3 {
		r.tell(0, 0, "alice", fmt.Sprint(i))
	}
	r.evict(0)
	r.kafka.gate = make(chan struct{})
	p := r.resume("orders@ep0:1")
	for i := range 2 {
		r.kafka.recreate(0, 1)
		r.tell(0, 0, "alice", fmt.Sprint("of ", i+1))
	}
	r.evict(0)
	close(r.kafka.gate)
	p.gets("reset recreated orders [0 1 0]", "of 2")
	if p.id != "orders@ep2:1" {
		t.Errorf("the id is %s", p.id)
	}
}

// Beyond the bound two jumps are one, to the lower offset.
func TestJumpsBackAreBounded(t *testing.T) {
	l := &log{}
	for i := range uint64(100) {
		l.rememberBack(jumpBack{seq: i + 1, partition: int32(i % 2), to: 1000 - int64(i)})
	}
	if len(l.back) != 2*maxJumpsBack {
		t.Errorf("%d are remembered", len(l.back))
	}
	if !slices.IsSortedFunc(l.back, func(a, b jumpBack) int { return int(a.seq) - int(b.seq) }) {
		t.Errorf("not in their order: %v", l.back)
	}
	for seq := range uint64(100) { // one that has seen all up to seq goes back to where all after it went
		for p := range int32(2) {
			want, got := int64(5000), int64(5000)
			for i := seq; i < 100; i++ {
				if int32(i%2) == p {
					want = 1000 - int64(i)
				}
			}
			for _, j := range l.backAfter(seq) {
				if j.partition == p {
					got = min(got, j.to)
				}
			}
			if got != want {
				t.Errorf("after %d partition %d goes back to %d, want %d", seq, p, got, want)
			}
		}
	}
}

// A client that is moved to live over a truncation is told what the topic lost, and what
// is skipped from there on.
func TestSkipOverATruncation(t *testing.T) {
	h, s := lagging(t, nil)
	for i := range int64(5) {
		h.order(0, 5+i, "alice")
	}
	text(t, s.all, Drained)
	h.Jump(0, 0, ReasonTruncated, 6)
	for i := range int64(4) {
		h.order(0, 6+i, "alice") // the same position as before
	}
	h.wait(2 * time.Minute)
	text(t, s.all, Lagged)
	want := "event: sluice.reset\ndata: " + `{"reason":"truncated","stream":"orders","partitions":[{"partition":0,"from":10,"to":6}]}` + "\n\n" +
		"id: orders@e:10.7~news@n:0\nevent: sluice.reset\ndata: " + `{"reason":"lagged","stream":"orders","partitions":[{"partition":0,"from":6,"to":10}]}` + "\n\n"
	if got := text(t, s.skip, true); got != want {
		t.Errorf("said\n%swant\n%s", got, want)
	}
}

// A client catches up from before where a partition lost its records, and reads on after
// it. It is told nothing: what it is sent is the log as it is now.
func TestCatchingUpFromBeforeATruncationIsNotToldOfIt(t *testing.T) {
	r := newRig(t, 1, orders)
	for i := range 20 {
		r.put(0, 0, "alice", fmt.Sprint(i))
	}
	r.readAll()
	r.evict(0)
	r.kafka.gate = make(chan struct{})
	first := r.resume("orders@ep0:1") // a pass waits for Kafka
	late := r.resume("orders@ep0:3")
	r.kafka.truncate(0, 0, 5)
	r.readAll()
	for i := range 20 {
		r.put(0, 0, "alice", fmt.Sprint("new ", i+5))
	}
	r.readAll()
	r.evict(0)
	close(r.kafka.gate)
	want := []string{"1", "2", "3", "4"}
	for i := range 20 {
		want = append(want, fmt.Sprint("new ", i+5))
	}
	first.gets(want...)
	late.gets(want[2:]...)
}

// What a pass found before a jump back is for nobody who comes after it, also where the
// log had nothing of that time.
func TestALaneFromBeforeAJumpIsNotShared(t *testing.T) {
	k := newKafka(1, 1)
	for i := range 20 {
		k.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Data: fmt.Append(nil, "old ", i)})
	}
	r := &rig{newGateway(k, []Spec{orders}, func(end int64) int64 { return end }), t}
	t.Cleanup(r.hub.Close)
	slow, fast := r.resume("orders@ep0:0"), r.resume("orders@ep0:0")
	if len(fast.take()) != 20 || !slow.reading() {
		t.Fatal("both take from one lane")
	}
	k.truncate(0, 0, 5)
	k.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Data: []byte("new")})
	r.read(0, 0, 0)
	r.resume("orders@ep0:5").begins(OutcomeResumed).gets("new")
}
