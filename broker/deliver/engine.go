package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"
)

// engine delivers the records of partitions, whatever their target is. It knows no
// Kafka: records are taken in by take, and committable says how far they are done.
//
// One goroutine, run, begins the attempts. Each attempt has its own, and sends a batch:
// the first records of as many lanes of one partition as the target takes at a time.
type engine struct {
	settings
	pace *rate.Limiter // nil: as fast as it goes
	news chan struct{} // one slot: run has to look again

	mu         sync.Mutex // guards what follows, and all that is in partitions
	partitions map[partitionID]*partition
	ready      []*lane // whose first record may be tried, in the order in which they became so
	waiting    waiting
	flying     int
	circuit    circuit
	paused     Pause
	totals     totals
}

// settings are what an engine is told.
type settings struct {
	window      Window
	retry       Retry
	concurrency int
	batch       int        // records of an attempt at most; 0: one
	limit       rate.Limit // records a second; 0: any
	burst       int

	prepare func(*kgo.Record) (*Message, Outcome)       // decodes; for one goroutine at a time
	send    func(context.Context, []*Message) []Outcome // one for each
	bury    func(context.Context, *burial) error        // writes a dead letter; nil: there are none
	fetch   func(id partitionID, more bool)             // has the partition be fetched, or not
	say     func(event)                                 // logs
}

// totals only grow.
type totals struct {
	attempts    map[string]uint64 // by cause; delivered are not among them
	delivered   uint64
	dropped     map[string]uint64 // records that are not for the target, by reason
	deadLetters map[string]uint64 // by cause
}

func newEngine(s settings) *engine {
	e := &engine{settings: s, news: make(chan struct{}, 1), partitions: make(map[partitionID]*partition)}
	if s.limit > 0 {
		e.pace = rate.NewLimiter(s.limit, s.burst)
	}
	e.totals = totals{attempts: make(map[string]uint64), dropped: make(map[string]uint64), deadLetters: make(map[string]uint64)}
	return e
}

func (e *engine) wake() {
	select {
	case e.news <- struct{}{}:
	default:
	}
}

// assign takes up a partition, whose records come from an offset on. isSaved: the group
// has that offset. Else it is committed soon, so that the partition is not taken for one
// that was forgotten.
func (e *engine) assign(id partitionID, offset int64, isSaved bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	saved := offset
	if !isSaved {
		saved = -1
	}
	e.partitions[id] = &partition{
		id: id, lanes: make(map[string]*lane), next: offset, low: offset, saved: saved, newest: -1, epoch: -1,
		landed: make(chan struct{}), ctx: ctx, cancel: cancel,
	}
}

// take takes records of a partition, in their order. They are decoded here, so that those
// that a filter drops take no room.
func (e *engine) take(id partitionID, records []*kgo.Record) {
	fresh := make([]*item, 0, len(records))
	dropped := make(map[string]uint64)
	for _, rec := range records {
		if rec.Attrs.IsControl() {
			continue
		}
		m, o := e.prepare(rec)
		if m == nil && o.Verdict == Delivered {
			dropped[o.Cause]++
			continue
		}
		fresh = append(fresh, &item{rec: rec, msg: m, why: o, size: sizeOf(rec, m)})
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.partitions[id]
	if p == nil || len(records) == 0 {
		return // it was lost while they came
	}
	for cause, n := range dropped {
		e.totals.dropped[cause] += n
	}
	now := time.Now()
	for _, it := range fresh {
		it.part, it.taken = p, now
		l, first := p.lane(it.rec.Key)
		it.lane = l
		l.items = append(l.items, it)
		p.items = append(p.items, it)
		p.bytes += it.size
		if first {
			e.ready = append(e.ready, l)
		}
	}
	last := records[len(records)-1]
	p.next, p.newest = last.Offset+1, last.LeaderEpoch
	p.advance()
	if !p.paused && p.full(e.window, 1) {
		p.paused = true
		e.fetch(id, false)
	}
	e.wake()
}

// perRecord is what a record takes besides its bytes.
const perRecord = 400

func sizeOf(rec *kgo.Record, m *Message) int64 {
	n := perRecord + len(rec.Key) + len(rec.Value)
	for _, h := range rec.Headers {
		n += len(h.Key) + len(h.Value)
	}
	if m != nil && (len(m.Data) == 0 || len(rec.Value) == 0 || &m.Data[0] != &rec.Value[0]) {
		n += len(m.Data)
	}
	return int64(n)
}

// run begins attempts until ctx ends. Those under way then go on: see withdraw.
func (e *engine) run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := e.begin(time.Now())
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-e.news:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// begin begins all attempts that may begin now. It returns how long nothing will change
// by itself.
func (e *engine) begin(now time.Time) time.Duration {
	const long = time.Hour
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.waiting) > 0 && !e.waiting[0].due.After(now) {
		l := e.waiting[0]
		e.waiting.remove(l)
		e.ready = append(e.ready, l)
	}
	for len(e.ready) > 0 && e.flying < e.concurrency && !e.paused.On {
		if l := e.ready[0]; l.part.withdrawn || len(l.items) == 0 {
			e.ready = e.ready[1:]
			continue
		}
		if ok, at := e.circuit.allows(now); !ok {
			if at.IsZero() {
				return long
			}
			return at.Sub(now)
		}
		if e.pace != nil && !e.pace.AllowN(now, 1) {
			return time.Duration(float64(time.Second)/float64(e.pace.Limit())) + 1
		}
		e.launch(e.gather(now))
	}
	if len(e.waiting) > 0 {
		return e.waiting[0].due.Sub(now)
	}
	return long
}

// gather takes the first lane that is ready, and those behind it that may go along. They
// are of the same partition: another one may be taken away while this one isn't. A target
// that is down is tried with one record.
func (e *engine) gather(now time.Time) []*item {
	most := max(1, e.batch)
	if e.circuit.open {
		most = 1
	}
	batch := []*item{e.ready[0].items[0]}
	for {
		e.ready[0] = nil
		e.ready = e.ready[1:]
		if len(batch) == most || len(e.ready) == 0 {
			return batch
		}
		l := e.ready[0]
		if l.part != batch[0].part || len(l.items) == 0 || e.pace != nil && !e.pace.AllowN(now, 1) {
			return batch
		}
		batch = append(batch, l.items[0])
	}
}

func (e *engine) launch(batch []*item) {
	e.circuit.begin()
	e.flying++
	batch[0].part.flying++
	go e.attempt(batch)
}
