package stream

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
)

// randomStateEvent is a record whose key, subject, users and time often meet others'.
func randomStateEvent(rnd *rand.Rand, next []int64, now int64, subjects int) Event {
	p := rnd.IntN(len(next))
	ev := Event{
		Partition: int32(p), Offset: next[p], Timestamp: now - rnd.Int64N(3600_000), Key: fmt.Append(nil, "k", rnd.IntN(subjects)),
		Subject: fmt.Append(nil, "s", rnd.IntN(subjects)), Data: fmt.Append(nil, p, "-", next[p]), Tombstone: rnd.IntN(8) == 0,
	}
	next[p]++
	for _, user := range []string{"alice", "bob"} {
		if rnd.IntN(2) == 0 {
			ev.Users = append(ev.Users, []byte(user))
		}
	}
	return ev
}

// A state's tag never stays the same where what the caller sees has changed.
func TestStateTagChangesWithTheEvents(t *testing.T) {
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		now := time.Now().UnixMilli()
		audience := Audience(rnd.IntN(2))
		bounds := StateBounds{MaxBytes: 1 << 20}
		if seed%4 == 0 {
			bounds.MaxBytes = 8 << 10 // what is too much is left out
		}
		if seed%5 == 0 {
			bounds.MaxAge = 30 * time.Minute
		}
		h := NewHub(Config{Streams: []Spec{{Name: "orders", Audience: audience, ReplayBytes: 1, State: bounds}}})
		next := make([]int64, 1+rnd.IntN(3))
		h.Begin(0, "e", next)
		h.Retained(0, nil, rnd.IntN(2) == 0, make([]int64, len(next)))
		h.SetWarm(0)
		shown := map[string]string{}
		for range 400 {
			switch rnd.IntN(20) {
			case 0:
				start := slices.Clone(next)
				for p := range start {
					start[p] = max(0, start[p]-10)
				}
				h.Retained(0, nil, h.logs[0].state.compacted, start)
			default:
				h.Publish(0, []Event{randomStateEvent(rnd, next, now, 12)})
			}
			for _, q := range []StateRequest{{User: "alice"}, {User: "bob"}, {User: "alice", Filter: About("s3")}, {User: "nobody"}} {
				q.Streams = []int{0}
				s, err := h.State(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				tag, got := fmt.Sprint(q.User, q.Filter.single(), s.Tag, s.Turn), fmt.Sprint(texts(s))
				if before, seen := shown[tag]; seen && before != got {
					t.Fatalf("seed %d: %s has %s under the tag of %s", seed, q.User, got, before)
				}
				shown[tag] = got
				if head, err := h.StateHead(q); err != nil || !slices.Equal(head.Tag, s.Tag) {
					t.Fatalf("seed %d: the head has the tag %v, %v; want %v", seed, head.Tag, err, s.Tag)
				}
			}
		}
		h.Close()
	}
}

// It stays the same where others' events come, and is the same on another gateway.
func TestStateTagStaysWhereNothingOfTheCallersChanged(t *testing.T) {
	one, other := newStateRig(t, 1, keeping(AudienceUser)), newStateRig(t, 1, keeping(AudienceUser))
	tag := func(r *stateRig) []uint64 { return r.state(StateRequest{User: "alice"}).Tag }
	one.record(0, time.Minute, "k1 o-1 alice 1")
	first := tag(one)
	one.record(0, 0, "k2 o-2 bob 2")
	one.record(0, 0, "k2 o-2 bob 3")
	if got := tag(one); !slices.Equal(got, first) {
		t.Errorf("after bob's: %v; want %v", got, first)
	}
	one.record(0, 0, "k1 o-1 alice 4")
	if got := tag(one); slices.Equal(got, first) {
		t.Error("after an event of hers the tag is the same")
	}
	ev := []Event{{Offset: 10, Timestamp: time.Now().UnixMilli(), Subject: []byte("o-9"), Users: [][]byte{[]byte("carol")}, Data: []byte("9")}}
	one.hub.Publish(0, ev)
	other.hub.Publish(0, ev)
	carols := StateRequest{User: "carol"}
	if a, b := one.state(carols).Tag, other.state(carols).Tag; !slices.Equal(a, b) {
		t.Errorf("two gateways have the tags %v and %v", a, b)
	}
}

// A user's state that takes many holds of the lock is of one moment, whatever is
// published between them.
func TestLongStateIsOfOneMoment(t *testing.T) {
	seeds := uint64(6) // each of the four kinds
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		seeds = 20
	}
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 2))
		now := time.Now().UnixMilli()
		h := NewHub(Config{Streams: []Spec{{Name: "orders", Audience: Audience(seed % 2), ReplayBytes: 1, State: StateBounds{MaxBytes: 64 << 20}}}})
		next := make([]int64, 3)
		h.Begin(0, "e", next)
		h.Retained(0, nil, seed%3 == 0, make([]int64, len(next)))
		h.SetWarm(0)
		for range 12_000 {
			h.Publish(0, []Event{randomStateEvent(rnd, next, now, 4000)})
		}
		ask := StateRequest{Streams: []int{0}, User: "alice"}
		q := ask.request()
		_, plans, err := h.beginState(&q)
		if err != nil || len(plans) != 1 || plans[0].copy == nil {
			t.Fatalf("seed %d: %v, not a copy: %+v", seed, err, plans)
		}
		c := plans[0].copy
		want := h.atOnce(q.User, now)
		runs := 0
		for c.run() {
			runs++
			for range 200 {
				h.Publish(0, []Event{randomStateEvent(rnd, next, now, 4000)})
			}
		}
		got := StatePart{Latest: c.result()}
		got.sort()
		if runs < 2 {
			t.Errorf("seed %d: only %d runs", seed, runs)
		}
		if a, b := texts(State{Latest: got.Latest}), texts(State{Latest: want}); !slices.Equal(a, b) {
			t.Fatalf("seed %d: %d events, want %d", seed, len(a), len(b))
		}
		if n := len(h.logs[0].state.copies); n != 0 {
			t.Errorf("seed %d: %d copies are left", seed, n)
		}
		h.Close()
	}
}

// atOnce is a state by the definition: slot by slot, in one hold of the lock.
func (h *Hub) atOnce(user string, now int64) []Latest {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.logs[0].state
	sight := t.sight(now)
	var all []Latest
	for id := uint32(1); int(id) < t.slots.len(); id++ {
		s := t.slots.at(id)
		if s.kind == stateValue && (t.everyone || t.belongs(id, h.users.find([]byte(user)))) && t.wins(s, &sight) {
			all = append(all, t.latest(0, s))
		}
	}
	slices.SortFunc(all, func(a, b Latest) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return all
}

// Callers that ask while nothing changes share one list. Only a caller that has it keeps
// it.
func TestStatePartsAreShared(t *testing.T) {
	r := newStateRig(t, 1, keeping(AudienceEveryone))
	for i := range 1000 {
		r.record(0, 0, fmt.Sprintf("k%d s%d - x", i, i))
	}
	ask := func() *StatePart {
		s, err := r.hub.ShareState(context.Background(), StateRequest{Streams: []int{0}}, nil)
		if err != nil || len(s.Parts) != 1 {
			t.Fatal(err, len(s.Parts))
		}
		return s.Parts[0]
	}
	first := ask()
	if ask() != first {
		t.Error("a second one has a list of its own")
	}
	if head, err := r.hub.StateHead(StateRequest{Streams: []int{0}}); err != nil || head.Look != 0 {
		t.Errorf("%d slots to look at, %v", head.Look, err)
	}
	r.record(0, 0, "k1 s1 - y")
	second := ask()
	if second == first || len(first.Latest) != 1000 || string(first.Latest[1].Frame) != "data: x\n\n" {
		t.Error("the list changed")
	}
	runtime.KeepAlive(first)
}

// What admit refuses is not copied, and leaves nothing behind.
func TestStateIsAdmittedBeforeItIsCopied(t *testing.T) {
	r := newStateRig(t, 1, keeping(AudienceEveryone))
	for i := range 1000 {
		r.record(0, 0, fmt.Sprintf("k%d s%d - x", i, i))
	}
	refusal := fmt.Errorf("no room")
	_, err := r.hub.ShareState(context.Background(), StateRequest{Streams: []int{0}}, func(p *StatePart) error {
		if p.Bytes < 80_000 || p.Latest != nil {
			t.Errorf("%d bytes, %d events", p.Bytes, len(p.Latest))
		}
		return refusal
	})
	if err != refusal {
		t.Errorf("%v", err)
	}
	if n := len(r.hub.logs[0].state.copies); n != 0 {
		t.Errorf("%d copies are left", n)
	}
}

// Callers that ask while a part is being made wait for that one. If it comes to nothing,
// one of them makes it anew.
func TestStatePartsAreMadeOnce(t *testing.T) {
	r := newStateRig(t, 1, keeping(AudienceEveryone))
	for i := range 1000 {
		r.record(0, 0, fmt.Sprintf("k%d s%d - x", i, i))
	}
	ask := StateRequest{Streams: []int{0}}
	for _, refusal := range []error{nil, fmt.Errorf("no room")} {
		r.record(0, 0, "k1 s1 - y")
		begun, goOn := make(chan struct{}), make(chan struct{})
		first := make(chan *StatePart, 1)
		go func() {
			defer close(first)
			s, err := r.hub.ShareState(context.Background(), ask, func(*StatePart) error {
				close(begun)
				<-goOn
				return refusal
			})
			if err == nil {
				first <- s.Parts[0]
			}
		}()
		<-begun
		if head, err := r.hub.StateHead(ask); err != nil || head.Look != 0 {
			t.Errorf("%d slots to look at, %v", head.Look, err)
		}
		const many = 10
		joined, all := make(chan struct{}, many), make(chan *StatePart, many)
		for range many {
			go func() {
				told := false
				s, err := r.hub.ShareState(context.Background(), ask, func(*StatePart) error {
					if !told {
						told = true
						joined <- struct{}{}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				all <- s.Parts[0]
			}()
		}
		for range many {
			<-joined
		}
		close(goOn)
		var same *StatePart
		for range many {
			part := <-all
			if len(part.Latest) != 1000 || same != nil && part != same {
				t.Errorf("%d events, the same %v", len(part.Latest), part == same)
			}
			same = part
		}
		if part := <-first; refusal == nil && part != same || refusal != nil && part != nil {
			t.Error("the first has another one")
		}
		if making := r.hub.logs[0].state.making; making != nil {
			t.Error("one is left under way")
		}
	}
}
