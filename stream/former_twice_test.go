package stream

import "testing"

// What a page is told of its position before it has been sent the second event of a
// record doesn't cover that event.
func TestAnIDBeforeTheSecondEventOfARecordDoesNotCoverIt(t *testing.T) {
	r := newRig(t, 1, orders)
	r.tell(0, 0, "alice", "a")
	alice, small := r.open(Request{}), r.open(Request{})
	alice.gets()
	small.gets()
	r.kafka.put(0, 0, moves("alice", "bob", "o-1", "row"))
	r.readAll()
	closing := string(alice.sub.AppendID(nil)) // as sluice.closing says it
	r.resume(closing).gets("moved o-1")

	r.put(0, 0, "alice", "b")
	r.kafka.put(0, 0, moves("alice", "bob", "o-2", "row"))
	r.readAll()
	for _, want := range []string{"moved o-1", "b", "moved o-2"} {
		r.resume(string(small.sub.AppendID(nil))).first(want)
		if _, got := small.pull(1); len(got) != 1 || got[0] != want {
			t.Errorf("pulled %q, want %q", got, want)
		}
	}
	small.gets()

	r.kafka.put(0, 0, moves("alice", "bob", "o-3", "row"))
	r.readAll()
	r.evict(0) // before it was pulled
	alice.gets("moved o-1", "b", "moved o-2", "moved o-3")
	small.gets("moved o-3")
}

// A client that follows a subject is told that it is gone, also where the row has another
// one now.
func TestWhoFollowsASubjectHearsThatTheRowHasLeftIt(t *testing.T) {
	r := newRig(t, 1, orders)
	r.tell(0, 0, "alice", "a")
	guest, next := r.open(Request{Filter: About("o-1"), AnyUser: true}), r.open(Request{Filter: About("o-2"), AnyUser: true})
	start := guest.id
	ev := moves("alice", "bob", "o-2", "row")
	ev.FormerSubject, ev.FormerData = []byte("o-1"), []byte("moved o-1")
	r.kafka.put(0, 0, ev)
	r.readAll()
	guest.gets("moved o-1")
	next.gets("row")
	for range 2 {
		r.open(Request{Filter: About("o-1"), AnyUser: true, Cursor: start}).gets("moved o-1")
		r.open(Request{Filter: About("o-1"), AnyUser: true, Cursor: guest.id}).gets()
		r.evict(0)
	}
}

// first takes one event.
func (p *page) first(want string) {
	p.r.t.Helper()
	if got := p.take(); len(got) == 0 || got[0] != want {
		p.r.t.Errorf("got %q, want %q first", got, want)
	}
}
