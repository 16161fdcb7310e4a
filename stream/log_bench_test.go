package stream

import (
	"encoding/binary"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"sluice/stream/cursor"
)

// The benchmarks compare with a baseline in the same run, in turns, since only such
// ratios mean anything on a machine that others use too.

const (
	benchPartitions = 12
	benchPayload    = 300 // bytes
)

// benchEvents makes the events of a log: event i is of partition i%12 and of user i*7919
// modulo users.
type benchEvents struct {
	batch []Event
	next  int
	users int
}

func newBenchEvents(users int) *benchEvents {
	g := &benchEvents{batch: make([]Event, publishRun), users: users}
	for i := range g.batch {
		data := make([]byte, benchPayload)
		for j := range data {
			data[j] = 'a' + byte(j%26)
		}
		g.batch[i] = Event{Users: [][]byte{make([]byte, 8)}, Data: data}
	}
	return g
}

func (g *benchEvents) user(i int) int { return i * 7919 % g.users }

// more returns the next batch. It is the generator's own.
func (g *benchEvents) more() []Event {
	for j := range g.batch {
		ev := &g.batch[j]
		ev.Partition, ev.Offset = int32(g.next%benchPartitions), int64(g.next/benchPartitions)
		binary.LittleEndian.PutUint64(ev.Users[0], uint64(g.user(g.next)))
		g.next++
	}
	return g.batch
}

// benchHub is a hub of one stream that has begun.
func benchHub(spec Spec) *Hub {
	h := NewHub(Config{Streams: []Spec{spec}})
	h.AddWaker(deaf{})
	h.Begin(0, "e", make([]int64, benchPartitions))
	h.SetWarm(0)
	return h
}

// fill publishes n events, rounded up to whole batches.
func (h *Hub) fill(g *benchEvents, n int) {
	for end := g.next + n; g.next < end; {
		h.Publish(0, g.more())
	}
}

// heap is what the heap holds after a collection.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A logged event of 300 bytes costs at most 500 of memory, everything about it included.
func TestMemoryPerEvent(t *testing.T) {
	n, users := 100_000, 10_000
	if os.Getenv("SLUICE_TEST_FULL") != "" {
		n, users = 1_000_000, 100_000
	}
	g := newBenchEvents(users)
	before := heap()
	h := benchHub(Spec{Name: "orders"})
	h.fill(g, n)
	each := float64(heap()-before) / float64(g.next)
	t.Logf("%d events of %d bytes for %d users: %.0f bytes each", g.next, benchPayload, users, each)
	if each > 500 {
		t.Errorf("%.0f bytes for an event of %d bytes, at most 500 wanted", each, benchPayload)
	}
	if u := h.Stats(0); float64(u.Bytes) < 0.8*each*float64(u.Entries) {
		t.Errorf("%d bytes are counted against the bound, %.0f are used", u.Bytes, each*float64(u.Entries))
	}
	h.Close()
}

// bigLog is a log of a million events for 100,000 users, made once.
var bigLog = sync.OnceValues(func() (*Hub, *benchEvents) {
	g := newBenchEvents(100_000)
	h := benchHub(Spec{Name: "orders"})
	h.fill(g, 1_000_000)
	return h, g
})

// BenchmarkResume resumes a user who missed 3 events of a million, from the id to the
// frames. The baseline looks for them by a scan of the log from the same position.
func BenchmarkResume(b *testing.B) {
	h, g := bigLog()
	l := h.logs[0]
	newest := make(map[int][]int) // by user: its events, as numbers
	for i := range g.next {
		newest[g.user(i)] = append(newest[g.user(i)], i)
	}
	type missing struct {
		user, id string
		pos      []int64
	}
	var all []missing
	for u := range 500 {
		own := newest[u]
		first := own[len(own)-3]
		m := missing{user: userName(u)}
		for p := range benchPartitions {
			m.pos = append(m.pos, int64((first-p+benchPartitions-1)/benchPartitions))
		}
		m.id = string(cursor.Plain.Append(nil, cursor.Segment{Stream: "orders", Epoch: "e", Offsets: m.pos}, false))
		all = append(all, m)
	}
	var resumes, scans time.Duration
	resumed, scanned := 0, 0
	var batch Batch
	for b.Loop() {
		m := &all[resumed%len(all)]
		start := time.Now()
		s, o, err := h.Open(b.Context(), Request{Streams: []int{0}, User: m.user, Cursor: m.id})
		batch.Reset()
		if err != nil || o.Outcome != OutcomeResumed || s.Pull(&batch, 1<<20) != Drained || batch.Events != 3 {
			b.Fatalf("%v, %s, %d events", err, o.Outcome, batch.Events)
		}
		s.Close()
		resumes += time.Since(start)
		if resumed++; resumed%1000 == 1 {
			start = time.Now()
			if n := scan(l, h.users.find([]byte(m.user)), m.pos); n != 3 {
				b.Fatalf("the scan found %d events", n)
			}
			scans += time.Since(start)
			scanned++
		}
	}
	each := float64(resumes.Nanoseconds()) / float64(resumed)
	b.ReportMetric(0, "ns/op") // it would be both together
	b.ReportMetric(each/1000, "µs/resume")
	b.ReportMetric(float64(scans.Nanoseconds())/float64(scanned)/each, "scan/resume")
}

// scan counts a user's events after a position, looking at all.
func scan(l *log, uid uint32, pos []int64) (n int) {
	for _, blk := range l.blocks {
		for i := range blk.entries {
			e := &blk.entries[i]
			if e.next <= pos[e.partition] {
				continue
			}
			for _, p := range blk.postings[e.posting : e.posting+uint32(e.users)] {
				if p.uid == uid {
					n++
				}
			}
		}
	}
	return n
}

// BenchmarkIngest publishes events of a user each with nobody subscribed, into a log that
// is full; the baseline copies their payloads.
func BenchmarkIngest(b *testing.B) {
	const bound = 64 << 20
	g := newBenchEvents(100_000)
	h := benchHub(Spec{Name: "orders", ReplayBytes: bound})
	h.fill(g, 2*bound/benchPayload)
	room := make([]byte, bound)
	var publishes, copies time.Duration
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	first, at := g.next, 0
	for b.Loop() {
		events := g.more()
		start := time.Now()
		h.Publish(0, events)
		middle := time.Now()
		for i := range events {
			at += copy(room[at:], events[i].Data)
			if len(room)-at < benchPayload {
				at = 0
			}
		}
		publishes += middle.Sub(start)
		copies += time.Since(middle)
	}
	runtime.ReadMemStats(&after)
	n := float64(g.next - first)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(publishes.Nanoseconds())/n, "ns/event")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "allocs/event")
	b.ReportMetric(float64(publishes)/float64(copies), "publish/copy")
	h.Close()
}

func BenchmarkMemoryPerEvent(b *testing.B) {
	var each float64
	for b.Loop() {
		g := newBenchEvents(100_000)
		before := heap()
		h := benchHub(Spec{Name: "orders"})
		h.fill(g, 1_000_000)
		each = float64(heap()-before) / float64(g.next)
		h.Close()
	}
	b.ReportMetric(each, "B/event")
	b.ReportMetric(each/benchPayload, "B/payload-byte")
}

// userName is the name that benchEvents gives a user.
func userName(i int) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(i))) }
