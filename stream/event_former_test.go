package stream

import (
	"bytes"
	"testing"
	"time"

	"sluice/stream/ssetest"
)

// moves is a row that was a user's and is another's.
func moves(from, to, subject, data string) Event {
	return Event{
		Users: [][]byte{[]byte(to)}, Key: []byte(subject), ByKey: true, Subject: []byte(subject), Data: []byte(data),
		Former: [][]byte{[]byte(from)}, FormerSubject: []byte(subject), FormerData: []byte("moved " + subject),
	}
}

// One record tells two users different things, at one offset: each is told once, live,
// from memory and from Kafka, and who follows the subject is sent the row.
func TestARowThatMovesTellsWhoHadIt(t *testing.T) {
	r := newRig(t, 1, orders)
	r.tell(0, 0, "alice", "a")
	alice, bob := r.open(Request{}), r.open(Request{User: "bob"})
	guest := r.open(Request{Filter: About("o-1"), AnyUser: true})
	narrow := r.open(Request{Filter: About("o-1")})
	start := map[string]string{"alice": alice.id, "bob": bob.id, "guest": guest.id, "narrow": narrow.id}
	alice.gets()
	bob.gets()

	r.kafka.put(0, 0, moves("alice", "bob", "o-1", "row"))
	r.readAll()
	alice.gets("moved o-1")
	bob.gets("row")
	guest.gets("row")
	narrow.gets("moved o-1")

	// A row that is nobody's now, or hidden, tells who had it all the same.
	hidden := moves("bob", "", "o-1", "secret")
	hidden.Users, hidden.Hidden, hidden.Subject = nil, true, nil
	r.kafka.put(0, 0, hidden)
	r.readAll()
	bob.gets("moved o-1")
	alice.gets()
	guest.gets("moved o-1")
	for _, p := range []*page{alice, bob, guest, narrow} {
		p.neverBack()
	}

	again := func() {
		t.Helper()
		r.resume(start["alice"]).gets("moved o-1")
		r.resume(alice.id).gets()
		r.open(Request{User: "bob", Cursor: start["bob"]}).gets("row", "moved o-1")
		r.open(Request{User: "bob", Cursor: bob.id}).gets()
		r.open(Request{Filter: About("o-1"), AnyUser: true, Cursor: start["guest"]}).gets("row", "moved o-1")
		r.open(Request{Filter: About("o-1"), Cursor: start["narrow"]}).gets("moved o-1")
	}
	again()
	r.evict(0)
	again()
	r.open(Request{User: "bob", From: From{Kind: FromLast, N: 2}}).gets("row", "moved o-1")
	r.open(Request{From: From{Kind: FromLast, N: 1}}).gets("moved o-1")

	// A gateway that reads all of it anew says the same.
	other := rigOn(t, r.kafka, orders)
	other.readAll()
	other.resume(start["alice"]).gets("moved o-1")
}

// A hidden event is nobody's, also on a stream for everyone, and only its place counts.
func TestAHiddenEventIsNobodys(t *testing.T) {
	r := newRig(t, 1, news)
	p := r.open(Request{User: "alice"})
	r.kafka.put(0, 0, Event{Hidden: true, Data: []byte("secret")})
	r.kafka.put(0, 0, Event{Data: []byte("news")})
	r.readAll()
	p.gets("news")
	r.evict(0)
	r.resume(p.ids[0]).gets("news")
}

func TestTheStateOfRowsThatMove(t *testing.T) {
	r := newStateRig(t, 1, keeping(AudienceUser))
	publish := func(ev Event) {
		ev.Offset, ev.Timestamp = r.next[0], time.Now().UnixMilli()
		r.next[0]++
		r.hub.Publish(0, []Event{ev})
	}
	r.record(0, 0, "o-1 o-1 alice placed")
	r.record(0, 0, "o-2 o-2 alice placed")
	publish(moves("alice", "bob", "o-1", "moved-to-bob"))
	r.has("alice", "o-2=placed")
	r.has("bob", "o-1=moved-to-bob")

	// What the filter drops takes the place of what was there, and shows nothing.
	publish(Event{Key: []byte("o-2"), Subject: []byte("o-2"), Hidden: true})
	r.has("alice")
	r.record(0, 0, "o-2 o-2 alice again")
	r.has("alice", "o-2=again")

	// By its key a row leaves its former subject.
	publish(Event{Key: []byte("o-2"), Subject: []byte("o-2b"), ByKey: true, Users: [][]byte{[]byte("alice")}, Data: []byte("renamed")})
	r.has("alice", "o-2b=renamed")
	publish(Event{Key: []byte("o-2"), ByKey: true, Hidden: true})
	r.has("alice")
}

// Where the record doesn't say who had the row, the state does.
func TestTheStateSaysWhoHadARow(t *testing.T) {
	h := NewHub(Config{Decisions: 10, Streams: []Spec{keeping(AudienceUser)}})
	t.Cleanup(h.Close)
	h.Begin(0, "e", []int64{0})
	h.SetWarm(0)
	h.AddWaker(deaf{})
	told := map[string]Sub{"alice": h.join(t, Request{Streams: []int{0}, User: "alice"}), "bob": h.join(t, Request{Streams: []int{0}, User: "bob"})}
	offset := int64(0)
	publish := func(users string, ev Event) {
		ev.Offset, ev.Key, ev.ByKey, ev.Timestamp = offset, []byte("k"), true, time.Now().UnixMilli()
		offset++
		if users != "" {
			ev.Users = [][]byte{[]byte(users)}
		}
		h.Publish(0, []Event{ev})
	}
	wants := func(user, want string) {
		t.Helper()
		var b Batch
		told[user].Pull(&b, 1<<20)
		got := ""
		in := ssetest.NewReader(bytes.NewReader(bytes.Join(b.Bufs, nil)))
		for ev, err := in.Next(); err == nil; ev, err = in.Next() {
			got += ev.Name + ":" + ev.Data + " "
		}
		if got != want {
			t.Errorf("%s is told %q; want %q", user, got, want)
		}
	}
	asks := Event{Subject: []byte("o-1"), FormerFromState: true, FormerSubject: []byte("o-1"), FormerData: []byte("gone"), Data: []byte("row")}
	publish("alice", asks)
	wants("alice", "message:row ")
	publish("alice", asks) // it is hers still
	wants("alice", "message:row ")
	publish("bob", asks)
	wants("alice", "delete:gone ")
	wants("bob", "message:row ")
	if d, why := h.Decisions().Of(0, 0, 2, "alice"); why != "" || len(d.For) != 1 || d.For[0].Cause != CauseWritten {
		t.Errorf("why alice was told: %+v, %s", d, why)
	}
	deleted := asks
	deleted.Hidden, deleted.Tombstone, deleted.Subject, deleted.FormerSubject = true, true, nil, nil
	publish("", deleted)
	wants("alice", "")
	wants("bob", "delete:gone ")
	publish("", deleted) // there is nobody left
	wants("bob", "")
}
