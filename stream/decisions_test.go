package stream

import (
	"fmt"
	"testing"
)

func decidingHub(tb testing.TB, decisions int) *Hub {
	tb.Helper()
	h := NewHub(Config{Decisions: decisions, Streams: []Spec{{Name: "orders", ReplayBytes: 64 << 20}, {Name: "news", Audience: AudienceEveryone, ReplayBytes: 64 << 20}}})
	tb.Cleanup(h.Close)
	for i := range 2 {
		h.Begin(i, "e", []int64{0})
		h.SetWarm(i)
	}
	h.AddWaker(deaf{})
	return h
}

func (h *Hub) join(tb testing.TB, r Request) Sub {
	tb.Helper()
	s, _, err := h.Open(tb.Context(), r)
	if err != nil {
		tb.Fatal(err)
	}
	s.Pull(new(Batch), 1<<20)
	return s
}

func (h *Hub) wantCause(t *testing.T, stream int, offset int64, user string, want Cause) Decision {
	t.Helper()
	d, unknown := h.Decisions().Of(stream, 0, offset, user)
	got := unknown
	if got == "" {
		got = d.For[0].Cause
	}
	if got != want {
		t.Errorf("%d of stream %d for %s: %s, want %s", offset, stream, user, got, want)
	}
	return d
}

func ofUsers(offset int64, users ...string) []Event {
	ev := Event{Offset: offset, Data: []byte("d")}
	for _, u := range users {
		ev.Users = append(ev.Users, []byte(u))
	}
	return []Event{ev}
}

// TestEndedBeforeItWasSent: what waited for a connection that ended is told from what was
// sent.
func TestEndedBeforeItWasSent(t *testing.T) {
	h := decidingHub(t, 100)
	s := h.join(t, Request{Streams: []int{0}, User: "alice"})
	h.Publish(0, ofUsers(0, "alice"))
	h.wantCause(t, 0, 0, "alice", CauseNotYet)
	s.Pull(new(Batch), 1<<20)
	h.Publish(0, ofUsers(1, "alice"))
	s.CloseFor("gone")
	h.wantCause(t, 0, 0, "alice", CauseWritten)
	if d := h.wantCause(t, 0, 1, "alice", CauseDisconnected); d.For[0].Ended != "gone" || d.For[0].Until.IsZero() {
		t.Errorf("%+v", d.For[0])
	}
	h.Publish(0, ofUsers(2, "alice"))
	h.wantCause(t, 0, 2, "alice", CauseNotConnected)
	h.join(t, Request{Streams: []int{0}, User: "alice", Cursor: "orders@e:1"})
	for _, offset := range []int64{1, 2} {
		h.wantCause(t, 0, offset, "alice", CauseWrittenLater)
	}
}

// TestBefore: who comes with a position that this gateway is still to reach has had what
// lies before it from another.
func TestBefore(t *testing.T) {
	r := newRig(t, 1, orders)
	r.hub.observer = newDecisions(r.hub, 100, 1)
	for i := range 3 {
		r.put(0, 0, "alice", fmt.Sprint(i))
	}
	p := r.resume("orders@ep0:2")
	r.readAll()
	p.gets("2")
	r.hub.wantCause(t, 0, 1, "alice", CauseBefore)
	r.hub.wantCause(t, 0, 2, "alice", CauseWritten)
}

// TestMoreThanIsMarked: of many that get an event the first few are remembered with the
// time, and of the others it is still true that they got it.
func TestMoreThanIsMarked(t *testing.T) {
	h := decidingHub(t, 100)
	var all []Sub
	for i := range 3 * maxMarks {
		all = append(all, h.join(t, Request{Streams: []int{1}, User: fmt.Sprint("user-", i)}))
	}
	slow := h.join(t, Request{Streams: []int{1}, User: "slow"})
	h.Publish(1, []Event{{Data: []byte("n")}})
	for _, s := range all {
		s.Pull(new(Batch), 1<<20)
	}
	all[len(all)-2].CloseFor("gone")
	d, _ := h.Decisions().Of(1, 0, 0, "")
	if d.Connected != len(all)+1 || d.Written != len(all) || len(d.Each) != maxEach {
		t.Errorf("%d connected, %d written, %d named", d.Connected, d.Written, len(d.Each))
	}
	if d := h.wantCause(t, 1, 0, "user-0", CauseWritten); d.For[0].At.IsZero() {
		t.Error("the first has no time")
	}
	for _, user := range []string{fmt.Sprint("user-", len(all)-1), fmt.Sprint("user-", len(all)-2)} {
		if d := h.wantCause(t, 1, 0, user, CauseWritten); !d.For[0].At.IsZero() {
			t.Error("the last has a time")
		}
	}
	h.wantCause(t, 1, 0, "slow", CauseNotYet)
	slow.Close()
	h.wantCause(t, 1, 0, "slow", CauseDisconnected)
}

// TestAnEventOfManyUsers: beyond the few that are remembered by name it is still known
// whose it is.
func TestAnEventOfManyUsers(t *testing.T) {
	h := decidingHub(t, 100)
	var users []string
	for i := range 100 {
		users = append(users, fmt.Sprint("user-", i))
	}
	h.Publish(0, ofUsers(0, users...))
	h.wantCause(t, 0, 0, "user-99", CauseNotConnected)
	if d := h.wantCause(t, 0, 0, "user-100", CauseWrongUser); len(d.Users) != maxNamedUsers || d.MoreUsers != 100-maxNamedUsers {
		t.Errorf("%d users and %d more", len(d.Users), d.MoreUsers)
	}
}

// TestATicketsConnection follows a subject and is nobody's: it is named where the record
// is asked about.
func TestATicketsConnection(t *testing.T) {
	h := decidingHub(t, 100)
	s := h.join(t, Request{Streams: []int{0}, Filter: About("o-1"), AnyUser: true})
	ev := ofUsers(0, "alice")
	ev[0].Subject = []byte("o-1")
	h.Publish(0, ev)
	s.Pull(new(Batch), 1<<20)
	d := h.wantCause(t, 0, 0, "", CauseNotConnected) // alice is
	if len(d.Each) != 1 || d.Each[0].Cause != CauseWritten || !d.Each[0].AnyUser || d.Written != 1 {
		t.Errorf("%+v", d)
	}
}

// TestTicketsAreNamedOnce, and no more of them are looked at than of others, however many
// follow a subject.
func TestTicketsAreNamedOnce(t *testing.T) {
	h := decidingHub(t, 100)
	about := []Event{{Data: []byte("d"), Subject: []byte("o-1")}}
	h.join(t, Request{Streams: []int{1}, Filter: About("o-1"), AnyUser: true})
	h.Publish(1, about)
	if d, _ := h.Decisions().Of(1, 0, 0, ""); len(d.Each) != 1 || d.Connected != 1 {
		t.Errorf("of a stream for everyone: %+v", d)
	}
	for range 2 * maxVisitsAsked {
		h.join(t, Request{Streams: []int{0}, Filter: About("o-1"), AnyUser: true})
	}
	if found, _ := h.Decisions().visitsHere(&concern{tickets: true, subject: "o-1"}); len(found) != maxVisitsAsked {
		t.Errorf("%d are looked at", len(found))
	}
}

// TestRefusedWhileConnectedElsewhere: who reads one stream and was refused another lacks
// the role for that.
func TestRefusedWhileConnectedElsewhere(t *testing.T) {
	h := decidingHub(t, 100)
	h.join(t, Request{Streams: []int{0}, User: "alice"})
	h.Publish(1, []Event{{Data: []byte("d")}})
	h.wantCause(t, 1, 0, "alice", CauseStream)
	h.Decisions().Denied("alice", 1<<1)
	if d := h.wantCause(t, 1, 0, "alice", CauseRole); d.For[0].At.IsZero() || d.For[0].User != "alice" {
		t.Errorf("%+v", d.For[0])
	}
}

// TestReadFromKafka: what a pass finds for somebody who was away counts as written; what
// it is still to find, as not yet.
func TestReadFromKafka(t *testing.T) {
	r := newRig(t, 1, orders)
	r.hub.observer = newDecisions(r.hub, 100, 1)
	older(r, 3, "alice")
	r.hub.wantCause(t, 0, 1, "alice", CauseNotConnected)
	gate := r.gated()
	p := r.resume("orders@ep0:1")
	r.hub.wantCause(t, 0, 1, "alice", CauseNotYet)
	r.hub.wantCause(t, 0, 0, "alice", CauseNotConnected) // it resumes after that
	close(gate)
	p.gets("alice 1", "alice 2")
	r.hub.wantCause(t, 0, 1, "alice", CauseWrittenLater)
}

// TestForgottenIsNotUnknown: at the edge of the record, and at the head.
func TestForgottenIsNotUnknown(t *testing.T) {
	h := decidingHub(t, 4)
	h.Refused(0, Refusal{Offset: 0, Reason: "no_user"})
	h.Advance(0, 0, 1)
	h.wantCause(t, 0, 0, "alice", CausePoison)
	h.Refused(0, Refusal{Offset: 0, Reason: "no_user"}) // read again
	if r := h.Decisions().Remembered(); r.Records != 1 || r.Capacity != 4 {
		t.Errorf("%+v", r)
	}
	for offset := int64(1); offset < 20; offset += 2 { // every other is no event
		h.Publish(0, ofUsers(offset, "alice"))
		h.Advance(0, 0, offset+2)
	}
	for offset, want := range map[int64]Cause{21: CauseNotRead, 20: CauseNoRecord, 19: CauseNotConnected, 14: CauseNoRecord, 13: CauseNotConnected, 12: CauseNoRecord, 11: CauseForgotten, 0: CauseForgotten} {
		h.wantCause(t, 0, offset, "alice", want)
	}
	if n := len(h.Decisions().Newest(Question{User: "alice", Stream: -1, Limit: 100})); n != 4 {
		t.Errorf("%d records", n)
	}
	if got, want := h.Decisions().Remembered().Since, h.start; !got.After(want) && !got.Equal(want) {
		t.Errorf("since %v, the hub began %v", got, want)
	}
	h.Begin(0, "f", []int64{3}) // the topic is another
	h.wantCause(t, 0, 3, "alice", CauseNotRead)
}

// TestPoisonIsForgottenFirst: it is remembered ahead of the events that were read with
// it, and what is forgotten stays so when they are.
func TestPoisonIsForgottenFirst(t *testing.T) {
	h := decidingHub(t, 3)
	h.Refused(0, Refusal{Offset: 2, Reason: "no_user"})
	for i := range int64(2) {
		h.Publish(0, ofUsers(i, "alice"))
	}
	h.Advance(0, 0, 3)
	h.Publish(0, ofUsers(3, "alice")) // in the place of the poison
	h.wantCause(t, 0, 2, "alice", CauseForgotten)
	h.Publish(0, ofUsers(4, "alice")) // of 0
	h.wantCause(t, 0, 2, "alice", CauseForgotten)
	h.wantCause(t, 0, 1, "alice", CauseNotConnected)
}

// TestTheRecordOfDecisionsIsBounded: it holds so many records, and forgets who has gone.
func TestTheRecordOfDecisionsIsBounded(t *testing.T) {
	h := decidingHub(t, 50)
	for i := range int64(500) {
		h.Publish(0, ofUsers(i, "alice"))
		h.join(t, Request{Streams: []int{0}, User: "alice"}).Close()
		h.Decisions().Denied("bob", 2)
	}
	d := h.Decisions()
	if len(d.records.items) != 50 || len(d.index) != 50 || len(d.gone.items) != 50 || len(d.denials.items) != 50 || len(d.visits) != 0 {
		t.Errorf("%d records, %d places, %d gone, %d denials, %d here", len(d.records.items), len(d.index), len(d.gone.items), len(d.denials.items), len(d.visits))
	}
	found := h.Decisions().Newest(Question{User: "alice", Stream: 0, Limit: 10})
	if len(found) != 10 || found[0].Offset != 499 || found[9].Offset != 490 {
		t.Errorf("%+v", found)
	}
}

// TestNoDecisionsAreNone: off, nothing of it is there.
func TestNoDecisionsAreNone(t *testing.T) {
	h := decidingHub(t, 0)
	s := h.join(t, Request{Streams: []int{0}, User: "alice"})
	h.Publish(0, ofUsers(0, "alice"))
	h.Refused(0, Refusal{Offset: 1, Reason: "no_user"})
	h.Decisions().Denied("bob", 1)
	s.Pull(new(Batch), 1<<20)
	s.CloseFor("gone")
	s.CloseFor("gone")
	Sub{}.CloseFor("gone")
	if h.Decisions() != nil || h.Decisions().Remembered() != (Remembered{}) || h.Subscribers() != 0 {
		t.Error("there is something")
	}
}

// BenchmarkDecisions is what remembering costs: an event of one of 1,000 users who are
// there is published and pulled; and the memory that a record takes.
func BenchmarkDecisions(b *testing.B) {
	const users = 1000
	for _, records := range []int{0, 10_000} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			h := decidingHub(b, records)
			var subs []Sub
			var names [][]byte
			for i := range users {
				names = append(names, fmt.Append(nil, "user-", i))
				subs = append(subs, h.join(b, Request{Streams: []int{0}, User: string(names[i])}))
			}
			var batch Batch
			next := int64(0)
			one := func() {
				n := next % users
				h.Publish(0, []Event{{Offset: next, Users: names[n : n+1], Subject: names[n], Name: "order.confirmed", Data: names[n]}})
				subs[n].Pull(&batch, 1<<20)
				batch.Reset()
				next++
			}
			for range 10_000 {
				one()
			}
			for b.Loop() {
				one()
			}
			with := heap()
			h.observer = unobserved{}
			b.ReportMetric(float64(with-heap())/max(1, float64(records)), "B/record")
		})
	}
}
