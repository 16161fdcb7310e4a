package stream

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// full reports whether the sizes that are stated are run in full.
var full = os.Getenv("SLUICE_TEST_FULL") == "1"

// sized is a size that is stated, or a tenth of it.
func sized(n int) int {
	if full {
		return n
	}
	return n / 10
}

// mostWork is the most that one hold of the hub's lock may do, in units of hubLock.did.
// It is a run of work, what cannot be split at its end, and the first run of wakings.
const mostWork = 2*holdRun + wakeRun

// holds watches the holds of the hubs of one scenario.
type holds struct {
	tb      testing.TB
	n       int
	work    int           // the most
	longest time.Duration // of CPU
	began   time.Duration
}

// hub is a hub whose holds are watched, of streams that have begun with so many
// partitions.
func (w *holds) hub(partitions int, c Config) *Hub {
	h := NewHub(c)
	w.tb.Cleanup(h.Close)
	h.AddWaker(deaf{})
	for i := range c.Streams {
		h.Begin(i, "e", make([]int64, partitions))
		h.SetWarm(i)
	}
	h.mu.watch = &holdWatch{
		began: func() {
			runtime.LockOSThread()
			w.began = threadTime()
		},
		ended: func(work int) {
			w.n++
			w.work = max(w.work, work)
			w.longest = max(w.longest, threadTime()-w.began)
			runtime.UnlockOSThread()
		},
	}
	return h
}

// open opens n subscriptions and pulls each once.
func (w *holds) open(h *Hub, n int, q func(i int) Request) []Sub {
	subs := make([]Sub, n)
	var b Batch
	for i := range subs {
		r := q(i)
		if r.Streams == nil {
			r.Streams = []int{0}
		}
		var err error
		if subs[i], _, err = h.Open(context.Background(), r); err != nil {
			w.tb.Fatal(err)
		}
		b.Reset()
		subs[i].Pull(&b, 1)
	}
	return subs
}

// all pulls until each subscriber has all, or waits.
func (w *holds) all(subs []Sub) (events int) {
	var b Batch
	for _, s := range subs {
		for more := true; more; {
			b.Reset()
			more = s.Pull(&b, 32<<10) == More
			events += b.Events
		}
	}
	return events
}

// evicted empties a log under holds that are not the hub's.
func evicted(h *Hub) {
	for h.logs[0].evict(&h.users) {
	}
}

// event is one for everybody, one user and a subject.
func event(offset int64, user, subject string) Event {
	return Event{Offset: offset, Timestamp: offset, Users: [][]byte{[]byte(user)}, Subject: []byte(subject), Data: make([]byte, 300)}
}

// run are events of partition 0 from an offset on.
func runOf(from int64, n int, user, subject string) (events []Event) {
	for i := range n {
		events = append(events, event(from+int64(i), user, subject))
	}
	return events
}

func same(q Request) func(int) Request { return func(int) Request { return q } }

// holdScenarios do all that callers and producers can have done under the hub's lock,
// with n of them.
var holdScenarios = []struct {
	name string
	run  func(w *holds, n int)
}{
	{"everybody is sent events", func(w *holds, n int) {
		h := w.hub(12, Config{Streams: []Spec{news}})
		subs := w.open(h, n, same(Request{User: "u"}))
		h.Publish(0, runOf(0, 64, "u", "s"))
		w.all(subs)
		h.Jump(0, 0, ReasonRetention, 100)
		h.SetStale(0, time.Now())
		h.SetStale(0, time.Time{})
		h.AddPartitions(0, make([]int64, 400))
		w.all(subs[:100])
		h.Begin(0, "f", make([]int64, 12))
		h.Close()
	}},
	{"everybody closes", func(w *holds, n int) {
		h := w.hub(12, Config{Streams: []Spec{news}, Decisions: 1000})
		for _, s := range w.open(h, n, func(i int) Request { return Request{User: userName(i)} }) {
			s.Close()
		}
	}},
	{"one user has all subscriptions", func(w *holds, n int) {
		h := w.hub(12, Config{Streams: []Spec{orders}})
		subs := w.open(h, n, same(Request{User: "u"}))
		h.Publish(0, runOf(0, 64, "u", "s"))
		w.all(subs[:100])
		h.EndUser("u")
		for _, s := range subs {
			s.Close()
		}
	}},
	{"all follow one subject", func(w *holds, n int) {
		for _, spec := range []Spec{orders, news} {
			h := w.hub(12, Config{Streams: []Spec{spec}})
			subs := w.open(h, n, same(Request{AnyUser: true, Filter: About("s")}))
			h.Publish(0, runOf(0, 64, "u", "s"))
			w.all(subs[:100])
			for _, s := range subs {
				s.Close()
			}
		}
	}},
	{"each follows a subject of its own", func(w *holds, n int) {
		h := w.hub(12, Config{Streams: []Spec{news}})
		w.open(h, n, func(i int) Request { return Request{User: "u", Filter: About(fmt.Sprint("s", i))} })
		for i := range int64(100) {
			h.Publish(0, runOf(i, 1, "u", fmt.Sprint("s", i)))
		}
	}},
	{"events of a hundred users and of a megabyte", func(w *holds, n int) {
		h := w.hub(12, Config{Streams: []Spec{{Name: "orders", ReplayBytes: 64 << 20}}})
		w.open(h, n, func(i int) Request { return Request{User: userName(i % 1000)} })
		var evs []Event
		for i := range 640 {
			ev := event(int64(i), "x", "s")
			for u := range 100 {
				ev.Users = append(ev.Users, []byte(userName((i+u*7)%1000)))
			}
			evs = append(evs, ev)
		}
		h.Publish(0, evs)
		for i := range int64(n) { // small ones, which a large one pushes out
			h.Publish(0, []Event{{Offset: 1000 + 2*i, Users: [][]byte{[]byte("x")}, Data: []byte("y")}})
		}
		for i := range int64(70) {
			h.Publish(0, []Event{{Offset: 1_000_000 + i, Users: [][]byte{[]byte("x")}, Data: []byte(strings.Repeat("y", 1<<20))}})
		}
	}},
	{"a pass for everybody", func(w *holds, n int) { w.pass(news, n, 12, same(Request{User: "u", Cursor: "news@e:0"})) }},
	{"a pass for each user", func(w *holds, n int) {
		w.pass(orders, n, 12, func(i int) Request { return Request{User: userName(i), Cursor: "orders@e:0"} })
	}},
	{"a pass over 400 partitions", func(w *holds, n int) {
		w.pass(orders, n/10, 400, func(i int) Request { return Request{User: userName(i), Cursor: "orders@e:0"} })
	}},
	{"a pass for each subject", func(w *holds, n int) {
		w.pass(news, n, 12, func(i int) Request {
			subject := fmt.Sprint("s", i)
			return Request{User: "u", Filter: About(subject), Cursor: "news@e:0*" + cursor.FilterMark(subject)}
		})
	}},
	{"some are far behind", func(w *holds, n int) {
		h := w.hub(1, Config{Streams: []Spec{orders, news}})
		follows := w.open(h, 3, same(Request{User: "hot", Streams: []int{0, 1}}))
		for i := range int64(n / 64) {
			h.Publish(0, runOf(i*64, 64, "hot", "s"))
			h.Publish(1, runOf(i*64, 64, "hot", "s"))
		}
		w.all(follows)
		w.all(w.open(h, 1, same(Request{User: "hot", Cursor: "orders@e:0"})))
		w.all(w.open(h, 1, same(Request{AnyUser: true, Filter: About("none"), Cursor: "orders@e:0*" + cursor.FilterMark("\x00any\x00none")})))
		w.open(h, 100, same(Request{User: "hot", Filter: About("none"), Streams: []int{1}, From: From{Kind: FromLast, N: MaxLast}}))
		w.open(h, 10, same(Request{AnyUser: true, Filter: About("none"), From: From{Kind: FromLast, N: 10}}))
		w.open(h, 10, same(Request{User: "hot", From: From{Kind: FromLast, N: MaxLast}}))
	}},
	{"a log of advances", func(w *holds, n int) {
		h := w.hub(100, Config{Streams: []Spec{orders}})
		behind := w.open(h, 1, same(Request{User: "x"}))
		at := make([]int64, 100)
		for i := range 10 * n {
			p := i % 100
			at[p]++
			h.Advance(0, int32(p), at[p])
			if i%100 == 99 { // else they are written over
				ev := event(at[p], "x", "y")
				ev.Partition = int32(p)
				h.Publish(0, []Event{ev})
				at[p]++
			}
		}
		w.all(behind)
		zero := "orders@e:" + strings.Repeat("0.", 99) + "0*" + cursor.FilterMark("\x00any\x00s")
		tickets := w.open(h, 20, same(Request{AnyUser: true, Filter: About("s"), Cursor: zero}))
		h.VisitSubscribers("", -1, 0, func(Subscriber) bool { return true })
		w.all(tickets)
		h.logs[0].spec.Replay = time.Second // all is too old at once
		h.mu.Lock()
		h.start = h.start.Add(-time.Hour)
		h.mu.Unlock()
		for range 100 {
			at[0] += 2
			h.Advance(0, 0, at[0])
		}
	}},
	{"operators look at everybody", func(w *holds, n int) {
		h := w.hub(12, Config{Streams: []Spec{news}, Decisions: n})
		w.open(h, n, func(i int) Request { return Request{User: userName(i)} })
		h.Publish(0, runOf(0, 64, "u", "s"))
		h.VisitSubscribers("", -1, 0, func(Subscriber) bool { return true })
		h.VisitSubscribers(userName(n-1), 0, 0, func(Subscriber) bool { return true })
		for i := range int64(64) {
			h.Decisions().Of(0, 0, i, "")
			h.Decisions().Of(0, 0, i, userName(int(i)))
		}
		h.Decisions().Newest(Question{User: userName(1), Stream: -1, Limit: 100})
		h.Stats(0)
	}},
	{"many sets of streams", func(w *holds, n int) {
		var specs []Spec
		for i := range 20 {
			specs = append(specs, Spec{Name: fmt.Sprint("s", i), Audience: AudienceEveryone})
		}
		h := w.hub(1, Config{Streams: specs})
		w.open(h, n/2, func(i int) Request {
			q := Request{User: "u"}
			for b := range 20 {
				if (i+1)>>b&1 == 1 {
					q.Streams = append(q.Streams, b)
				}
			}
			return q
		})
		h.Publish(0, runOf(0, 64, "u", "s"))
		h.Publish(19, runOf(0, 64, "u", "s"))
		h.Jump(0, 0, ReasonRetention, 100)
	}},
	{"a state of one user and of everybody", func(w *holds, n int) {
		for _, audience := range []Audience{AudienceUser, AudienceEveryone} {
			h := w.hub(1, Config{Streams: []Spec{{Name: "orders", Audience: audience, ReplayBytes: 1 << 20, State: StateBounds{MaxBytes: 1 << 30}}}})
			for i := range int64(n) {
				h.Publish(0, runOf(i, 1, "hot", fmt.Sprint("s", i)))
			}
			if _, err := h.State(context.Background(), StateRequest{Streams: []int{0}, User: "hot"}); err != nil {
				w.tb.Fatal(err)
			}
		}
	}},
	{"a state of one subject with many keys, that loses its records", func(w *holds, n int) {
		h := w.hub(1, Config{Streams: []Spec{{Name: "orders", ReplayBytes: 1 << 20, State: StateBounds{MaxBytes: 1 << 30}}}})
		h.Retained(0, nil, true, []int64{0})
		for i := range n {
			e := event(int64(i), "hot", "one")
			e.Key = fmt.Append(nil, i)
			h.Publish(0, []Event{e})
		}
		if s, err := h.State(context.Background(), StateRequest{Streams: []int{0}, User: "hot"}); err != nil || len(s.Latest) != 1 {
			w.tb.Fatal(len(s.Latest), err)
		}
		h.Jump(0, 0, ReasonTruncated, 1)
	}},
}

// pass has n catch up with what memory has no more, over some partitions.
func (w *holds) pass(spec Spec, n, partitions int, q func(int) Request) {
	const each = 1000
	h := w.hub(partitions, Config{Streams: []Spec{spec}})
	k := &wide{longPast{memoryOnly: memoryOnly{h}, n: each, data: make([]byte, 300)}}
	k.over = make(chan error, 1000)
	h.SetHistory(k)
	for p := range int32(partitions) {
		h.Advance(0, p, each)
	}
	h.mu.Lock()
	evicted(h)
	h.mu.Unlock()
	for range cap(h.passes.slots) { // until all wait
		h.passes.slots <- struct{}{}
	}
	subs := w.open(h, n, func(i int) Request {
		r := q(i)
		at, filter, filtered := strings.Cut(r.Cursor, "*")
		if r.Cursor = at + strings.Repeat(".0", partitions-1); filtered {
			r.Cursor += "*" + filter
		}
		return r
	})
	<-h.passes.slots
	if err := <-k.over; err != nil && err != errNobody {
		w.tb.Fatal(err)
	}
	for i, s := range subs {
		var b Batch
		s.Pull(&b, 32<<10)
		if i%2 == 0 {
			s.Close()
		}
	}
	h.Close()
}

// wide is a longPast of several partitions.
type wide struct{ longPast }

func (k *wide) OffsetsAt(context.Context, int, int64) ([]int64, error) { return nil, nil }

func (k *wide) Read(ctx context.Context, stream int, epoch string, from, to []int64, emit func(HistoryRun) error) error {
	return k.longPast.Read(ctx, stream, epoch, from[:1], to[:1], emit)
}

// No hold of the hub's lock does more than a bounded amount of work, with as many
// subscribers and entries as there may be.
func TestEveryHoldOfTheLockIsBounded(t *testing.T) {
	for _, s := range holdScenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			w := &holds{tb: t}
			s.run(w, sized(100_000))
			if w.work > mostWork {
				t.Errorf("a hold did %d units of work, more than %d", w.work, mostWork)
			}
			if w.work == 0 {
				t.Error("nothing was counted: the scenario shows nothing")
			}
			t.Logf("%d holds, the most work in one %d, the longest %v", w.n, w.work, w.longest)
		})
	}
}

// BenchmarkLockHold prints how long the longest hold of the hub's lock takes, with
// 100,000 subscribers. It is the median of five rounds of each scenario, in milliseconds
// of CPU, and the most work in one. The collector's share is in it.
func BenchmarkLockHold(b *testing.B) {
	for _, s := range holdScenarios {
		b.Run(strings.ReplaceAll(s.name, " ", "-"), func(b *testing.B) {
			var rounds []time.Duration
			work := 0
			for b.Loop() {
				rounds = rounds[:0]
				for range 5 {
					w := &holds{tb: b}
					s.run(w, 100_000)
					rounds = append(rounds, w.longest)
					work = max(work, w.work)
				}
			}
			slices.Sort(rounds)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(rounds[len(rounds)/2].Microseconds())/1000, "ms-longest")
			b.ReportMetric(float64(work), "work-most")
		})
	}
}
