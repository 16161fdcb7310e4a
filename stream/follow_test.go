package stream

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// Rule 11: a subscriber that never pulls, a waker that has been told, a pass that is
// stuck: none of them holds Publish up.
func TestPublishWaitsForNobody(t *testing.T) {
	r := newRig(t, 1, orders)
	older(r, 3, "alice")
	r.gated() // for ever
	p := r.open(Request{})
	stuck := r.resume("orders@ep0:0")
	for i := range 1000 {
		r.hub.Publish(0, []Event{{Offset: int64(3 + i), Users: [][]byte{[]byte("alice")}, Data: []byte("x")}})
	}
	if got := p.take(); len(got) != 1000 {
		t.Errorf("got %d", len(got))
	}
	if pulled, got := stuck.pull(1 << 20); pulled != Drained || len(got) > 0 {
		t.Errorf("the stuck one: %v, %q", pulled, got)
	}
}

// However much goes by that isn't for it.
func TestIdleSubscriberNeverLags(t *testing.T) {
	for name, subject := range map[string]string{"following": "", "filtered": "s"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, orders)
			p := r.open(Request{Filter: About(subject)})
			p.gets()
			p.woken()
			for range 3 {
				for i := range 1000 {
					r.put(0, 0, "bob", fmt.Sprint(i))
				}
				r.readAll()
				r.evict(0)
			}
			if p.woken() {
				t.Error("woken by another's event")
			}
			p.gets() // pulling without having been woken is no reason to read Kafka either
			if r.kafka.reads != 0 {
				t.Errorf("%d readings of Kafka", r.kafka.reads)
			}
			if p.heartbeat(); p.id[:len("orders@ep0:3000")] != "orders@ep0:3000" {
				t.Errorf("the id is %s", p.id)
			}
			r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: []byte("hers")})
			r.readAll()
			if !p.woken() {
				t.Error("not woken by her own event")
			}
			p.gets("hers")
		})
	}
}

func TestSlowSubscriberIsLagged(t *testing.T) {
	r := newRig(t, 1, Spec{Name: "orders", ReplayBytes: 4000})
	p, quick := r.open(Request{}), r.open(Request{})
	for i := range 100 {
		r.tell(0, 0, "alice", fmt.Sprint(i))
		quick.gets(fmt.Sprint(i))
		r.age(time.Second)
	}
	p.gets("lagged")
	if got := r.resume(p.id).begins(OutcomeResumed).take(); len(got) != 100 || got[0] != "0" {
		t.Errorf("resumed with %d, from %.2q", len(got), got)
	}
}

// A subscriber that was slow by itself, filtered for instance, isn't closed: it goes on
// from Kafka.
func TestSlowSubscriberWithAnOwnPositionReadsFromKafka(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{Filter: About("s")})
	for i := range 5 {
		r.kafka.put(0, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: fmt.Append(nil, i)})
	}
	r.readAll()
	_, got := p.pull(1) // one of them
	r.evict(0)
	p.gets("1", "2", "3", "4")
	if len(got) != 1 {
		t.Errorf("at first got %q", got)
	}
	p.neverBack()
}

// A pull that ends for its size goes on where it ended.
func TestPullInPieces(t *testing.T) {
	for name, q := range map[string]Request{
		"following": {}, "resumed": {Cursor: "orders@ep0:0~news@ep0:0"}, "filtered": {Filter: About("s")}, "from Kafka": {Cursor: "orders@ep0:0~news@ep0:0"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, orders, news)
			p := r.open(q)
			for i := range 10 {
				r.kafka.put(i%2, 0, Event{Users: [][]byte{[]byte("alice")}, Subject: []byte("s"), Data: fmt.Append(nil, i)})
				r.readAll()
			}
			if name == "from Kafka" {
				r.evict(0)
				r.evict(1)
				p = r.open(q)
				p.untilRead()
			}
			seen := map[string]bool{}
			for {
				pulled, got := p.pull(1)
				for _, data := range got {
					if seen[data] {
						t.Errorf("got %s again", data)
					}
					seen[data] = true
				}
				if len(got) > 1 {
					t.Errorf("got %q at once", got)
				}
				if pulled == Drained && !p.reading() {
					break
				}
			}
			if len(seen) != 10 {
				t.Errorf("got %d of 10", len(seen))
			}
			p.neverBack()
		})
	}
}

// Looking through what a filter leaves nothing of gives the lock back in between.
func TestLongSearchIsCutIntoPulls(t *testing.T) {
	r := newRig(t, 1, news)
	const n = 3*replayRun + 10
	for range n {
		r.kafka.put(0, 0, Event{Subject: []byte("other"), Data: []byte("x")})
	}
	r.kafka.put(0, 0, Event{Subject: []byte("s"), Data: []byte("found")})
	r.readAll()
	p := r.open(Request{Filter: About("s"), Cursor: "news@ep0:0"})
	pulls := 0
	for pulled := More; pulled == More; pulls++ {
		pulled, _ = p.pull(1 << 20)
	}
	if pulls != 4 {
		t.Errorf("looked through %d entries in %d pulls", n, pulls)
	}
	if want := fmt.Sprintf("news@ep0:%d*%s", n+1, cursor.FilterMark("s")); p.id != want {
		t.Errorf("the id is %s, want %s", p.id, want)
	}
}

// A user who missed many of her events gets them in time in proportion to what is sent.
// Her chain isn't walked again by every pull, neither for one that resumes nor for one
// that follows and was slow.
func TestAPullOfOneFarBehindCostsWhatItSends(t *testing.T) {
	for name, follows := range map[string]bool{"resumes": false, "follows": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, orders)
			const n = 3*replayRun + 100
			open := Request{Cursor: "orders@ep0:0"}
			if follows {
				open.Cursor = ""
			}
			fill := func() {
				for i := range n {
					r.put(0, 0, "alice", fmt.Sprint(i))
					r.put(0, 0, "bob", "bob's")
				}
				r.readAll()
			}
			if !follows {
				fill()
			}
			p := r.open(open)
			if follows {
				p.gets()
				fill()
			}
			work := 0
			r.hub.mu.Lock()
			r.hub.mu.watch = &holdWatch{ended: func(n int) { work += n }}
			r.hub.mu.Unlock()
			var got []string
			for pulled := More; pulled == More; {
				var events []string
				pulled, events = p.pull(4000)
				got = append(got, events...)
				if pulled == More && len(got) == len(events) {
					r.tell(0, 0, "alice", fmt.Sprint(n)) // while it is reading
				}
			}
			if len(got) != n+1 {
				t.Fatalf("got %d of %d", len(got), n+1)
			}
			for i, data := range got {
				if data != fmt.Sprint(i) {
					t.Fatalf("event %d is %s", i, data)
				}
			}
			if work > 3*n {
				t.Errorf("looked at %d entries for %d events", work, n)
			}
		})
	}
}

// A waker is told once until the next pull, however much there is.
func TestWokenOnce(t *testing.T) {
	h := NewHub(Config{Streams: []Spec{orders}})
	defer h.Close()
	h.Begin(0, "e", []int64{0})
	h.SetWarm(0)
	var bell counter
	s, _, err := h.Open(t.Context(), Request{Streams: []int{0}, User: "alice", Waker: h.AddWaker(&bell), Token: 7})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(offset int64) {
		h.Publish(0, []Event{{Offset: offset, Users: [][]byte{[]byte("alice")}}})
	}
	publish(0)
	if n := bell.of(7); n != 0 {
		t.Errorf("woken %d times before the first pull", n)
	}
	var b Batch
	if s.Pull(&b, 1<<20) != Drained || b.Events != 1 {
		t.Errorf("pulled %d events", b.Events)
	}
	for i := range int64(10) {
		publish(i + 1)
	}
	h.SetStale(0, time.Now())
	if n := bell.of(7); n != 1 {
		t.Errorf("woken %d times for ten events", n)
	}
	if s.Pull(&b, b.Bytes+1) != More {
		t.Error("a full batch isn't More")
	}
	publish(11)
	if n := bell.of(7); n != 1 {
		t.Error("woken while it knows that there is more")
	}
}

// counter counts the wake-ups of each token.
type counter struct {
	mu sync.Mutex
	n  map[uint32]int
}

func (c *counter) Wake(token uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[uint32]int{}
	}
	c.n[token]++
}

func (c *counter) of(token uint32) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[token]
}

// Staleness wakes those who read the stream, moves nobody, and is the oldest of a
// connection's streams.
func TestStale(t *testing.T) {
	r := newRig(t, 1, orders, stock)
	both, one := r.open(Request{}), r.open(Request{Streams: []int{1}})
	for _, p := range []*page{both, one} {
		p.gets()
		p.woken()
	}
	first, second := time.Now().Add(-time.Minute), time.Now()
	r.hub.SetStale(1, second)
	r.hub.SetStale(0, first)
	if !both.woken() || !one.woken() {
		t.Error("not woken")
	}
	if since, stale := both.sub.Stale(); !stale || !since.Equal(first) {
		t.Errorf("stale since %v, want %v", since, first)
	}
	if since, stale := one.sub.Stale(); !stale || !since.Equal(second) {
		t.Errorf("stale since %v, want %v", since, second)
	}
	before := both.id
	both.gets()
	if both.heartbeat(); both.id != before {
		t.Errorf("moved from %s to %s", before, both.id)
	}
	r.hub.SetStale(0, time.Time{})
	r.hub.SetStale(1, time.Time{})
	if _, stale := both.sub.Stale(); stale || !both.woken() {
		t.Error("still stale, or not told of it")
	}
	r.tell(0, 0, "alice", "on")
	both.gets("on")
}

func TestCloseTwice(t *testing.T) {
	r := newRig(t, 1, orders)
	p, q := r.open(Request{}), r.open(Request{})
	p.sub.Close()
	p.sub.Close()
	Sub{}.Close()
	p.gets("closed")
	if id := p.sub.AppendID(nil); id != nil {
		t.Errorf("closed, and the id is %s", id)
	}
	r.tell(0, 0, "alice", "1")
	q.gets("1")
}

// A closed subscription means nobody, also after somebody else has got its place.
func TestSlotIsReusedForAnother(t *testing.T) {
	r := newRig(t, 1, orders)
	p := r.open(Request{})
	p.sub.Close()
	q := r.open(Request{User: "bob"})
	if q.sub.id != p.sub.id || q.sub == p.sub {
		t.Fatalf("slots %d and %d, the same Sub: %v", p.sub.id, q.sub.id, p.sub == q.sub)
	}
	r.tell(0, 0, "bob", "bob's")
	p.gets("closed")
	p.sub.Close() // must not close bob's
	if id := p.sub.AppendID(nil); id != nil {
		t.Errorf("closed, and the id is %s", id)
	}
	q.gets("bob's")
}

// Every set of streams that has ever been asked for would stay for ever otherwise.
func TestViewsAreReused(t *testing.T) {
	var specs []Spec
	for i := range 10 {
		specs = append(specs, Spec{Name: string(rune('a' + i))})
	}
	r := newRig(t, 1, specs...)
	kept := r.open(Request{Streams: []int{3}})
	for set := 1; set < 1<<10; set++ {
		var streams []int
		for i := range specs {
			if set>>i&1 != 0 {
				streams = append(streams, i)
			}
		}
		p := r.open(Request{Streams: streams})
		r.tell(streams[0], 0, "alice", "x")
		p.gets("x")
		p.sub.Close()
	}
	if n := len(r.hub.views); n > 3 {
		t.Errorf("%d views are kept for one subscriber", n)
	}
	if got := len(kept.take()); got != 1<<6 { // sets whose first stream is the fourth
		t.Errorf("got %d", got)
	}
}
