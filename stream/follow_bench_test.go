package stream

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// BenchmarkFollow has 1,000 subscribers of an everyone stream pull all that is published,
// without a socket. The baseline copies the same frames and ids for each, as a gateway
// without a shared log would have to.
func BenchmarkFollow(b *testing.B) {
	const subscribers = 1000
	g := newBenchEvents(1000)
	h := benchHub(Spec{Name: "news", Audience: AudienceEveryone, ReplayBytes: 64 << 20})
	h.fill(g, 2*(64<<20)/benchPayload)
	subs := make([]Sub, subscribers)
	for i := range subs {
		s, _, err := h.Open(b.Context(), Request{Streams: []int{0}, User: "alice"})
		if err != nil {
			b.Fatal(err)
		}
		subs[i] = s
	}
	var batch Batch
	var pulls, copies time.Duration
	delivered := 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	room := make([]byte, 1<<20)
	for b.Loop() {
		h.Publish(0, g.more())
		for i := range subs {
			batch.Reset()
			start := time.Now()
			if subs[i].Pull(&batch, 1<<20) != Drained {
				b.Fatal("not drained")
			}
			middle := time.Now()
			at := 0
			for _, buf := range batch.Bufs {
				at += copy(room[at:], buf)
			}
			copies += time.Since(middle)
			pulls += middle.Sub(start)
			delivered += batch.Events
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(pulls.Nanoseconds())/float64(delivered), "ns/delivered")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(delivered), "allocs/delivered")
	b.ReportMetric(float64(pulls)/float64(copies), "pull/copy")
	h.Close()
}

// BenchmarkSubscribers is what 100,000 subscribers cost that just follow. It measures
// memory, and the collector's CPU for each cycle next to the same process without them.
func BenchmarkSubscribers(b *testing.B) {
	const n = 100_000
	gc := func(least time.Duration) time.Duration { // of one cycle; the least of some, since who else runs here is counted too
		for range 10 {
			start := gcCPU()
			runtime.GC()
			least = min(least, gcCPU()-start)
		}
		return least
	}
	without, with := time.Hour, time.Hour
	var each float64
	for b.Loop() {
		before := heap()
		without = gc(without)
		h := benchHub(Spec{Name: "orders"})
		for i := range n {
			if _, _, err := h.Open(b.Context(), Request{Streams: []int{0}, User: userName(i)}); err != nil {
				b.Fatal(err)
			}
		}
		each = float64(heap()-before) / n
		with = gc(with)
		h.Close()
	}
	b.ReportMetric(each, "B/subscriber")
	b.ReportMetric(float64(with.Microseconds()), "gc-µs/cycle")
	b.ReportMetric(float64(with)/float64(without), "gc-with/without")
}

// gcCPU is the CPU time that the collector has taken so far.
func gcCPU() time.Duration {
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	metrics.Read(sample)
	return time.Duration((sample[0].Value.Float64() - sample[1].Value.Float64()) * float64(time.Second))
}
