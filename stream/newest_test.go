package stream

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// newestOfAll is what newest has to take, from all marks at once: n off the ends of the
// partitions, each time the one with the latest timestamp.
func newestOfAll(all []newestEvent, n int) (taken []newestEvent) {
	byPartition := map[[2]int][]newestEvent{}
	for _, m := range all {
		key := [2]int{m.stream, int(m.partition)}
		byPartition[key] = append(byPartition[key], m)
	}
	var keys [][2]int
	for key, marks := range byPartition {
		slices.SortFunc(marks, func(a, b newestEvent) int { return cmp.Compare(a.offset, b.offset) })
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [2]int) int { return cmp.Or(a[0]-b[0], a[1]-b[1]) })
	for ; n > 0; n-- {
		var best *[2]int
		for i := range keys {
			tail := byPartition[keys[i]]
			if len(tail) > 0 && (best == nil || tail[len(tail)-1].time > byPartition[*best][len(byPartition[*best])-1].time) {
				best = &keys[i]
			}
		}
		if best == nil {
			break
		}
		tail := byPartition[*best]
		taken = append(taken, tail[len(tail)-1])
		byPartition[*best] = tail[:len(tail)-1]
	}
	return taken
}

// The newest are the same whatever order the partitions are shown in, with clocks that go
// back.
func TestNewestTakesWhatIsNewestAtThePartitionsEnds(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		var all []newestEvent
		streams, partitions, n := 1+rnd.IntN(3), 1+rnd.IntN(4), 1+rnd.IntN(12)
		for s := range streams {
			for p := range partitions {
				for o := range rnd.IntN(20) {
					all = append(all, newestEvent{s, int32(p), int64(o), int64(o + rnd.IntN(8))})
				}
			}
		}
		pick := &newestPick{n: n}
		next := map[[2]int]int{}
		for _, i := range rnd.Perm(len(all)) { // each partition newest first, the partitions in turns at random
			key := [2]int{all[i].stream, int(all[i].partition)}
			of := slices.DeleteFunc(slices.Clone(all), func(m newestEvent) bool { return m.stream != key[0] || int(m.partition) != key[1] })
			m := of[len(of)-1-next[key]]
			next[key]++
			pick.show(m.stream, m.partition, m.offset, m.time)
		}
		text := func(marks []newestEvent) string {
			var at []string
			for _, m := range marks {
				at = append(at, fmt.Sprint(m.stream, m.partition, m.offset))
			}
			slices.Sort(at)
			return fmt.Sprint(at)
		}
		if got, want := text(pick.events), text(newestOfAll(all, n)); got != want {
			t.Fatalf("round %d, %d of %d: took %s, want %s", round, n, len(all), got, want)
		}
	}
}

// What a reading found is remembered, above all that it found nothing: the next who asks
// reads only what has become older than memory since.
func TestLastReadsNothingTwice(t *testing.T) {
	for _, q := range []Request{{User: "alice"}, {User: "nobody"}, {User: "nobody", Filter: About("s")}, {AnyUser: true, Filter: About("none")}} {
		t.Run(fmt.Sprintf("%s %s", q.User, q.Filter.single()), func(t *testing.T) {
			k := &counting{fakeKafka: newKafka(1, 2)}
			r := &rig{newGateway(k.fakeKafka, []Spec{orders}, func(int64) int64 { return 0 }), t}
			t.Cleanup(r.hub.Close)
			r.hub.SetHistory(k)
			q.From = From{Kind: FromLast, N: 10}
			put := func(n int) {
				for i := range n {
					timed(r, 0, i%2, i)
				}
				r.readAll()
				r.evict(0)
			}
			ask := func() (records int64) {
				before := k.asked()
				p := r.open(q)
				p.sub.Close()
				return k.asked() - before
			}
			put(1000)
			r.hub.mu.Lock()
			r.hub.passes.streams[0].members.served = true // what the page itself would read is another matter
			r.hub.mu.Unlock()
			if got := ask(); got != 1000 {
				t.Errorf("read %d records for the first", got)
			}
			for range 5 {
				if got := ask(); got != 0 {
					t.Errorf("read %d records again", got)
				}
			}
			put(40)
			if got := ask(); got != 40 {
				t.Errorf("read %d records when 40 were new", got)
			}
			if got := ask(); got != 0 {
				t.Errorf("read %d records again", got)
			}
			if q.User == "alice" { // what is remembered is right
				r.hub.mu.Lock()
				r.hub.passes.streams[0].members.served = false
				r.hub.mu.Unlock()
				r.open(q).getsAll("30", "31", "32", "33", "34", "35", "36", "37", "38", "39")
			}
			// More than was asked for before is read, if there may be more.
			more := q
			more.From.N = 20
			before := k.asked()
			r.open(more).sub.Close()
			if got := k.asked() - before; (got > 0) != (q.User == "alice") {
				t.Errorf("read %d records for twice as many events", got)
			}
			// What was found before the topic lost records is not believed.
			r.kafka.truncate(0, 0, 400)
			r.readAll()
			r.evict(0)
			if got := ask(); got == 0 {
				t.Error("read nothing after a truncation")
			}
		})
	}
}

// counting counts the records that readings ask for.
type counting struct {
	*fakeKafka
	records int64
}

func (k *counting) asked() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.records
}

func (k *counting) Read(ctx context.Context, stream int, epoch string, from, to []int64, emit func(HistoryRun) error) error {
	k.mu.Lock()
	k.records += distance(from, to)
	k.mu.Unlock()
	return k.fakeKafka.Read(ctx, stream, epoch, from, to, emit)
}

// What is remembered is bounded. The answer that was used least lately is forgotten.
func TestWhatWasSeenIsBounded(t *testing.T) {
	var l newestCache
	m := memory{epoch: "e", floor: []int64{10}}
	from := []int64{0}
	one := func(i int) *newestAnswer {
		s := &newestAnswer{key: newestKey{user: fmt.Sprint(i)}, epoch: "e", from: from, to: []int64{10}, n: 1000, marks: map[int32][]offsetTime{}}
		s.marks[0] = make([]offsetTime, 900)
		return s
	}
	const n = 1000
	for i := range n {
		l.remember(one(i))
		l.find(one(0).key, m, from, 1000) // asks all the time
	}
	if l.bytes > newestCacheBytes || l.bytes < newestCacheBytes/2 || l.order.Len() != len(l.byKey) {
		t.Errorf("%d bytes in %d, %d by key", l.bytes, l.order.Len(), len(l.byKey))
	}
	for i, want := range map[int]bool{0: true, 1: false, n - 1: true} {
		if got := l.find(one(i).key, m, from, 1000) != nil; got != want {
			t.Errorf("%d is remembered: %v, want %v", i, got, want)
		}
	}
}

// last:N takes memory in proportion to N, however many partitions there are and however
// many ask.
func TestLastTakesMemoryByItsN(t *testing.T) {
	const partitions = 400
	h := NewHub(Config{Streams: []Spec{news}})
	defer h.Close()
	h.AddWaker(deaf{})
	h.Begin(0, "e", make([]int64, partitions+1)) // one is silent
	h.SetWarm(0)
	evs := make([]Event, 64)
	at := make([]int64, partitions)
	for i := 0; i < sized(500_000); {
		for j := range evs {
			p := i % partitions
			evs[j] = Event{Partition: int32(p), Offset: at[p], Timestamp: int64(i), Data: []byte("x")}
			at[p]++
			i++
		}
		h.Publish(0, evs)
	}
	work := 0
	h.mu.Lock()
	h.mu.watch = &holdWatch{ended: func(n int) { work += n }}
	h.mu.Unlock()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, _, err := h.Open(t.Context(), Request{Streams: []int{0}, User: "u", From: From{Kind: FromLast, N: 10 * MaxLast}})
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("allocated %d KB", got>>10)
	}
	if work > 20*MaxLast {
		t.Errorf("looked at %d entries for %d events", work, MaxLast)
	}
	var b Batch
	for s.Pull(&b, 1<<20) == More {
	}
	if b.Events < MaxLast || b.Events > MaxLast+partitions {
		t.Errorf("%d events", b.Events)
	}
}

// Kafka is asked only once the request may ask it, and not at all for what memory has.
func TestBeforeKafkaIsAskedTheRequestMayBeRefused(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 3, "alice")
	r.tell(0, 0, "alice", "in memory")
	refused := fmt.Errorf("too often")
	for name, c := range map[string]struct {
		q     Request
		kafka bool
	}{
		"live":              {Request{}, false},
		"resumes":           {Request{Cursor: "orders@ep0:3"}, false},
		"last in memory":    {lastN(1), false},
		"last older":        {lastN(3), true},
		"earliest":          {Request{From: From{Kind: FromEarliest}}, true},
		"since":             {Request{From: From{Kind: FromSince}}, true},
		"an old cursor":     {Request{Cursor: "orders@ep0:1"}, true},
		"a topic of before": {Request{Cursor: "orders@other:1"}, true},
		"past the end":      {Request{Cursor: "orders@ep0:99"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			times := 0
			c.q.BeforeKafka = func() error { times++; return refused }
			asked, reads := r.kafka.asked, r.kafka.reads
			if _, err := r.try(c.q); (err == refused) != c.kafka || err != nil && !c.kafka {
				t.Errorf("got %v", err)
			}
			if r.kafka.asked != asked || r.kafka.reads != reads {
				t.Error("Kafka was asked")
			}
			if want := map[bool]int{true: 1}[c.kafka]; times != want {
				t.Errorf("asked %d times, want %d", times, want)
			}
		})
	}
	times := 0
	q := Request{Cursor: "orders@ep0:1", BeforeKafka: func() error { times++; return nil }}
	r.open(q).gets("alice 1", "alice 2", "in memory")
	if times != 1 {
		t.Errorf("asked %d times", times)
	}
}

// When all who look have gone, Kafka is read no further for them.
func TestAQueryEndsWhenAllHaveGone(t *testing.T) {
	h, k, _ := pastHub(t, news, 1_000_000, 10)
	k.over = make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	k.first = cancel
	_, _, err := h.Open(ctx, Request{Streams: []int{0}, User: "u", From: From{Kind: FromLast, N: 10}})
	if err != context.Canceled {
		t.Errorf("got %v", err)
	}
	if got := <-k.over; got != errNobody || k.runs > 2 {
		t.Errorf("the reading ended with %v after %d runs", got, k.runs)
	}
}

// A producer whose clock is years ahead takes nobody's room among the newest, whether
// they are in memory or read from Kafka.
func TestLastIsNotTakenByTimestampsOfTheFuture(t *testing.T) {
	r := newRig(t, 2, news)
	ahead := time.Now().Add(48 * time.Hour).UnixMilli()
	for i := range int64(5) { // in the other partition
		r.kafka.put(0, 1, Event{Timestamp: ahead + i, Data: fmt.Append(nil, "ahead ", i)})
	}
	timed(r, 0, 0, 1, 2, 3)
	r.readAll()
	for range 2 {
		r.open(lastN(3)).getsAll("1", "2", "3")
		r.evict(0)
	}
}
