package stream

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

func TestLiveBeginsAtTheHead(t *testing.T) {
	r := newRig(t, 2, orders, news)
	r.tell(0, 0, "alice", "old")
	r.tell(1, 1, "", "old")
	p := r.open(Request{}).begins(OutcomeLive)
	if p.id != "orders@ep0:1.0~news@ep0:0.1" || p.hasOwn() {
		t.Errorf("begins at %s, on its own: %v", p.id, p.hasOwn())
	}
	r.tell(0, 1, "alice", "new")
	p.gets("new")
}

func TestEarliestBeginsAtTheOldestThatKafkaHas(t *testing.T) {
	r := newRig(t, 1, orders)
	for i := range 4 {
		r.tell(0, 0, "alice", fmt.Sprint(i))
	}
	r.evict(0)
	r.kafka.retain(0, 0, 1)
	p := r.open(Request{From: From{Kind: FromEarliest}}).begins(OutcomeReplay)
	p.gets("1", "2", "3")
	r.hub.catchup.MaxRecords = 2
	r.open(Request{From: From{Kind: FromEarliest}}).begins(OutcomeReset, "reset bounds orders [0 1 4]").gets()
}

func TestSinceIsKafkasOffsetForTimeInEachPartition(t *testing.T) {
	r := newRig(t, 2, orders)
	now := time.Now().Truncate(time.Millisecond)
	for i := range 4 {
		for p := range 2 { // partition 1 is two minutes behind in time
			at := now.Add(time.Duration(i-2*p) * time.Minute)
			r.kafka.put(0, p, Event{Timestamp: at.UnixMilli(), Users: [][]byte{[]byte("alice")}, Data: fmt.Appendf(nil, "%d:%d", p, i)})
		}
	}
	r.readAll()
	since := Request{From: From{Kind: FromSince, Since: now.Add(time.Minute)}}
	r.open(since).begins(OutcomeReplay).getsAll("0:1", "0:2", "0:3", "1:3")
	r.evict(0)
	r.open(since).begins(OutcomeReplay).getsAll("0:1", "0:2", "0:3", "1:3")
	r.open(Request{From: From{Kind: FromSince, Since: now.Add(time.Hour)}}).begins(OutcomeReplay).gets()
}

// timed writes alice's events of one partition at these minutes.
func timed(r *rig, stream, p int, minutes ...int) {
	start := time.Now().Add(-time.Hour)
	for _, m := range minutes {
		r.kafka.put(stream, p, Event{
			Timestamp: start.Add(time.Duration(m) * time.Minute).UnixMilli(),
			Users:     [][]byte{[]byte("alice")}, Subject: fmt.Append(nil, m%2), Data: fmt.Append(nil, m),
		})
	}
}

func lastN(n int) Request { return Request{From: From{Kind: FromLast, N: n}} }

// The newest N are of all streams and partitions together, by the records' timestamps.
func TestLastCountsOverAllStreamsTogether(t *testing.T) {
	r := newRig(t, 2, orders, news)
	timed(r, 0, 0, 1, 6, 7)
	timed(r, 0, 1, 2, 3)
	timed(r, 1, 0, 4, 5, 9)
	timed(r, 1, 1, 8)
	r.readAll()
	for n := 1; n <= 9; n++ {
		var want []string
		for m := 10 - n; m < 10; m++ {
			want = append(want, fmt.Sprint(m))
		}
		r.open(lastN(n)).begins(OutcomeReplay).getsAll(want...)
	}
	r.open(lastN(100)).getsAll("1", "2", "3", "4", "5", "6", "7", "8", "9")
}

// Timestamps choose among partitions; within one, order is order: what is left out is
// before what is taken.
func TestLastKeepsAPartitionsOrder(t *testing.T) {
	r := newRig(t, 2, orders)
	timed(r, 0, 0, 9, 1, 2) // a producer's clock went back
	timed(r, 0, 1, 5)
	r.readAll()
	r.open(lastN(1)).gets("5")
	r.open(lastN(2)).getsAll("5", "2")
	r.open(lastN(4)).getsAll("5", "9", "1", "2")
}

func TestLastTakesOnlyTheCallersOwn(t *testing.T) {
	r := newRig(t, 1, orders)
	timed(r, 0, 0, 1, 2, 3)
	for range 5 {
		r.put(0, 0, "bob", "bob's")
	}
	r.readAll()
	r.open(lastN(2)).gets("2", "3")
	r.evict(0)
	r.open(lastN(2)).gets("2", "3")
	q := lastN(2)
	q.Filter = About("1")
	r.open(q).gets("1", "3")
	q.User = "carol"
	r.open(q).gets()
}

// A subject's newest in memory too.
func TestLastOfASubject(t *testing.T) {
	for _, spec := range []Spec{orders, news} {
		r := newRig(t, 1, spec)
		timed(r, 0, 0, 1, 2, 3, 4, 5)
		r.readAll()
		q := lastN(2)
		q.Filter = About("0")
		r.open(q).gets("2", "4")
	}
}

// Some in memory, the others older.
func TestLastOlderThanMemory(t *testing.T) {
	for _, spec := range []Spec{orders, news} {
		r := newRig(t, 2, spec)
		timed(r, 0, 0, 1, 3)
		timed(r, 0, 1, 2, 4)
		r.readAll()
		r.evict(0)
		timed(r, 0, 0, 5)
		r.readAll()
		reads := r.kafka.reads
		r.open(lastN(1)).gets("5")
		if r.kafka.reads != reads {
			t.Error("read Kafka for what memory has")
		}
		r.open(lastN(3)).getsAll("3", "4", "5")
		r.open(lastN(9)).getsAll("1", "2", "3", "4", "5")
	}
}

// A user whom memory doesn't know may have older events.
func TestLastOfAUserUnknownToMemory(t *testing.T) {
	r := newRig(t, 1, orders)
	timed(r, 0, 0, 1, 2, 3)
	r.readAll()
	r.evict(0)
	r.open(lastN(2)).gets("2", "3")
	r.tell(0, 0, "bob", "bob's")
	r.open(lastN(2)).gets("2", "3")
}

// Enough in the memory of one stream doesn't settle it when another one's memory reaches
// less far back.
func TestLastLooksWhereMemoryIsShorter(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	timed(r, 0, 0, 1, 2, 3)
	timed(r, 1, 0, 4, 5)
	r.readAll()
	r.evict(1)
	r.open(lastN(3)).getsAll("3", "4", "5")
	timed(r, 1, 0, 6)
	r.readAll()
	r.open(lastN(3)).getsAll("4", "5", "6")
}

// Many who ask for their newest share a reading.
func TestLastIsAskedInOneReading(t *testing.T) {
	r := newRig(t, 1, orders)
	timed(r, 0, 0, 1, 2, 3)
	r.readAll()
	r.evict(0)
	r.kafka.gate = make(chan struct{})
	const n = 50
	pages := make(chan *page)
	ask := func(i int) {
		q := lastN(1)
		q.User = fmt.Sprint("nobody who got anything ", i) // so that no pass follows
		p, err := r.try(q)
		if err != nil {
			t.Error(err)
		}
		pages <- p
	}
	waiting := func(want int, reads int) { // until this many wait for a reading, and this many have begun
		for looking, read := -1, -1; looking != want || read != reads; {
			r.hub.mu.Lock()
			looking = len(r.hub.passes.streams[0].queries.waiting)
			r.hub.mu.Unlock()
			r.kafka.mu.Lock()
			read = r.kafka.reads
			r.kafka.mu.Unlock()
			runtime.Gosched()
		}
	}
	go ask(0)
	waiting(0, 1)
	for i := range n - 1 {
		go ask(i + 1)
	}
	waiting(n-1, 1)
	close(r.kafka.gate)
	for range n {
		(<-pages).gets()
	}
	if reads := r.kafka.reads; reads != 2 {
		t.Errorf("%d readings for %d who asked", reads, n)
	}
}

func TestLastWithinTheBoundsOfCatchup(t *testing.T) {
	r := newRig(t, 2, orders)
	r.hub.catchup.MaxRecords = 4 // two of each partition
	timed(r, 0, 0, 1, 2, 3)
	timed(r, 0, 1, 4, 5, 6)
	r.readAll()
	r.evict(0)
	r.open(lastN(9)).getsAll("2", "3", "5", "6")
}

func TestNotWarm(t *testing.T) {
	h := NewHub(Config{Streams: []Spec{orders, stock}})
	defer h.Close()
	h.Begin(0, "e", []int64{0})
	h.Begin(1, "e", []int64{0})
	h.SetWarm(0)
	if _, _, err := h.Open(t.Context(), Request{Streams: []int{0, 1}, User: "alice"}); err != ErrNotWarm {
		t.Errorf("got %v, want ErrNotWarm", err)
	}
	s, o, err := h.Open(t.Context(), Request{Streams: []int{0}, User: "alice", Cursor: "stock@e:7"})
	if err != nil || o.ID != "orders@e:0~stock@e:7" {
		t.Errorf("a warm stream beside a cold one: %q, %v", o.ID, err)
	}
	s.Close()
}

// Without a history, what memory has is all there is, and what it has lost is said.
func TestWithoutHistory(t *testing.T) {
	r := newRig(t, 1, orders)
	r.hub.SetHistory(nil)
	r.tell(0, 0, "alice", "1")
	r.tell(0, 0, "alice", "2")
	r.open(Request{From: From{Kind: FromEarliest}}).gets("1", "2")
	r.open(lastN(1)).gets("2")
	r.evict(0)
	r.tell(0, 0, "alice", "3")
	r.open(Request{From: From{Kind: FromEarliest}}).gets("3")
	r.open(lastN(9)).gets("3")
	r.resume("orders@ep0:1").begins(OutcomeReset, "reset retention orders [0 1 2]").gets("3")
	r.resume("orders@ep0:9").begins(OutcomeReset, "reset truncated orders [0 9 3]").gets()
}
