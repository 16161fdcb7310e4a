package stream

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// Rule 3: any gateway, any interleaving, wherever the readers of both happen to be.
func TestResumeNeedsTheIDAlone(t *testing.T) {
	k := newKafka(1, 3)
	a, b := rigOn(t, k, orders), rigOn(t, k, orders)
	p := a.open(Request{})
	got := map[string]int{}
	for i := range 60 {
		a.put(0, i%3, "alice", fmt.Sprint(i))
		a.read(0, (i+1)%3, 2)
		b.read(0, (i+2)%3, 3)
		for _, data := range p.take() {
			got[data]++
		}
		if i%7 == 0 { // roams
			id := p.id
			p.sub.Close()
			a, b = b, a
			p = a.resume(id).begins(OutcomeResumed)
		}
	}
	a.readAll()
	for _, data := range p.take() {
		got[data]++
	}
	for i := range 60 {
		if n := got[fmt.Sprint(i)]; n != 1 {
			t.Errorf("got event %d %d times", i, n)
		}
	}
}

// Rule 4: markers, aborted records and holes are passed over, also when they are the last
// thing in the log.
func TestPositionPassesOverMarkers(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{})
	r.tell(0, 0, "alice", "1")
	r.kafka.hole(0, 0, 3)
	r.readAll()
	p.gets("1")
	if p.heartbeat(); p.id != "orders@ep0:4" {
		t.Errorf("the heartbeat says %s", p.id)
	}
	r.resume("orders@ep0:2").begins(OutcomeResumed).gets() // between the markers
	q := r.resume(p.id).begins(OutcomeResumed)
	q.gets()
	if q.hasOwn() {
		t.Error("who stands at the end of a log is on its own")
	}
	r.tell(0, 0, "alice", "2")
	p.gets("2")
	q.gets("2")
}

// Rule 4 for an event that is nobody's.
func TestPositionPassesOverEventsOfNobody(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{})
	r.hub.Publish(0, []Event{{Offset: 0, Data: []byte("nobody's")}})
	p.gets()
	if p.heartbeat(); p.id != "orders@ep0:1" {
		t.Errorf("the heartbeat says %s", p.id)
	}
}

// Rule 5.
func TestAddedPartitionStartsAtItsBeginning(t *testing.T) {
	r := newRig(t, 1, orders)
	r.tell(0, 0, "alice", "old")
	r.kafka.add(0)
	r.kafka.add(0)
	r.put(0, 2, "alice", "of the added")
	r.readAll()
	p := r.resume("orders@ep0:1").begins(OutcomeResumed)
	p.gets("of the added")
	if p.id != "orders@ep0:1.0.1" {
		t.Errorf("the id is %s", p.id)
	}
	r.resume("orders@ep0:").begins(OutcomeResumed).gets("old", "of the added")
	r.evict(0)
	r.resume("orders@ep0:1").begins(OutcomeResumed).gets("of the added")
	r.resume("orders@ep0:").begins(OutcomeResumed).gets("old", "of the added")
}

// Rule 5 while connected, both following and on its own.
func TestAddedPartitionReachesTheConnected(t *testing.T) {
	r := newRig(t, 1, orders)
	r.tell(0, 0, "bob", "old")
	p, q := r.open(Request{}), r.open(Request{Filter: About("s")})
	r.kafka.add(0)
	r.kafka.put(0, 1, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: []byte("new")})
	r.readAll()
	p.gets("new")
	q.gets("new")
	if p.id != "orders@ep0:1.1" || q.id != p.id+"*"+cursor.FilterMark("s") {
		t.Errorf("the ids are %s and %s", p.id, q.id)
	}
}

// Zeros for partitions that don't exist say nothing and are not repeated.
func TestZerosBeyondThePartitionsAreDropped(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.resume("orders@ep0:0.0.0.0").begins(OutcomeResumed)
	if p.id != "orders@ep0:0" {
		t.Errorf("the id is %s", p.id)
	}
	p.gets()
	if p.hasOwn() {
		t.Error("on its own for zeros")
	}
}

// Rule 6: named streams resume, the others begin as asked.
func TestUnnamedStreamStartsAsAFirstConnection(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	r.tell(0, 0, "alice", "order")
	r.tell(1, 0, "alice", "stock")
	r.open(Request{Cursor: "orders@ep0:0"}).begins(OutcomeResumed).gets("order")
	r.open(Request{Cursor: "stock@ep0:0"}).begins(OutcomeResumed).gets("stock")
	r.open(Request{Cursor: "orders@ep0:0", From: From{Kind: FromEarliest}}).begins(OutcomeResumed).gets("order", "stock")
	r.open(Request{Cursor: "orders@ep0:1", From: From{Kind: FromLast, N: 1}}).begins(OutcomeResumed).gets("stock")
}

// Rule 6: what isn't read now comes back as it came, with its mark, known here or not.
func TestCarriedSegmentComesBackUnchanged(t *testing.T) {
	for _, carried := range []string{"stock@ep0:1", "stock@old:_.A0CSCOYHEQ*abc_-9", "stock@old:5-3.6-*abc_-9", "elsewhere@x:5.6~gone@y:"} {
		r := newRig(t, 1, orders, stock)
		r.tell(1, 0, "alice", "stock")
		p := r.open(Request{Streams: []int{0}, Cursor: carried + "~orders@ep0:0"}).begins(OutcomeResumed)
		r.tell(0, 0, "alice", "order")
		p.gets("order")
		p.heartbeat()
		for _, id := range p.ids {
			if !strings.HasSuffix(id, "~"+carried) {
				t.Errorf("%s was not carried in %s", carried, id)
			}
		}
		if p.id != "orders@ep0:1~"+carried {
			t.Errorf("the id is %s", p.id)
		}
	}
	r := newRig(t, 1, orders, stock)
	r.tell(1, 0, "alice", "stock")
	p := r.open(Request{Streams: []int{0}, Cursor: "stock@ep0:0"}).begins(OutcomeLive)
	r.resume(p.id).gets("stock") // the role is back
}

// Rule 6 within the bound of an id: what is carried never makes one that would be
// refused.
func TestCarriedSegmentsAreBounded(t *testing.T) {
	wide := func(n int) string { return "wide@x:1" + strings.Repeat(".1", (n-8)/2) }
	for _, tt := range []struct {
		name, carried, want string
	}{
		{"as many as fit", strings.Join(cursorSegments(cursor.MaxSegments-1), "~"), strings.Join(cursorSegments(cursor.MaxSegments-1), "~")},
		{"too long by itself", wide(cursor.MaxID - 40), ""},
		{"too long beside another", "a@x:1~" + wide(cursor.MaxID-50) + "~b@x:2", "a@x:1~b@x:2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 3, orders)
			id := tt.carried + "~orders@e:" // another epoch, so that the position is not the cursor's
			if len(id) > cursor.MaxID {
				t.Fatalf("the test's own id has %d characters", len(id))
			}
			p := r.resume(id)
			if _, carried, _ := strings.Cut(p.id, "~"); carried != tt.want {
				t.Errorf("carried %d characters, want %d", len(carried), len(tt.want))
			}
			r.hub.Publish(0, []Event{{Partition: 2, Offset: 1<<49 - 2, Users: [][]byte{[]byte("alice")}, Data: []byte("x")}})
			p.gets("x") // and page.sent parses the id
		})
	}
	r := newRig(t, 1, orders)
	if got := r.hub.carry([]cursor.Segment{{Stream: "a", Epoch: "x", Offsets: []int64{1}}, {Stream: "b", Epoch: "x", Offsets: []int64{1}}}, cursor.MaxSegments-1, 10); got != "a@x:1" {
		t.Errorf("beside %d segments carried %s", cursor.MaxSegments-1, got)
	}
}

// A position that memory can't tell about needs Kafka; one that it can doesn't.
func TestKafkaIsAskedOnlyWhenNeeded(t *testing.T) {
	r := newRig(t, 1, orders)
	r.tell(0, 0, "alice", "0")
	r.evict(0)
	r.tell(0, 0, "alice", "1")
	r.kafka.answer(errDown)
	r.open(Request{}).gets()
	r.resume("orders@ep0:1").begins(OutcomeResumed).gets("1")
	for _, q := range []Request{{Cursor: "orders@ep0:0"}, {Cursor: "orders@ep0:3"}, {Cursor: "orders@old:1"}, {From: From{Kind: FromEarliest}},
		{From: From{Kind: FromSince, Since: time.Now()}}, {From: From{Kind: FromLast, N: 2}}} {
		if _, err := r.try(q); !isUnavailable(err) {
			t.Errorf("%+v: %v, want ErrUnavailable", q, err)
		}
	}
	r.open(Request{From: From{Kind: FromLast, N: 1}}).gets("1")
}
