package stream

import (
	"strings"
	"testing"
)

// A gateway of two topics, of which one doesn't exist yet: what is there is served, and
// who waits for the other comes back for it.
func TestAMissingStreamKeepsNobodyFromTheOthers(t *testing.T) {
	begin := func(t *testing.T) *rig {
		k := newKafka(2, 1)
		r := &rig{newGateway(k, []Spec{orders, stock}, func(int64) int64 { return 0 }), t}
		t.Cleanup(r.hub.Close)
		return r
	}
	for _, subject := range []string{"", "o-1"} {
		t.Run("subject "+subject, func(t *testing.T) {
			r := begin(t)
			r.hub.status[1].warm = false
			p := r.open(Request{Streams: []int{0}, Absent: []int{1}, Filter: About(subject)})
			r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("o-1"), Data: []byte("an order")})
			r.readAll()
			p.gets("an order")
			if !strings.Contains(p.id, "stock@") {
				t.Errorf("the id %s says nothing of the stream that is missing", p.id)
			}
			back := r.open(Request{Streams: []int{0}, Absent: []int{1}, Filter: About(subject), Cursor: p.id}).begins(OutcomeResumed)
			r.hub.SetWarm(1)
			for _, p := range []*page{p, back} {
				p.gets("widened")
			}
			if len(r.hub.expecting) != 0 {
				t.Errorf("%d still wait", len(r.hub.expecting))
			}
			// What was written before they were back is not known to have been told.
			r.open(Request{Streams: []int{0, 1}, Filter: About(subject), Cursor: back.id}).begins(OutcomeReset, "reset invalid stock")
		})
	}
	t.Run("its position is kept", func(t *testing.T) {
		r := begin(t)
		p := r.open(Request{})
		r.tell(1, 0, "alice", "stock 0")
		p.gets("stock 0")
		r.hub.status[1].warm = false // another gateway, which can't read it
		q := r.open(Request{Streams: []int{0}, Absent: []int{1}, Cursor: p.id}).begins(OutcomeResumed)
		r.tell(0, 0, "alice", "order 0")
		q.gets("order 0")
		r.tell(1, 0, "alice", "stock 1")
		r.hub.SetWarm(1)
		q.gets("widened")
		r.resume(q.id).begins(OutcomeResumed).gets("stock 1")
	})
	t.Run("it is there by now", func(t *testing.T) {
		r := begin(t)
		if _, err := r.try(Request{Streams: []int{0}, Absent: []int{1}}); err != ErrNotWarm {
			t.Errorf("%v, want %v", err, ErrNotWarm)
		}
	})
	t.Run("who has left", func(t *testing.T) {
		r := begin(t)
		r.hub.status[1].warm = false
		p := r.open(Request{Streams: []int{0}, Absent: []int{1}})
		ended := r.open(Request{Streams: []int{0}, Absent: []int{1}})
		ended.sub.End()
		p.sub.Close()
		r.hub.SetWarm(1)
		ended.gets("ended")
	})
}
