package stream

import (
	"testing"
)

// about has the gateway read an event of a user's about a subject.
func (r *rig) about(stream int, user, subject, data string) {
	r.t.Helper()
	r.kafka.put(stream, 0, Event{Users: [][]byte{[]byte(user)}, Subject: []byte(subject), Data: []byte(data)})
	r.readAll()
}

func TestOneSubjectOfAnyUser(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	r.about(0, "alice", "o-1", "before")
	guest := r.open(Request{Streams: []int{0}, Filter: About("o-1"), AnyUser: true}).begins(OutcomeLive)
	guest.gets()

	r.about(0, "bob", "o-2", "another order")
	r.about(0, "bob", "", "no order")
	r.about(1, "bob", "o-1", "another stream")
	if guest.woken() {
		t.Error("woken by what is not its own")
	}
	r.about(0, "bob", "o-1", "paid")
	if !guest.woken() {
		t.Error("not woken by its subject")
	}
	guest.gets("paid")
	r.about(0, "алиса", "o-1", "sent")
	guest.gets("sent")
	guest.neverBack()

	// It resumes by its id, from memory and from Kafka.
	at := guest.id
	guest.sub.Close()
	if n := len(r.hub.anyUser); n != 0 {
		t.Errorf("%d subjects are still followed", n)
	}
	r.about(0, "carol", "o-1", "arrived")
	r.about(0, "carol", "o-2", "not this one")
	again := Request{Streams: []int{0}, Filter: About("o-1"), AnyUser: true, Cursor: at}
	r.open(again).begins(OutcomeResumed).gets("arrived")
	r.evict(0)
	r.open(again).begins(OutcomeResumed).gets("arrived")

	// The newest of it, beyond memory too.
	r.about(0, "bob", "o-1", "returned")
	last := Request{Streams: []int{0}, Filter: About("o-1"), AnyUser: true, From: From{Kind: FromLast, N: 2}}
	r.open(last).begins(OutcomeReplay).gets("arrived", "returned")
	earliest := Request{Streams: []int{0}, Filter: About("o-1"), AnyUser: true, From: From{Kind: FromEarliest}}
	r.open(earliest).begins(OutcomeReplay).gets("before", "paid", "sent", "arrived", "returned")
}

// A position covers what its connection was sent. One of a user's covers nothing of
// others', so it is none for who follows a subject of any user, filtered or not; nor the
// other way round.
func TestAPositionOfOneUserIsNotOneOfAny(t *testing.T) {
	r := newRig(t, 1, orders)
	r.about(0, "bob", "o-1", "paid")
	guest := Request{Filter: About("o-1"), AnyUser: true}
	for name, id := range map[string]string{
		"a user's":                    r.open(Request{}).id,
		"a user's, filtered the same": r.open(Request{Filter: About("o-1")}).id,
		"another ticket's":            r.open(Request{Filter: About("o-2"), AnyUser: true}).id,
	} {
		t.Run(name, func(t *testing.T) {
			guest.Cursor = id
			r.open(guest).begins(OutcomeReset, "reset scope orders")
		})
	}
	ticket := r.open(Request{Filter: About("o-1"), AnyUser: true}).id
	r.open(Request{Cursor: ticket}).begins(OutcomeReset, "reset scope orders")
	r.open(Request{Cursor: ticket, Filter: About("o-1")}).begins(OutcomeReset, "reset scope orders")
}

func TestAnyUserNeedsASubject(t *testing.T) {
	r := newRig(t, 1, orders)
	for _, q := range []Request{{AnyUser: true}, {AnyUser: true, Filter: About("o-1"), User: "alice"}} {
		if _, err := r.try(q); err != errAnyUser {
			t.Errorf("%+v: %v, want %v", q, err, errAnyUser)
		}
	}
}

func TestEndFromOutside(t *testing.T) {
	r := newRig(t, 1, orders)
	phone, desk, bob := r.open(Request{}), r.open(Request{Filter: About("o-1")}), r.open(Request{User: "bob"})
	for _, p := range []*page{phone, desk, bob} {
		p.gets()
	}
	if n := r.hub.EndUser("alice"); n != 2 {
		t.Errorf("EndUser ended %d, want 2", n)
	}
	for _, p := range []*page{phone, desk} {
		if !p.woken() {
			t.Error("ended, and not woken")
		}
		p.gets("ended")
		p.sub.Close()
	}
	if n := r.hub.EndUser("alice") + r.hub.EndUser("Alice"); n != 0 || bob.woken() {
		t.Errorf("ended %d who are not there; bob was woken: %v", n, bob.woken())
	}
	phone.sub.End() // closed already
	r.tell(0, 0, "bob", "paid")
	bob.gets("paid")
	bob.sub.End()
	bob.gets("ended")
}
