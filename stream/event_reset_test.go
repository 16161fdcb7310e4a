package stream

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// Rule 7.
func TestAnotherFiltersIDIsScope(t *testing.T) {
	for _, tt := range []struct {
		was, subject string
		scope        bool
	}{
		{"one", "one", false},
		{"one", "two", true},
		{"one", "", true},
		{"", "", false},
		{"", "one", false}, // covers all of it, so also what a filter leaves
	} {
		r := newRig(t, 1, orders)
		r.tell(0, 0, "alice", "old")
		p := r.open(Request{Cursor: r.open(Request{Filter: About(tt.was)}).id, Filter: About(tt.subject)})
		if tt.scope {
			p.begins(OutcomeReset, "reset scope orders")
		} else {
			p.begins(OutcomeResumed)
		}
		r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte(tt.subject), Data: []byte("new")})
		r.readAll()
		p.gets("new")
	}
}

// Rule 7: a filter's reset concerns its stream only.
func TestScopeTouchesOneStream(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	r.tell(0, 0, "alice", "order")
	r.tell(1, 0, "alice", "stock")
	r.resume("orders@ep0:0*abcdef~stock@ep0:0").begins(OutcomeReset, "reset scope orders").gets("stock")
}

// Rule 7: the topic's new life is read from its start.
func TestEpochOfAnotherTopicIsRecreated(t *testing.T) {
	r := newRig(t, 2, orders, stock)
	r.tell(0, 0, "alice", "first")
	r.tell(1, 0, "alice", "stock")
	r.resume("orders@old:7~stock@ep0:0").begins(OutcomeReset, "reset recreated orders [0 7 0] [1 0 0]").getsAll("first", "stock")
	r.evict(0)
	p := r.resume("orders@old:7~stock@ep0:0").begins(OutcomeReset, "reset recreated orders [0 7 0] [1 0 0]")
	p.getsAll("first", "stock")
	if p.heartbeat(); p.id != "orders@ep0:1.0~stock@ep0:1.0" {
		t.Errorf("the id is %s", p.id)
	}
}

// Rule 7 with more in the new topic than may be caught up with.
func TestRecreatedIsBounded(t *testing.T) {
	r := newRig(t, 1, orders)
	r.hub.catchup.MaxRecords = 3
	for i := range 4 {
		r.tell(0, 0, "alice", fmt.Sprint(i))
	}
	r.evict(0)
	r.resume("orders@old:7").begins(OutcomeReset, "reset recreated orders [0 7 0]", "reset bounds orders [0 0 4]").gets()
}

// Rule 7 for those connected at that moment, whatever they are doing, and with other
// streams untouched.
func TestRecreatedReachesTheConnected(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	r.tell(0, 0, "alice", "1")
	r.tell(0, 0, "alice", "2")
	idle := r.open(Request{})
	behind := r.resume("orders@ep0:1~stock@ep0:0")
	ahead := func() *page { // of this gateway
		r.put(0, 0, "alice", "3")
		return r.resume("orders@ep0:3~stock@ep0:0")
	}()
	filtered := r.open(Request{Filter: About("s")})
	ahead.gets()
	idle.gets()
	r.kafka.recreate(0, 2)
	r.read(0, 0, 0) // the reader finds out
	r.kafka.put(0, 1, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: []byte("new")})
	r.readAll()
	r.tell(1, 0, "alice", "stock")
	reset := "reset recreated orders [0 2 0] [1 0 0]"
	idle.gets(reset, "new", "stock")
	behind.gets("2", reset, "new", "stock")
	ahead.gets(reset, "new", "stock")
	filtered.gets(reset, "new")
	for _, p := range []*page{idle, behind, ahead} {
		if p.heartbeat(); p.id != "orders@ep1:0.1~stock@ep0:1" {
			t.Errorf("the id is %s", p.id)
		}
	}
}

// Rule 7 for one that reads the old topic from Kafka when it goes, and may be so slow
// that memory no longer knows of the change. It is told from where it was.
func TestRecreatedReachesThoseCatchingUp(t *testing.T) {
	for _, forgotten := range []bool{false, true} {
		t.Run(fmt.Sprint(forgotten), func(t *testing.T) {
			r := newRig(t, 1, orders)
			for i := range 3 {
				r.tell(0, 0, "alice", fmt.Sprint(i))
			}
			r.evict(0)
			r.kafka.gate = make(chan struct{})
			p := r.resume("orders@ep0:1")
			r.kafka.recreate(0, 1)
			for i := range 2 {
				r.tell(0, 0, "alice", fmt.Sprint("new ", i))
			}
			if forgotten {
				r.evict(0)
			}
			close(r.kafka.gate)
			p.gets("reset recreated orders [0 1 0]", "new 0", "new 1")
			if p.heartbeat(); p.id != "orders@ep1:2" {
				t.Errorf("the id is %s", p.id)
			}
		})
	}
}

// Rule 8: what this gateway hasn't read yet was sent by another one.
func TestAheadWaitsAndRepeatsNothing(t *testing.T) {
	r := newRig(t, 2, orders)
	r.tell(0, 0, "alice", "0")
	r.kafka.add(0)
	for i := range 3 {
		r.put(0, 0, "alice", fmt.Sprint("0:", i+1))
		r.put(0, 2, "alice", fmt.Sprint("2:", i)) // in a partition that it hasn't seen
	}
	p := r.resume("orders@ep0:3.0.1").begins(OutcomeResumed)
	p.gets()
	if p.heartbeat(); p.id != "orders@ep0:3.0.1" {
		t.Errorf("while it waits the id is %s", p.id)
	}
	r.readAll()
	p.gets("0:3", "2:1", "2:2")
	if p.id != "orders@ep0:4.0.3" || p.hasOwn() {
		t.Errorf("at the head the id is %s, on its own: %v", p.id, p.hasOwn())
	}
	p.neverBack()
}

// Rule 8.
func TestPastTheEndIsTruncatedOnlyThere(t *testing.T) {
	r := newRig(t, 3, orders)
	for p := range 3 {
		r.tell(0, p, "alice", fmt.Sprint("old of ", p))
	}
	p := r.resume("orders@ep0:0.9.0.4").begins(OutcomeReset, "reset truncated orders [1 9 1] [3 4 0]")
	p.gets("old of 0", "old of 2")
	r.tell(0, 1, "alice", "new of 1")
	p.gets("new of 1")
	if p.id != "orders@ep0:1.2.1" {
		t.Errorf("the id is %s", p.id)
	}
	r.resume(fmt.Sprintf("orders@ep0:%d.1.1", int64(math.MaxInt64))).begins(OutcomeReset, fmt.Sprintf("reset truncated orders [0 %d 1]", int64(math.MaxInt64)))
}

// Rule 8 for those connected when Kafka loses records: they are told, and get what is
// written in their place.
func TestTruncationReachesTheConnected(t *testing.T) {
	r := newRig(t, 2, orders)
	for i := range 4 {
		r.tell(0, i%2, "alice", fmt.Sprint(i))
	}
	p, q := r.open(Request{}), r.open(Request{Filter: About("s")})
	old := p.id
	r.kafka.truncate(0, 0, 1)
	r.readAll()
	r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: []byte("instead")})
	r.readAll()
	p.gets("reset truncated orders [0 2 1]", "instead")
	q.gets("reset truncated orders [0 2 1]", "instead")
	if p.id != old { // the same offsets, of other records
		t.Errorf("the id is %s", p.id)
	}
	r.resume("orders@ep0:1.2").begins(OutcomeResumed).gets("instead")
	r.resume("orders@ep0:0.2").begins(OutcomeResumed).gets("0", "instead") // older than the truncation: from Kafka
	r.resume(p.id).begins(OutcomeResumed).gets()                           // has been told, and isn't again
}

// Rule 8 for one that reads older than memory when Kafka loses records it stands beyond.
func TestTruncationReachesThoseCatchingUp(t *testing.T) {
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
	close(r.kafka.gate)
	p.gets("3", "reset truncated orders [0 2 1]", "instead")
}

// Between the look at Kafka and subscribing the topic loses records, or is another one:
// looked at again.
func TestMovedWhileOpening(t *testing.T) {
	for name, tt := range map[string]struct {
		move  func(k *fakeKafka)
		reset string
	}{
		"truncated": {func(k *fakeKafka) { k.truncate(0, 0, 1) }, "reset truncated orders [0 2 1]"},
		"recreated": {func(k *fakeKafka) { k.recreate(0, 2) }, "reset recreated orders [0 2 0] [1 0 0]"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 2, orders)
			for range 2 {
				r.put(0, 0, "alice", "old")
			}
			r.put(0, 1, "bob", "old")
			r.readAll()
			r.evict(0) // so that partition 1 has to be asked about
			r.kafka.meanwhile = func() {
				tt.move(r.kafka)
				r.readAll()
			}
			p := r.resume("orders@ep0:2.0").begins(OutcomeReset, tt.reset)
			r.tell(0, 0, "alice", "instead")
			p.gets("instead")
		})
	}
}

// Rule 9: the oldest left, and only where it is needed.
func TestRetentionPassedStartsAtTheOldestLeft(t *testing.T) {
	r := newRig(t, 2, orders)
	for i := range 4 {
		r.put(0, 0, "alice", fmt.Sprint("0:", i))
		r.put(0, 1, "alice", fmt.Sprint("1:", i))
	}
	r.readAll()
	r.evict(0)
	r.kafka.retain(0, 0, 2)
	p := r.resume("orders@ep0:1.1").begins(OutcomeReset, "reset retention orders [0 1 2]")
	if p.id != "orders@ep0:2.1" {
		t.Errorf("the id is %s", p.id)
	}
	got := p.take()
	slices.Sort(got)
	if want := []string{"0:2", "0:3", "1:1", "1:2", "1:3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Rule 9: what memory still has isn't lost by Kafka's retention.
func TestRetentionSparesWhatMemoryHas(t *testing.T) {
	r := newRig(t, 2, orders)
	for i := range 4 {
		r.put(0, 0, "alice", fmt.Sprint("0:", i))
	}
	r.put(0, 1, "alice", "1:0")
	r.read(0, 1, 10)
	r.read(0, 0, 2)
	r.evict(0)
	r.read(0, 0, 10) // memory has 0:2 and 0:3
	r.kafka.retain(0, 0, 3)
	r.resume("orders@ep0:2.1").begins(OutcomeResumed).gets("0:2", "0:3")
	r.resume("orders@ep0:1.1").begins(OutcomeReset, "reset retention orders [0 1 2]").gets("0:2", "0:3")
	r.resume("orders@ep0:2.0").begins(OutcomeResumed).gets("1:0", "0:2", "0:3") // partition 1 is older than memory
}

// Rule 9 for those who follow while the reader itself falls behind retention.
func TestRetentionReachesTheConnected(t *testing.T) {
	r := newRig(t, 2, orders)
	p := r.open(Request{})
	q := r.open(Request{Filter: About("s")})
	for range 5 {
		r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: []byte("x")})
	}
	ahead := r.resume("orders@ep0:4.0")
	r.kafka.retain(0, 0, 3)
	r.readAll()
	p.gets("reset retention orders [0 0 3]", "x", "x")
	q.gets("reset retention orders [0 0 3]", "x", "x")
	ahead.gets("x") // it has had what was lost
	p.neverBack()
}

// Rule 9.
func TestTooFarBehindIsBounds(t *testing.T) {
	r := newRig(t, 2, orders)
	r.hub.catchup.MaxRecords = 5
	for i := range 4 {
		r.put(0, 0, "alice", fmt.Sprint(i))
		r.put(0, 1, "alice", fmt.Sprint(i))
	}
	r.readAll()
	r.evict(0)
	r.resume("orders@ep0:2.1").begins(OutcomeResumed).gets("2", "3", "1", "2", "3")
	r.resume("orders@ep0:2.0").begins(OutcomeReset, "reset bounds orders [0 2 4] [1 0 4]").gets()
	r.resume("orders@ep0:4.0").begins(OutcomeResumed).gets("0", "1", "2", "3")
}

// Rule 9 by age, which nobody asks about a position that is near, nor about what this
// gateway has just read.
func TestTooOldIsBounds(t *testing.T) {
	r := newRig(t, 2, orders)
	old := time.Now().Add(-25 * time.Hour).UnixMilli()
	r.kafka.put(0, 0, Event{Timestamp: old, Users: [][]byte{[]byte("bob")}})
	r.put(0, 0, "alice", "young")
	r.kafka.hole(0, 1, 3)
	r.put(0, 1, "alice", "after holes")
	r.readAll()
	r.evict(0)
	r.age(48 * time.Hour) // since it was read
	r.resume("orders@ep0:0.4").begins(OutcomeResumed).gets("young")

	r.kafka.hole(0, 0, youngDistance)
	r.put(0, 0, "alice", "far")
	r.readAll()
	r.evict(0)
	far := fmt.Sprint("reset bounds orders [0 0 ", youngDistance+3, "]")
	r.resume("orders@ep0:0.4").begins(OutcomeReset, far).gets()
	r.resume("orders@ep0:1.0").begins(OutcomeResumed).gets("young", "far", "after holes") // holes are of no age
	r.resume("orders@ep0:2.4").begins(OutcomeResumed).gets("far")

	// Another gateway reads all of it now: it takes the positions for younger than it is.
	again := rigOn(t, r.kafka, orders)
	again.readAll()
	again.evict(0)
	again.resume("orders@ep0:0.4").begins(OutcomeResumed).gets("young", "far")
}

// Rule 9.
func TestInvalidIDGoesLive(t *testing.T) {
	r := newRig(t, 1, orders)
	r.tell(0, 0, "alice", "old")
	for _, id := range []string{"x", "orders@ep0:-1", "orders@ep0:0~orders@ep0:0", strings.Repeat("9", cursor.MaxID+1), "orders@ep0:0\n"} {
		for _, from := range []From{{}, {Kind: FromEarliest}, {Kind: FromLast, N: 1}} {
			p := r.open(Request{Cursor: id, From: from}).begins(OutcomeReset, "reset invalid")
			p.gets()
		}
	}
}

// Deletes may be missing: said, and read on from where it stands.
func TestCompactedIsSaidAndMovesNothing(t *testing.T) {
	r := newRig(t, 2, orders)
	for i := range 4 {
		r.put(0, 0, "alice", fmt.Sprint(i))
	}
	r.readAll()
	r.kafka.topics[0].compacted = []int64{3, 0}
	r.resume("orders@ep0:1.0").begins(OutcomeResumed).gets("1", "2", "3") // memory has seen the deletes
	r.evict(0)
	r.resume("orders@ep0:1.0").begins(OutcomeReset, "reset compacted orders [0 1 1]").gets("1", "2", "3")
	r.resume("orders@ep0:3.0").begins(OutcomeResumed).gets("3")
}

// Several resets at once: each is said, and only the last moves the client's id, so that
// none can be skipped.
func TestOnlyTheLastResetHasAnID(t *testing.T) {
	r := newRig(t, 2, orders, stock)
	for i := range 3 {
		r.put(0, 0, "alice", fmt.Sprint(i))
	}
	r.readAll()
	r.evict(0)
	r.kafka.retain(0, 0, 2)
	r.resume("orders@ep0:0.7~stock@old:1").begins(OutcomeReset,
		"reset truncated orders [1 7 0]", "reset retention orders [0 0 2]", "reset recreated stock [0 1 0] [1 0 0]").gets("2")
}
