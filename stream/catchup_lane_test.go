package stream

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sluice/stream/cursor"
)

// rings is a waker that queues whom it is told.
type rings struct{ ch chan uint32 }

func (r *rings) Wake(token uint32) { r.ch <- token }

// longPast is a Kafka of one partition with n events for everybody, which it hands on in
// runs of 500.
type longPast struct {
	memoryOnly
	n     int64
	data  []byte
	reads int // calls of Read
	runs  int
	first func()     // done before the first run; nil: nothing
	over  chan error // told how each ended; nil: not told
}

func (k *longPast) Bounds(ctx context.Context, stream int) (Bounds, error) {
	b, err := k.memoryOnly.Bounds(ctx, stream)
	clear(b.Start)
	return b, err
}

func (k *longPast) OffsetsAt(context.Context, int, int64) ([]int64, error) { return []int64{0}, nil }

func (k *longPast) Read(_ context.Context, _ int, _ string, from, to []int64, emit func(HistoryRun) error) (err error) {
	k.hub.mu.Lock()
	k.reads++
	k.hub.mu.Unlock()
	if k.over != nil {
		defer func() { k.over <- err }()
	}
	for o := from[0]; o < to[0]; {
		var run []Event
		for len(run) < 500 && o < to[0] {
			run = append(run, Event{Offset: o, Data: k.data, Subject: fmt.Append(nil, o%10), Users: [][]byte{[]byte("u")}})
			o++
		}
		if k.runs++; k.runs == 1 && k.first != nil {
			k.first()
		}
		if err := emit(HistoryRun{Events: run, Next: o, Leader: noEpoch}); err != nil {
			return err
		}
	}
	return nil
}

// pastHub is a hub whose stream begins at n, with n events of size bytes in Kafka.
func pastHub(t *testing.T, spec Spec, n int64, size int) (*Hub, *longPast, *rings) {
	h := NewHub(Config{Streams: []Spec{spec}})
	t.Cleanup(h.Close)
	w := &rings{make(chan uint32, 1<<20)}
	h.AddWaker(w)
	h.Begin(0, "e", []int64{n})
	h.SetWarm(0)
	k := &longPast{memoryOnly: memoryOnly{h}, n: n, data: []byte(strings.Repeat("x", size))}
	h.SetHistory(k)
	return h, k, w
}

// takeAll pulls for each subscriber as it is woken until all have n events; it returns
// how often one was handed something by a pull. first is the token of the first of them.
func takeAll(t *testing.T, w *rings, subs []Sub, first uint32, n int) (pulls int) {
	t.Helper()
	got := make([]int, len(subs))
	left := len(subs)
	var b Batch
	pull := func(i uint32) {
		for more := true; more; {
			b.Reset()
			switch p := subs[i].Pull(&b, 32<<10); p {
			case More, Drained:
				more = p == More
			default:
				t.Fatalf("pull %d of subscriber %d ended with %d", got[i], i, p)
			}
			if b.Events > 0 {
				pulls++
			}
			if got[i] < n && got[i]+b.Events >= n {
				left--
			}
			got[i] += b.Events
		}
	}
	for i := range subs {
		pull(uint32(i))
	}
	for left > 0 {
		if i := <-w.ch - first; int(i) < len(subs) {
			pull(i)
		}
	}
	for i, g := range got {
		if g != n {
			t.Fatalf("subscriber %d got %d of %d", i, g, n)
		}
	}
	return pulls
}

func TestManyWhoAreNearEachOtherShareOneReading(t *testing.T) {
	members, n := 100, 3000
	if os.Getenv("SLUICE_TEST_ALL") == "1" {
		members, n = 300, 10_000
	}
	for _, q := range []Request{{User: "u"}, {User: "u", Filter: About("3")}} {
		for _, spec := range []Spec{news, orders} {
			h, k, w := pastHub(t, spec, int64(n), 300)
			q.Streams = []int{0}
			want := n
			if q.Filter.single() != "" {
				want = n / 10
			}
			q.Cursor = spec.Name + "@e:0" + strings.Repeat("*"+cursor.FilterMark(q.Filter.single()), min(1, len(q.Filter.single())))
			// Of one user's those share a reading who wait for it together; everybody's
			// is also there for who comes later.
			together := spec.Audience == AudienceUser
			for range cap(h.passes.slots) {
				if together {
					h.passes.slots <- struct{}{}
				}
			}
			subs := make([]Sub, members)
			for i := range subs {
				q.Token = uint32(i)
				var err error
				if subs[i], _, err = h.Open(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			for range cap(h.passes.slots) {
				if together {
					<-h.passes.slots
				}
			}
			takeAll(t, w, subs, 0, want)
			if k.reads > 8 {
				t.Errorf("%s, subject %q: %d readings for %d", spec.Name, q.Filter.single(), k.reads, members)
			}
			for _, s := range subs {
				s.Close()
			}
			h.Close()
			if h.passes.bytes != 0 || h.passes.newest != nil || h.passes.streams[0].reading != 0 {
				t.Errorf("%d bytes and %d readers are left", h.passes.bytes, h.passes.streams[0].reading)
			}
		}
	}
}

// Members that take get on at full speed, whatever those hold that take nothing. Each of
// those is in another lane, and there are more than there is room for.
func TestWhoTakesIsNotHeldUpByWhoDoesNot(t *testing.T) {
	const n = 5000
	for _, stalled := range []int{0, 300} {
		h, k, w := pastHub(t, orders, n, 300)
		k.over = make(chan error, 1<<16)
		for i := range stalled {
			if _, _, err := h.Open(t.Context(), Request{Streams: []int{0}, User: "u", Cursor: fmt.Sprintf("orders@e:%d*%s", i, cursor.FilterMark(fmt.Sprint(i%10))), Filter: About(fmt.Sprint(i % 10)), Token: 99}); err != nil {
				t.Fatal(err)
			}
		}
		h.mu.Lock()
		h.passes.bytes += maxLanesBytes // as if others, of whom nobody takes either, had all the room
		h.mu.Unlock()
		before := len(k.over)
		s, _, err := h.Open(t.Context(), Request{Streams: []int{0}, User: "u", Cursor: "orders@e:0"})
		if err != nil {
			t.Fatal(err)
		}
		pulls := takeAll(t, w, []Sub{s}, 0, n)
		if reads := len(k.over) - before; reads > 10 {
			t.Errorf("%d readings beside %d stalled", reads, stalled)
		}
		if most := n*400/(32<<10) + 40; pulls > most {
			t.Errorf("%d pulls beside %d stalled, %d events each", pulls, stalled, n/pulls)
		}
	}
}

// What is in several lanes is in memory once, and counted once.
func TestASharedBodyIsCountedOnce(t *testing.T) {
	h, k, w := pastHub(t, orders, 100, 1000)
	k.over = make(chan error, 9)
	for i := range 50 {
		q := Request{Streams: []int{0}, User: "u", Cursor: "orders@e:0", Token: uint32(i)}
		if i > 0 {
			q.Filter = About(fmt.Sprint(i % 10))
			q.Cursor += "*" + cursor.FilterMark(q.Filter.single())
		}
		if _, _, err := h.Open(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	_ = w
	for done := false; !done; runtime.Gosched() {
		h.mu.Lock()
		done = !h.passes.streams[0].members.served
		h.mu.Unlock()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if got := h.passes.bytes; got > 2*100*(1100+2*foundBytes)+200_000 || got == 0 {
		t.Errorf("%d bytes are counted for 100 events of 1,000", got)
	}
}

// When all have gone, Kafka is read no further.
func TestAPassEndsWhenAllHaveLeft(t *testing.T) {
	h, k, _ := pastHub(t, news, 1_000_000, 10)
	k.over = make(chan error, 9)
	var subs []Sub
	for range cap(h.passes.slots) {
		h.passes.slots <- struct{}{}
	}
	for range 20 {
		s, _, err := h.Open(t.Context(), Request{Streams: []int{0}, User: "u", Cursor: "news@e:0"})
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, s)
	}
	for _, s := range subs {
		s.Close()
	}
	<-h.passes.slots
	for running := true; running; runtime.Gosched() {
		h.mu.Lock()
		running = h.passes.streams[0].members.served
		h.mu.Unlock()
	}
	if k.runs > 1 {
		t.Errorf("%d runs were read for nobody", k.runs)
	}
}

// One far behind the others waits for its turn, and holds them up no longer than for one
// lane.
func TestOneFarBehindHasAReadingOfItsOwn(t *testing.T) {
	const n = 100_000
	h, k, w := pastHub(t, news, n, 300)
	var subs []Sub
	open := func(at int) {
		s, _, err := h.Open(t.Context(), Request{Streams: []int{0}, User: "u", Cursor: fmt.Sprintf("news@e:%d", at), Token: uint32(len(subs))})
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, s)
	}
	for range cap(h.passes.slots) {
		h.passes.slots <- struct{}{}
	}
	for range 10 {
		open(n - 2000)
	}
	open(0)
	<-h.passes.slots
	takeAll(t, w, subs[:10], 0, 2000)
	h.mu.Lock()
	reads := k.reads
	h.mu.Unlock()
	if reads > 3 {
		t.Errorf("%d readings before the ten were served", reads)
	}
	takeAll(t, w, subs[10:], 10, n)
}

// A record without a user is nobody's in a stream of users, also for who has no identity.
func TestNobodyCatchesUpWithNothing(t *testing.T) {
	r := newRig(t, 1, orders)
	r.kafka.put(0, 0, Event{Users: [][]byte{{}, []byte("alice")}, Subject: []byte("s"), Data: []byte("alice's")})
	r.readAll()
	r.evict(0)
	for _, subject := range []string{"", "s"} {
		s, _, err := r.hub.Open(t.Context(), Request{Streams: []int{0}, Filter: About(subject), From: From{Kind: FromEarliest}})
		if err != nil {
			t.Fatal(err)
		}
		p := &page{r: r, sub: s}
		p.gets()
	}
}

// Both events of a record may fill a lane. One that only the second is for is sent that.
func TestLaneHasRoomForBothHalvesOfARecord(t *testing.T) {
	r := newRig(t, 1, orders)
	large := moves("alice", "bob", "o-1", strings.Repeat("x", maxSharedLaneBytes))
	large.FormerData = []byte("gone")
	for range 2 {
		r.kafka.put(0, 0, large)
	}
	r.readAll()
	r.evict(0)
	p := r.open(Request{Filter: NewFilter([]string{"o-1"}, []string{"delete"}), AnyUser: true, From: From{Kind: FromEarliest}})
	var all []string
	for range 10 { // by then it is at the end, or will never be
		_, got := p.pull(1 << 20)
		if all = append(all, got...); len(all) == 2 {
			break
		}
		<-r.wakes.channel(p.token)
	}
	if !slices.Equal(all, []string{"gone", "gone"}) {
		t.Errorf("got %q", all)
	}
}
