package stream

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func (h *Hub) subscribersOf(user string, stream int) []Subscriber {
	var all []Subscriber
	h.VisitSubscribers(user, stream, 0, func(s Subscriber) bool { all = append(all, s); return true })
	return all
}

// TestVisitSubscribersSaysHowFarBehind follows one subscriber through all that can become
// of it.
func TestVisitSubscribersSaysHowFarBehind(t *testing.T) {
	h, s := lagging(t, func(c *Config) { c.MaxLag = 0; c.Streams[0].Replay = time.Minute })
	want := func(state SubscriberState, behind int, position string) Subscriber {
		t.Helper()
		all := h.subscribersOf("", -1)
		if len(all) != 1 {
			t.Fatalf("%d subscribers", len(all))
		}
		got := all[0]
		if got.Key != s.Key() || got.User != "alice" || got.State != state || got.Behind != behind || got.Position != position || !slices.Equal(got.Streams, []int{0, 1}) || (behind > 0) != !got.Since.IsZero() {
			t.Fatalf("%+v; want %s, %d behind, at %s", got, state, behind, position)
		}
		if one, open := s.Describe(); !open || !reflect.DeepEqual(one, got) {
			t.Fatalf("asked for alone it is %+v, %t; in the list %+v", one, open, got)
		}
		return got
	}
	want(SubscriberLive, 0, "orders@e:5.7~news@n:0")
	h.order(0, 5, "alice")
	h.order(0, 6, "bob")
	h.wait(10 * time.Second)
	h.order(1, 7, "alice")
	h.Publish(1, []Event{{Offset: 0, Data: []byte("n")}})
	if since := time.Since(want(SubscriberBehind, 3, "orders@e:5.7~news@n:0").Since); since < 10*time.Second || since > time.Minute {
		t.Errorf("the oldest has waited for %v", since)
	}
	var b Batch
	s.Pull(&b, 1) // one event fits
	want(SubscriberBehind, 2, "orders@e:7.7~news@n:0")
	s.Pull(&b, 1<<20)
	want(SubscriberLive, 0, "orders@e:7.8~news@n:1")
	h.SetStale(0, time.Now()) // wakes it, for no event
	want(SubscriberLive, 0, "orders@e:7.8~news@n:1")
	h.order(0, 7, "alice")
	h.wait(2 * time.Minute)
	h.order(0, 8, "bob") // what is too old goes
	want(SubscriberLagged, -1, "")
	s.Close()
	if one, open := s.Describe(); open {
		t.Errorf("it is closed, and described as %+v", one)
	}
}

// TestVisitSubscribersCountsWhatAFilterLeaves: those on their own have positions and
// filters.
func TestVisitSubscribersCountsWhatAFilterLeaves(t *testing.T) {
	h, s := lagging(t, nil)
	s.Close()
	about := func(offset int64, user, subject string) {
		h.Publish(0, []Event{{Offset: offset, Users: [][]byte{[]byte(user)}, Subject: []byte(subject), Data: []byte("o")}})
	}
	about(5, "alice", "o-1")
	about(6, "alice", "o-2")
	about(7, "bob", "o-1")
	open := func(r Request) {
		t.Helper()
		r.Streams = []int{0}
		if _, _, err := h.Open(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	open(Request{User: "alice", Cursor: "orders@e:6.7"})
	open(Request{User: "carol", Filter: About("o-1"), Cursor: "orders@e:5.7"})
	open(Request{Filter: About("o-1"), AnyUser: true, From: From{Kind: FromEarliest}})
	open(Request{User: "alice", Filter: About("o-1"), Cursor: "orders@e:5.7"})
	var got []string
	for _, s := range h.subscribersOf("", 0) {
		got = append(got, fmt.Sprintf("%s/%s/%v %s %d", s.User, strings.Join(s.Filter.Subjects(), ","), s.AnyUser, s.State, s.Behind))
	}
	want := []string{"alice//false behind 1", "carol/o-1/false live 0", "/o-1/true behind 2", "alice/o-1/false behind 1"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := len(h.subscribersOf("alice", -1)); n != 2 {
		t.Errorf("alice has %d", n)
	}
	if n := len(h.subscribersOf("", 1)) + len(h.subscribersOf("nobody", -1)); n != 0 {
		t.Errorf("%d read the other stream, or are nobody's", n)
	}
}

// TestVisitSubscribersGoesOnWhereItStopped: in pages of any size everyone there is comes
// once, though others come and go.
func TestVisitSubscribersGoesOnWhereItStopped(t *testing.T) {
	h, _ := lagging(t, nil)
	const many = 3*subChunk + 7
	for i := range many {
		if _, _, err := h.Open(t.Context(), Request{Streams: []int{0}, User: fmt.Sprint("user-", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, page := range []int{1, 999, many, many + 1, many + 2} {
		seen := map[uint64]bool{}
		after, pages := uint32(0), 0
		for {
			n := 0
			after = h.VisitSubscribers("", -1, after, func(s Subscriber) bool {
				if seen[s.Key] {
					t.Fatalf("%d comes twice", s.Key)
				}
				seen[s.Key] = true
				n++
				return n < page
			})
			if pages++; after == 0 {
				break
			}
		}
		if len(seen) != many+1 || pages > (many+1)/page+1 {
			t.Errorf("in pages of %d: %d in %d pages", page, len(seen), pages)
		}
	}
}

func TestDismissIsNotEnd(t *testing.T) {
	h, s := lagging(t, nil)
	if !s.Dismiss() || s.Dismiss() {
		t.Error("dismissed other than once")
	}
	if got := s.Pull(new(Batch), 1); got != Dismissed {
		t.Errorf("pulled %v", got)
	}
	if n := len(h.subscribersOf("", -1)); n != 0 {
		t.Errorf("%d are still in the roll", n)
	}
	s.Close()
	if s.Dismiss() || (Sub{}).Dismiss() {
		t.Error("dismissed what is closed")
	}
}

// TestVisitSubscribersKnowsNobody: a hub that has never had a user lists who reads what
// is for everyone.
func TestVisitSubscribersKnowsNobody(t *testing.T) {
	h := NewHub(Config{Streams: []Spec{{Name: "news", Audience: AudienceEveryone, ReplayBytes: 1 << 20}}})
	defer h.Close()
	h.Begin(0, "e", []int64{0})
	h.SetWarm(0)
	if _, _, err := h.Open(t.Context(), Request{Streams: []int{0}, Waker: h.AddWaker(deaf{})}); err != nil {
		t.Fatal(err)
	}
	if all := h.subscribersOf("", -1); len(all) != 1 || all[0].User != "" {
		t.Errorf("%+v", all)
	}
}
