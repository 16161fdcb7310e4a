package stream

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"sluice/stream/arena"
)

func TestLogIsBoundedByBytes(t *testing.T) {
	const bound = 100_000
	r := newRig(t, 3, Spec{Name: "orders", ReplayBytes: bound})
	for i := range 3000 {
		r.put(0, i%3, "alice", strings.Repeat("x", i%700))
		r.read(0, i%3, 1)
		u := r.hub.Stats(0)
		if u.Bytes > bound {
			t.Fatalf("%d bytes are kept, %d allowed", u.Bytes, bound)
		}
		l := r.hub.logs[0]
		if i > 1000 && (u.Bytes < bound*9/10 || l.bodies.Allocated() > bound+2*arena.MaxChunk) {
			t.Fatalf("%d bytes are kept in %d bytes of chunks, %d allowed", u.Bytes, l.bodies.Allocated(), bound)
		}
	}
}

func TestLogIsBoundedByAge(t *testing.T) {
	r := newRig(t, 1, Spec{Name: "orders", Replay: 10 * time.Minute})
	for i := range 10 {
		r.tell(0, 0, "alice", fmt.Sprint(i))
		r.age(time.Minute)
	}
	if n := r.hub.Stats(0).Entries; n != 10 {
		t.Errorf("%d entries after ten minutes", n)
	}
	r.age(5 * time.Minute)
	r.tell(0, 0, "alice", "10")
	if n := r.hub.Stats(0).Entries; n != 6 {
		t.Errorf("%d entries, 6 of the last ten minutes", n)
	}
	r.resume("orders@ep0:7").gets("7", "8", "9", "10")
	r.resume("orders@ep0:3").gets("3", "4", "5", "6", "7", "8", "9", "10") // the first ones from Kafka
	r.age(time.Hour)
	r.kafka.hole(0, 0, 1)
	r.readAll() // no event for an hour
	if u := r.hub.Stats(0); u.Entries != 1 || u.Bytes != entryBytes {
		t.Errorf("%+v is kept", u)
	}
}

// What has expired during a long silence goes little by little: publishing holds the lock
// no longer for it.
func TestExpiryIsSharedOutOverPublishes(t *testing.T) {
	r := newRig(t, 1, Spec{Name: "orders", Replay: time.Minute})
	for range 5000 {
		r.put(0, 0, "alice", "old")
	}
	r.readAll()
	r.age(time.Hour)
	before := r.hub.Stats(0).Entries
	r.tell(0, 0, "alice", "new")
	after := r.hub.Stats(0).Entries
	if gone := before - after; gone <= 0 || gone > 1000 {
		t.Errorf("one event expired %d of %d", gone, before)
	}
	for i := 0; r.hub.Stats(0).Entries > 1+i; i++ {
		if i > 100 {
			t.Fatalf("%d entries are left", r.hub.Stats(0).Entries)
		}
		r.tell(0, 0, "alice", "new")
	}
}

// A gateway reads again after an error: what the log is past already is ignored.
func TestPublishIgnoresWhatItHas(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{})
	ev := func(offset int64) Event {
		return Event{Offset: offset, Users: [][]byte{[]byte("alice")}, Data: fmt.Append(nil, offset)}
	}
	r.hub.Publish(0, []Event{ev(0), ev(1)})
	r.hub.Publish(0, []Event{ev(0), ev(1), ev(2)})
	r.hub.Advance(0, 0, 2)
	r.hub.Advance(0, 0, 3)
	p.gets("0", "1", "2")
	if p.heartbeat(); p.id != "orders@ep0:3" {
		t.Errorf("the id is %s", p.id)
	}
}

// The caller's slices are its own again after Publish.
func TestPublishCopiesWhatItKeeps(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{})
	data, user, subject := []byte("data"), []byte("alice"), []byte("s")
	r.hub.Publish(0, []Event{{Users: [][]byte{user}, Subject: subject, Data: data}})
	for _, b := range [][]byte{data, user, subject} {
		for i := range b {
			b[i] = 'x'
		}
	}
	p.gets("data")
	r.open(Request{Filter: About("s"), Cursor: "orders@ep0:0"}).gets("data")
}

// A frame handed out is what it was, after the log has given it up and gone on.
func TestFramesOutliveTheLog(t *testing.T) {
	r := newRig(t, 1, Spec{Name: "orders", ReplayBytes: 20_000})
	p := r.open(Request{})
	r.tell(0, 0, "alice", strings.Repeat("a", 1000))
	var b Batch
	p.sub.Pull(&b, 1<<20)
	before := bytes.Join(b.Bufs, nil)
	for range 1000 {
		r.tell(0, 0, "bob", strings.Repeat("b", 1000))
	}
	if !bytes.Equal(before, bytes.Join(b.Bufs, nil)) {
		t.Error("a frame changed after it was pulled")
	}
}

// The name and the subject of an event come out where they belong: the first on the wire,
// the other not.
func TestFrameHoldsNameNotSubject(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{})
	r.hub.Publish(0, []Event{{Users: [][]byte{[]byte("alice")}, Subject: []byte("o-77"), Name: "order.confirmed", Data: []byte("{}")}})
	var b Batch
	p.sub.Pull(&b, 1<<20)
	if got, want := string(bytes.Join(b.Bufs, nil)), "id: orders@ep0:1\nevent: order.confirmed\ndata: {}\n\n"; got != want || b.Bytes != len(want) || b.Events != 1 {
		t.Errorf("%d bytes, %d events: %q, want %q", b.Bytes, b.Events, got, want)
	}
}

// Chains of users lead over blocks, and end where the log does.
func TestChainsOverBlocks(t *testing.T) {
	const n = 5 * blockLen
	r := newRig(t, 1, orders)
	for i := range n {
		r.put(0, 0, fmt.Sprint("user", i%100), fmt.Sprint(i))
	}
	r.readAll()
	r.hub.mu.Lock()
	l := r.hub.logs[0]
	for range blockLen + 17 {
		l.evict(&r.hub.users)
	}
	r.hub.mu.Unlock()
	for u := range 100 {
		var want []string
		for i := blockLen + 17; i < n; i++ {
			if i%100 == u {
				want = append(want, fmt.Sprint(i))
			}
		}
		r.open(Request{User: fmt.Sprint("user", u), Cursor: fmt.Sprintf("orders@ep0:%d", blockLen+17)}).gets(want...)
	}
	if r.kafka.reads != 0 {
		t.Error("read Kafka for what memory has")
	}
}

// A resume at any place of a log whose first block is partly evicted, with the partitions
// read in turns.
func TestResumeInAPartlyEvictedBlock(t *testing.T) {
	r := newRig(t, 2, orders)
	const n = 40
	for i := range n {
		r.tell(0, i%2, "alice", fmt.Sprint(i))
	}
	for gone := range n - 1 {
		r.hub.mu.Lock()
		r.hub.logs[0].evict(&r.hub.users)
		r.hub.mu.Unlock()
		for have := gone + 1; have <= n; have++ { // one that has been sent the first ones, as its position
			reads := r.kafka.reads
			p := r.resume(fmt.Sprintf("orders@ep0:%d.%d", (have+1)/2, have/2))
			if got := p.take(); len(got) != n-have || have < n && got[0] != fmt.Sprint(have) {
				t.Fatalf("%d gone, %d had: got %q", gone+1, have, got)
			}
			p.sub.Close()
			if r.kafka.reads != reads {
				t.Fatalf("%d gone, %d had: read Kafka", gone+1, have)
			}
		}
	}
}

// An empty log with a position: everything has expired, then it goes on.
func TestEmptiedLogGoesOn(t *testing.T) {
	for _, n := range []int{1, blockLen - 1, blockLen, blockLen + 1} {
		r := newRig(t, 2, orders)
		p := r.open(Request{})
		for range 3 {
			for i := range n {
				r.put(0, i%2, "alice", "x")
			}
			r.readAll()
			if got := len(p.take()); got != n {
				t.Errorf("got %d of %d", got, n)
			}
			r.evict(0)
			p.heartbeat()
			q := r.resume(p.id).begins(OutcomeResumed)
			q.gets()
			if q.hasOwn() {
				t.Errorf("at the head of an emptied log of %d, on its own", n)
			}
		}
		p.neverBack()
		if u := r.hub.Stats(0); u.Entries != 0 || u.Bytes != 0 {
			t.Errorf("an emptied log holds %+v", u)
		}
	}
}

func TestHubAnswersAboutItsStreams(t *testing.T) {
	r := newRig(t, 2, orders, news)
	if i, ok := r.hub.Lookup("news"); i != 1 || !ok {
		t.Errorf("news is %d, %v", i, ok)
	}
	if _, ok := r.hub.Lookup("new"); ok {
		t.Error("found a stream that there isn't")
	}
	if specs := r.hub.Specs(); len(specs) != 2 || specs[1].Name != "news" {
		t.Errorf("the specs are %v", specs)
	}
	r.tell(0, 1, "alice", "x")
	epoch, next := r.hub.Positions(0)
	if epoch != "ep0" || fmt.Sprint(next) != "[0 1]" {
		t.Errorf("at %s %v", epoch, next)
	}
	next[0] = 99 // the caller's
	if _, again := r.hub.Positions(0); again[0] != 0 {
		t.Error("positions are shared with the caller")
	}
}
