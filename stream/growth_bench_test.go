package stream

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// growthKafka is a Kafka of one partition with events of 300 bytes for everybody up to
// where it is read.
type growthKafka struct {
	memoryOnly
	reads int
}

func (k *growthKafka) Bounds(ctx context.Context, stream int) (Bounds, error) {
	b, err := k.memoryOnly.Bounds(ctx, stream)
	clear(b.Start)
	return b, err
}

func (k *growthKafka) OffsetsAt(context.Context, int, int64) ([]int64, error) { return []int64{0}, nil }

func (k *growthKafka) Read(_ context.Context, _ int, _ string, from, to []int64, emit func(HistoryRun) error) error {
	k.reads++
	data := make([]byte, 300)
	for o := from[0]; o < to[0]; {
		var run []Event
		for len(run) < 500 && o < to[0] {
			run = append(run, Event{Offset: o, Data: data})
			o++
		}
		if err := emit(HistoryRun{Events: run, Next: o, Leader: noEpoch}); err != nil {
			return err
		}
	}
	return nil
}

// growthBell queues whom it wakes.
type growthBell struct{ ch chan uint32 }

func (w *growthBell) Wake(token uint32) {
	select {
	case w.ch <- token:
	default:
	}
}

func growthHub(spec Spec) (*Hub, *growthBell) {
	h := NewHub(Config{Streams: []Spec{spec}})
	w := &growthBell{make(chan uint32, 1<<20)}
	h.AddWaker(w)
	h.Begin(0, "e", []int64{0})
	h.SetWarm(0)
	return h, w
}

func growthOpen(b *testing.B, h *Hub, n int, q func(i int) Request) []Sub {
	subs := make([]Sub, n)
	for i := range subs {
		r := q(i)
		r.Streams, r.Token = []int{0}, uint32(i)
		var err error
		if subs[i], _, err = h.Open(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
	return subs
}

func growthDrain(s Sub, maxBytes int) (events, pulls int) {
	var batch Batch
	for more := true; more; pulls++ {
		batch.Reset()
		more = s.Pull(&batch, maxBytes) == More
		events += batch.Events
	}
	return events, pulls
}

// growthPast makes the first n events of a hub's stream older than memory.
func growthPast(h *Hub, n int64) *growthKafka {
	k := &growthKafka{memoryOnly: memoryOnly{h}}
	h.SetHistory(k)
	h.Advance(0, 0, n)
	for h.logs[0].evict(&h.users) {
	}
	return k
}

// growthLaws are what grows with the number of subscribers, or of events; each returns a
// cost and its unit.
var growthLaws = []struct {
	name string
	n    []int
	run  func(b *testing.B, n int) (cost float64, unit string)
}{
	{"event-of-one-subject-among-n-filtered", []int{1000, 10_000, 100_000}, func(b *testing.B, n int) (float64, string) {
		h, w := growthHub(Spec{Name: "news", Audience: AudienceEveryone})
		defer h.Close()
		for _, s := range growthOpen(b, h, n, func(i int) Request { return Request{User: "u", Filter: About(fmt.Sprint("s", i))} }) {
			growthDrain(s, 1)
		}
		_ = w
		const events = 50
		start := time.Now()
		for o := range int64(events) {
			h.Publish(0, []Event{{Offset: o, Subject: fmt.Append(nil, "s", o), Data: make([]byte, 300)}})
		}
		return float64(time.Since(start).Nanoseconds()) / events / 1000, "µs/event"
	}},
	{"follower-n-events-behind", []int{1000, 10_000, 100_000}, func(b *testing.B, n int) (float64, string) {
		h, _ := growthHub(Spec{Name: "orders"})
		defer h.Close()
		s := growthOpen(b, h, 1, func(int) Request { return Request{User: "u"} })[0]
		growthDrain(s, 1)
		for o := range int64(n) {
			h.Publish(0, []Event{{Offset: o, Users: [][]byte{[]byte("u")}, Data: make([]byte, 300)}})
		}
		start := time.Now()
		growthDrain(s, 32<<10)
		return float64(time.Since(start).Nanoseconds()) / float64(n) / 1000, "µs/event"
	}},
	{"close-one-of-n-tickets-of-a-subject", []int{1000, 10_000, 100_000}, func(b *testing.B, n int) (float64, string) {
		h, _ := growthHub(Spec{Name: "orders"})
		defer h.Close()
		subs := growthOpen(b, h, n, func(int) Request { return Request{AnyUser: true, Filter: About("s")} })
		const closed = 500
		start := time.Now()
		for _, s := range subs[:closed] {
			s.Close()
		}
		return float64(time.Since(start).Nanoseconds()) / closed / 1000, "µs/close"
	}},
	{"64-events-for-n-of-everybody", []int{1000, 10_000, 100_000}, func(b *testing.B, n int) (float64, string) {
		h, _ := growthHub(Spec{Name: "news", Audience: AudienceEveryone})
		defer h.Close()
		for _, s := range growthOpen(b, h, n, func(int) Request { return Request{User: "u"} }) {
			growthDrain(s, 1)
		}
		var evs []Event
		for o := range int64(64) {
			evs = append(evs, Event{Offset: o, Data: make([]byte, 300)})
		}
		start := time.Now()
		h.Publish(0, evs)
		return float64(time.Since(start).Microseconds()) / 1000, "ms"
	}},
	{"n-catch-up-with-5000-events", []int{100, 300, 1000}, func(b *testing.B, n int) (float64, string) {
		h, w := growthHub(Spec{Name: "news", Audience: AudienceEveryone})
		defer h.Close()
		const events = 5000
		k := growthPast(h, events)
		got, left := make([]int, n), n
		subs := growthOpen(b, h, n, func(int) Request { return Request{User: "u", Cursor: "news@e:0"} })
		pull := func(i uint32) {
			more, _ := growthDrain(subs[i], 32<<10)
			if got[i] += more; more > 0 && got[i] == events {
				left--
			}
		}
		for i := range subs {
			pull(uint32(i))
		}
		for left > 0 {
			pull(<-w.ch)
		}
		return float64(k.reads), "readings"
	}},
	{"one-catches-up-beside-n-stalled", []int{0, 100, 300}, func(b *testing.B, n int) (float64, string) {
		h, w := growthHub(Spec{Name: "news", Audience: AudienceEveryone})
		defer h.Close()
		const events = 5000
		growthPast(h, events)
		growthOpen(b, h, n, func(int) Request { return Request{User: "stalled", Cursor: "news@e:0"} })
		s, _, err := h.Open(context.Background(), Request{Streams: []int{0}, User: "u", Cursor: "news@e:0", Token: 1 << 20})
		if err != nil {
			b.Fatal(err)
		}
		start := time.Now()
		for got := 0; got < events; {
			more, _ := growthDrain(s, 32<<10)
			if got += more; got < events {
				for <-w.ch != 1<<20 {
				}
			}
		}
		return float64(time.Since(start).Microseconds()) / 1000, "ms"
	}},
	{"last-1000-of-n-partitions", []int{12, 100, 400}, func(b *testing.B, n int) (float64, string) {
		h := NewHub(Config{Streams: []Spec{{Name: "news", Audience: AudienceEveryone}}})
		defer h.Close()
		h.AddWaker(deaf{})
		h.Begin(0, "e", make([]int64, n+1)) // one is silent
		h.SetWarm(0)
		at := make([]int64, n)
		for i := range 200_000 {
			p := i % n
			h.Publish(0, []Event{{Partition: int32(p), Offset: at[p], Timestamp: int64(i), Data: []byte("x")}})
			at[p]++
		}
		start := time.Now()
		growthOpen(b, h, 1, func(int) Request { return Request{User: "u", From: From{Kind: FromLast, N: 1000}} })
		return float64(time.Since(start).Microseconds()) / 1000, "ms"
	}},
}

// BenchmarkGrowth prints what costs grow with: each law at three sizes.
func BenchmarkGrowth(b *testing.B) {
	for _, law := range growthLaws {
		for _, n := range law.n {
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(law.name, " ", "-"), n), func(b *testing.B) {
				least := 0.0 // the least of three says most on a machine that others use too
				unit := ""
				for b.Loop() {
					for i := range 3 {
						cost, u := law.run(b, n)
						if unit = u; i == 0 || cost < least {
							least = cost
						}
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(least, unit)
			})
		}
	}
}
