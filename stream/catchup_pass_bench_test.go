package stream

import (
	"context"
	"testing"
	"time"
)

// replayed is a Kafka that has a benchmark's events, n of them, and counts the time the
// hub takes for them.
type replayed struct {
	memoryOnly
	users, n int
	took     time.Duration
	worst    time.Duration // of one run
	done     chan struct{} // told after each reading
}

func (k *replayed) Bounds(ctx context.Context, stream int) (Bounds, error) {
	b, err := k.memoryOnly.Bounds(ctx, stream)
	clear(b.Start)
	return b, err
}

func (k *replayed) OffsetsAt(context.Context, int, int64) ([]int64, error) {
	return make([]int64, benchPartitions), nil
}

func (k *replayed) Read(_ context.Context, _ int, _ string, _, _ []int64, emit func(HistoryRun) error) error {
	g := newBenchEvents(k.users)
	k.took, k.worst = 0, 0
	var run []Event
	for g.next < k.n {
		for _, ev := range g.more() { // a run of one partition, as a fetch has it
			if ev.Partition == 0 {
				run = append(run, ev)
			}
		}
		if len(run) == 0 {
			continue
		}
		start := time.Now()
		err := emit(HistoryRun{Events: run, Next: run[len(run)-1].Offset + 1, Leader: noEpoch})
		k.took += time.Since(start)
		k.worst = max(k.worst, time.Since(start))
		if err != nil {
			return err
		}
		run = run[:0]
	}
	k.done <- struct{}{}
	return nil
}

// BenchmarkPassForMany reads 10,000 events older than memory for 100,000 who wait for
// theirs; the baseline reads the same for one. The time is that in which the hub's lock
// is held.
func BenchmarkPassForMany(b *testing.B) {
	const n, many = 120_000, 100_000
	pass := func(waiting int) *replayed {
		h := benchHub(Spec{Name: "orders"})
		defer h.Close()
		k := &replayed{memoryOnly: memoryOnly{h}, users: many, n: n, done: make(chan struct{}, 2)}
		h.SetHistory(k)
		for p := range int32(benchPartitions) {
			h.Advance(0, p, n/benchPartitions)
		}
		for h.logs[0].evict(&h.users) {
		}
		for range cap(h.passes.slots) { // until all wait
			h.passes.slots <- struct{}{}
		}
		for i := range waiting {
			if _, _, err := h.Open(b.Context(), Request{Streams: []int{0}, User: userName(i), Cursor: "orders@e:0"}); err != nil {
				b.Fatal(err)
			}
		}
		<-h.passes.slots
		<-k.done
		return k
	}
	var forMany, forOne, worst time.Duration
	for b.Loop() {
		k := pass(many)
		forMany += k.took
		worst = max(worst, k.worst)
		forOne += pass(1).took
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(forMany.Nanoseconds())/float64(b.N)/(n/benchPartitions), "ns/event")
	b.ReportMetric(float64(worst.Microseconds()), "µs-lock-max")
	b.ReportMetric(float64(forMany)/float64(forOne), "many/one")
}
