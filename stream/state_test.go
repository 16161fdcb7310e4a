package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/stream/sse"
)

// stateRig is a hub whose streams keep their state, and records as a topic would have
// them.
type stateRig struct {
	t    *testing.T
	hub  *Hub
	next []int64 // of stream 0, by partition
}

func newStateRig(t *testing.T, partitions int, specs ...Spec) *stateRig {
	r := &stateRig{t: t, hub: NewHub(Config{Streams: specs}), next: make([]int64, partitions)}
	t.Cleanup(r.hub.Close)
	for i := range specs {
		r.hub.Begin(i, "e", make([]int64, partitions))
		r.hub.SetWarm(i)
	}
	return r
}

func keeping(audience Audience) Spec {
	return Spec{Name: "orders", Audience: audience, State: StateBounds{MaxAge: time.Hour, MaxBytes: 1 << 20}}
}

// record publishes one: "key subject user,user data" or "key subject user x" without a
// value if data is "". A field of "-" is none.
func (r *stateRig) record(p int, age time.Duration, text string) {
	f := append(strings.Fields(text), "", "", "", "")
	ev := Event{Partition: int32(p), Offset: r.next[p], Timestamp: time.Now().Add(-age).UnixMilli(), Data: []byte(f[3])}
	if f[0] != "-" {
		ev.Key = []byte(f[0])
	}
	if f[1] != "-" {
		ev.Subject = []byte(f[1])
	}
	for user := range strings.SplitSeq(f[2], ",") {
		if user != "-" {
			ev.Users = append(ev.Users, []byte(user))
		}
	}
	if f[3] == "" {
		ev.Tombstone, ev.Name, ev.Data = true, "delete", []byte("{}")
	}
	r.next[p]++
	r.hub.Publish(0, []Event{ev})
}

func (r *stateRig) state(q StateRequest) State {
	r.t.Helper()
	q.Streams = []int{0}
	s, err := r.hub.State(context.Background(), q)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func texts(s State) []string {
	all := []string{}
	for _, l := range s.Latest {
		_, _, data, _, _ := sse.Cut(l.Frame)
		all = append(all, string(l.Subject)+"="+string(data))
	}
	return all
}

// has expects a user's state to be this, in this order.
func (r *stateRig) has(user string, want ...string) {
	r.t.Helper()
	if got := texts(r.state(StateRequest{User: user})); !slices.Equal(got, want) {
		r.t.Errorf("%s has %q; want %q", user, got, want)
	}
}

func TestStateIsTheLatestBySubject(t *testing.T) {
	r := newStateRig(t, 2, keeping(AudienceUser))
	r.record(0, 5*time.Minute, "k o-1 alice placed")
	r.record(1, 4*time.Minute, "k o-2 alice placed")
	r.record(0, 3*time.Minute, "k o-1 alice confirmed")
	r.record(0, 3*time.Minute, "k - alice newsletter")
	r.record(0, 2*time.Minute, "k o-3 bob placed")
	r.has("alice", "o-2=placed", "o-1=confirmed")
	r.has("bob", "o-3=placed")
	r.has("Alice")
	r.has("")

	r.record(0, 9*time.Minute, "k o-1 alice shipped") // within a partition the offset decides
	r.has("alice", "o-1=shipped", "o-2=placed")
	r.record(1, 10*time.Minute, "k o-1 alice late") // across partitions the time does
	r.has("alice", "o-1=shipped", "o-2=placed")
	r.record(0, 11*time.Minute, "k o-1 alice older") // and the other partition's latest was remembered
	r.has("alice", "o-1=late", "o-2=placed")
}

func TestStateFollowsItsUsers(t *testing.T) {
	r := newStateRig(t, 1, keeping(AudienceUser))
	r.record(0, 0, "k o-1 alice,shop placed")
	r.has("alice", "o-1=placed")
	r.has("shop", "o-1=placed")
	r.record(0, 0, "k o-1 bob,shop given")
	r.has("alice")
	r.has("bob", "o-1=given")
	r.has("shop", "o-1=given")
	for user, want := range map[string]int{"bob": 1, "alice": 0, "": 0} {
		if got := r.state(StateRequest{User: user, Filter: About("o-1")}).Latest; len(got) != want {
			t.Errorf("%q sees %d of o-1; want %d", user, len(got), want)
		}
	}
	if got := texts(r.state(StateRequest{AnyUser: true, Filter: About("o-1")})); !slices.Equal(got, []string{"o-1=given"}) {
		t.Errorf("with a ticket: %q", got)
	}
	r.record(0, 0, "k o-1 -  lost") // belongs to nobody
	r.has("bob")
}

func TestStateForEveryone(t *testing.T) {
	r := newStateRig(t, 2, keeping(AudienceEveryone))
	r.record(0, 3*time.Minute, "a s-1 - one")
	r.record(1, 2*time.Minute, "b s-2 - two")
	r.record(1, time.Minute, "a s-1 - other")
	r.has("anyone", "s-2=two", "s-1=other")
	r.record(1, 0, "b s-2 -")
	r.has("", "s-1=other")
	if got := texts(r.state(StateRequest{Filter: About("s-1")})); !slices.Equal(got, []string{"s-1=other"}) {
		t.Errorf("s-1: %q", got)
	}
}

func TestTombstoneDeletesByKey(t *testing.T) {
	r := newStateRig(t, 2, keeping(AudienceUser))
	r.record(0, 5*time.Minute, "a o-1 alice one")
	r.record(0, 5*time.Minute, "a o-2 alice two")
	r.record(0, 4*time.Minute, "b o-3 alice three")
	r.record(0, 3*time.Minute, "a - -") // without a user: it reaches nobody and deletes all the same
	r.has("alice", "o-3=three")
	r.record(0, 2*time.Minute, "a o-1 alice again")
	r.has("alice", "o-3=three", "o-1=again")

	r.record(1, time.Minute, "b - -") // the key was in another partition before
	r.has("alice", "o-1=again")
	r.record(0, 2*time.Minute, "b o-4 alice read-late")
	r.record(0, 30*time.Second, "b o-5 alice newer")
	r.has("alice", "o-1=again", "o-5=newer")
	r.record(1, 4*time.Minute, "b - -") // an older tombstone doesn't hide the newer
	r.record(0, 2*time.Minute, "b o-6 alice still-buried")
	r.has("alice", "o-1=again", "o-5=newer")

	r.record(0, 0, "c o-1 alice") // with a subject it is the subject's latest, too
	r.has("alice", "o-5=newer")
}

// What compaction will remove from the topic is removed at once: a gateway started
// afterwards couldn't know it.
func TestCompactedStateIsByKey(t *testing.T) {
	r := newStateRig(t, 1, keeping(AudienceUser))
	r.hub.Retained(0, nil, true, []int64{0})
	r.record(0, 90*24*time.Hour, "a o-1 alice old")
	r.record(0, 0, "b o-2 alice new")
	r.has("alice", "o-1=old", "o-2=new")
	if s := r.state(StateRequest{User: "alice"}); !s.Since.IsZero() || !s.Complete {
		t.Errorf("it reaches back to %v, complete %v; want all", s.Since, s.Complete)
	}
	r.record(0, 0, "b o-3 alice other")
	r.record(0, 0, "a - - what-nobody-understands")
	r.has("alice", "o-3=other")
}

func TestStateIsBoundedByTheRecordsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStateRig(t, 1, keeping(AudienceUser))
		r.hub.logs[0].state.newest = func(int) int64 { return 0 }
		r.record(0, 59*time.Minute, "k o-1 alice one")
		r.record(0, 10*time.Minute, "k o-2 alice two")
		r.record(0, 61*time.Minute, "k o-3 alice three")
		r.has("alice", "o-1=one", "o-2=two")
		<-time.After(2 * time.Minute) // of the bubble's clock
		r.has("alice", "o-2=two")
		s := r.state(StateRequest{User: "alice"})
		if want := time.Now().Add(-time.Hour + time.Millisecond); !s.Since.Equal(want) || !s.Complete {
			t.Errorf("since %v, complete %v; want %v", s.Since, s.Complete, want)
		}
		if r.record(0, time.Minute, "k o-4 alice four"); r.hub.Stats(0).Subjects != 2 {
			t.Errorf("%d subjects kept; want 2", r.hub.Stats(0).Subjects)
		}
		r.record(0, 2*time.Hour, "k o-4 alice old") // too old to be shown, and yet what was before is gone
		r.has("alice", "o-2=two")
	})
}

func TestStateShowsNothingThatKafkaDeleted(t *testing.T) {
	r := newStateRig(t, 2, keeping(AudienceUser))
	r.record(0, 3*time.Minute, "k o-1 alice one")
	r.record(1, 2*time.Minute, "k o-1 alice other")
	r.record(1, time.Minute, "k o-2 alice two")
	r.hub.Retained(0, nil, false, []int64{0, 1})
	r.has("alice", "o-1=one", "o-2=two")
}

func TestStateLeavesOutTheOldestWhenFull(t *testing.T) {
	spec := keeping(AudienceUser)
	spec.State.MaxBytes = 20 << 10
	r := newStateRig(t, 1, spec)
	for i := range 200 {
		r.record(0, time.Duration(200-i)*time.Second, fmt.Sprintf("k o-%d alice %s", i, strings.Repeat("x", 100)))
	}
	s := r.state(StateRequest{User: "alice"})
	if n := len(s.Latest); s.Complete || n < 40 || n > 100 {
		t.Fatalf("%d subjects, complete %v", n, s.Complete)
	}
	if first := time.UnixMilli(s.Latest[0].Time); first.Before(s.Since) || string(s.Latest[len(s.Latest)-1].Subject) != "o-199" {
		t.Errorf("from %s at %v to %s, since %v", s.Latest[0].Subject, first, s.Latest[len(s.Latest)-1].Subject, s.Since)
	}
	if u := r.hub.Stats(0); u.StateBytes > spec.State.MaxBytes {
		t.Errorf("%d bytes", u.StateBytes)
	}
	r.record(0, 190*time.Second, "k o-late alice read-late") // older than what was left out
	if got := texts(r.state(StateRequest{User: "alice", Filter: About("o-late")})); len(got) != 0 {
		t.Errorf("shows %q, older than since", got)
	}
}

func TestStateIsFedWhatIsOlderThanTheLog(t *testing.T) {
	r := &stateRig{t: t, hub: NewHub(Config{Streams: []Spec{keeping(AudienceUser), {Name: "plain"}}}), next: []int64{10}}
	t.Cleanup(r.hub.Close)
	q := StateRequest{Streams: []int{0}, User: "alice"}
	wantErr := func(want error) {
		t.Helper()
		if _, err := r.hub.State(context.Background(), q); !errors.Is(err, want) {
			t.Errorf("got %v; want %v", err, want)
		}
	}
	wantErr(ErrNotWarm)
	r.hub.Begin(0, "e", []int64{10})
	now := time.Now().UnixMilli()
	old := func(o int64, subject, data string) Event {
		return Event{Offset: o, Timestamp: now, Key: []byte("k"), Subject: []byte(subject), Users: [][]byte{[]byte("alice")}, Data: []byte(data)}
	}
	r.hub.FillState(0, 0, []Event{old(3, "o-1", "one"), old(4, "o-2", "two")}, 10)
	wantErr(ErrNotWarm)
	r.hub.SetWarm(0)
	r.record(0, 0, "k o-2 alice newer")
	r.has("alice", "o-1=one", "o-2=newer")
	if s := r.state(q); s.Cursor != "orders@e:11" || r.hub.Stats(0).Entries != 1 {
		t.Errorf("cursor %s, %d entries in the log", s.Cursor, r.hub.Stats(0).Entries)
	}

	// Kafka lost what came last: what it had taken the place of has to come again.
	r.hub.Jump(0, 0, ReasonTruncated, 10)
	wantErr(ErrNotWarm)
	r.hub.FillState(0, 0, []Event{old(3, "o-1", "one"), old(4, "o-2", "two")}, 9)
	wantErr(ErrNotWarm)
	r.hub.FillState(0, 0, nil, 10)
	r.has("alice", "o-1=one", "o-2=two")

	turn := r.state(q).Turn
	r.hub.Begin(0, "f", []int64{0}) // created again
	r.has("alice")
	if s := r.state(q); s.Turn == turn || s.Cursor != "orders@f:0" {
		t.Errorf("cursor %s at turn %d, which was %d", s.Cursor, s.Turn, turn)
	}
	q.Streams = []int{1}
	r.hub.Begin(1, "e", []int64{0})
	r.hub.SetWarm(1)
	wantErr(ErrNoState)
	q.AnyUser = true
	wantErr(errAnyUser)
	r.hub.Close()
	q = StateRequest{Streams: []int{0}}
	wantErr(ErrClosed)
}

// The filter stands in the cursor as in every id of a filtered connection, so that it is
// good for one.
func TestStateCursorOpensWhatItWasAskedFor(t *testing.T) {
	r := newStateRig(t, 1, keeping(AudienceUser))
	r.record(0, 0, "k o-1 alice placed")
	waker := r.hub.AddWaker(&wakes{ch: map[uint32]chan struct{}{}})
	for name, q := range map[string]StateRequest{"all": {User: "alice"}, "subject": {User: "alice", Filter: About("o-1")}, "ticket": {AnyUser: true, Filter: About("o-1")}} {
		s := r.state(q)
		sub, o, err := r.hub.Open(context.Background(), Request{Streams: []int{0}, User: q.User, Filter: About(q.Filter.single()), AnyUser: q.AnyUser, Cursor: s.Cursor, Waker: waker})
		if err != nil || o.Outcome != OutcomeResumed || o.ID != s.Cursor {
			t.Errorf("%s: %v, %s at %s; want to resume at %s", name, err, o.Outcome, o.ID, s.Cursor)
		}
		sub.Close()
	}
}
