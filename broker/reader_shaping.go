package broker

import (
	"context"
	"slices"
	"sort"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
	"sluice/stream"
)

const (
	shapeQueue  = 4 << 20               // bytes of a partition that may wait, before it isn't fetched for a while
	shapeQueues = 32 << 20              // of all partitions of a topic
	shapeRun    = 256                   // records at a time
	shapeTime   = 50 * time.Millisecond // for them, before what is ready is handed on
)

// shaping is a topic whose records take time to become events: they are decoded by
// schemas or shaped by programs. A goroutine for each such topic does that, without the
// reader's lock. So a program that takes all its time takes none from other topics. The
// records wait here. All of it is guarded by Reader.mu.
type shaping struct {
	queues map[int32]*shapeQueued
	bytes  int           // of all
	turn   int32         // the partition that was last served
	wake   chan struct{} // one slot: there is something to do
}

// shapeQueued is what has come of a partition and isn't handed on yet.
type shapeQueued struct {
	fetched []shapeFetched
	bytes   int
	paused  bool // the client doesn't fetch more
	held    *held
}

// shapeFetched is what one fetch brought: records, or a batch that was not unpacked.
type shapeFetched struct {
	records []*kgo.Record
	large   *kgo.ErrDecompressTooLarge
}

// shaped is a record as a view has it. It is made without the lock.
type shaped struct {
	offset  int64
	event   stream.Event
	refused record.Refusal
	err     error
}

func newShaping() *shaping {
	return &shaping{queues: make(map[int32]*shapeQueued), wake: make(chan struct{}, 1)}
}

func (s *shaping) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// toShape takes what a fetch brought of a partition. It is handed on later.
func (r *Reader) toShape(t *topic, p int32, got shapeFetched) {
	if t.lost[p] {
		return // it is read again from its position
	}
	q := t.shaping.queues[p]
	if q == nil {
		q = &shapeQueued{}
		t.shaping.queues[p] = q
	}
	q.fetched = append(q.fetched, got)
	t.shaping.add(q, recordsBytes(got.records))
	if (q.bytes > shapeQueue || t.shaping.bytes > shapeQueues) && !q.paused {
		q.paused = true
		r.cl.PauseFetchPartitions(map[string][]int32{t.name: {p}})
	}
	t.noteRecords(p)
	r.noteDelivery(t)
	t.shaping.signal()
}

func (s *shaping) add(q *shapeQueued, bytes int) {
	q.bytes += bytes
	s.bytes += bytes
}

func recordsBytes(records []*kgo.Record) (n int) {
	for _, rec := range records {
		n += len(rec.Key) + len(rec.Value) + 100
	}
	return n
}

// forgetShaping drops what waits of a partition, whose position has been lost or has
// changed: it is read again from where it stands.
func (r *Reader) forgetShaping(t *topic, p int32) {
	if t.shaping == nil || t.shaping.queues[p] == nil {
		return
	}
	q := t.shaping.queues[p]
	delete(t.shaping.queues, p)
	t.shaping.add(q, -q.bytes)
	r.fetchMore(t, p, q)
	t.lost[p] = true
	r.wakeWatch()
}

// forgetAllShaping is for a topic that is read anew.
func (r *Reader) forgetAllShaping(t *topic) {
	if t.shaping != nil {
		for p, q := range t.shaping.queues {
			r.fetchMore(t, p, q)
		}
		clear(t.shaping.queues)
		t.shaping.bytes = 0
	}
}

func (r *Reader) fetchMore(t *topic, p int32, q *shapeQueued) {
	if q.paused {
		q.paused = false
		r.cl.ResumeFetchPartitions(map[string][]int32{t.name: {p}})
	}
}

// waitsForShape reports whether a partition has records that have come and aren't
// handed on.
func (t *topic) waitsForShape(p int32) bool {
	return t.shaping != nil && t.shaping.queues[p] != nil && len(t.shaping.queues[p].fetched) > 0
}

// shape hands a topic's records on, until ctx ends.
func (r *Reader) shape(ctx context.Context, t *topic) {
	for {
		p, q, records, wait := r.nextToShape(t)
		if len(records) > 0 {
			views := r.viewsOf(t)
			ready, n, hold := prepare(views, records)
			r.handOn(t, views, p, q, records[:n], ready, hold)
			if ctx.Err() == nil {
				continue
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-t.shaping.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// nextToShape returns what to do next: records of one partition, of each in turn. A
// batch that was not unpacked is passed over at once. Without records wait says when to
// look again.
func (r *Reader) nextToShape(t *topic) (p int32, q *shapeQueued, records []*kgo.Record, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, wait := time.Now(), time.Hour
	for _, p := range t.shaping.order() {
		q := t.shaping.queues[p]
		for len(q.fetched) > 0 && len(q.fetched[0].records) == 0 {
			if large := q.fetched[0].large; large != nil {
				q.fetched[0].large = nil
				r.skipBatch(t, large) // the partition is lost then, and what came after it is of no use
				q.fetched, q.held = nil, nil
				break
			}
			q.fetched = q.fetched[1:]
		}
		if len(q.fetched) == 0 {
			t.shaping.add(q, -q.bytes)
			r.fetchMore(t, p, q)
			continue
		}
		if h := q.held; h != nil && now.Before(h.again) {
			wait = min(wait, h.again.Sub(now))
			continue
		}
		t.shaping.turn = p
		return p, q, q.fetched[0].records[:min(shapeRun, len(q.fetched[0].records))], 0
	}
	return 0, nil, nil, wait
}

// order returns the partitions with records, the one after the last served first.
func (s *shaping) order() []int32 {
	all := make([]int32, 0, len(s.queues))
	for p := range s.queues {
		all = append(all, p)
	}
	slices.Sort(all)
	at := sort.Search(len(all), func(i int) bool { return all[i] > s.turn })
	return slices.Concat(all[at:], all[:at])
}

// viewsOf returns the streams that show a topic now.
func (r *Reader) viewsOf(t *topic) []*view {
	r.mu.Lock()
	defer r.mu.Unlock()
	return t.views
}

// prepare makes events of records, for each view. It stops after n records, if that
// takes long or if the next one holds. The lock is not held; nobody else uses the
// views' decoders.
func prepare(views []*view, records []*kgo.Record) (ready [][]shaped, n int, hold *held) {
	ready = make([][]shaped, len(views))
	start := time.Now()
	for ; n < len(records); n++ {
		rec := records[n]
		if rec.Attrs.IsControl() {
			continue
		}
		if n > 0 && time.Since(start) > shapeTime {
			return ready, n, nil
		}
		for i, v := range views {
			one := shaped{offset: rec.Offset}
			if one.refused = v.decoder.Decode(rec, &one.event); one.refused != 0 {
				one.err = v.decoder.Err()
			}
			if v.decoder.Holds(one.refused) {
				hold = v.holding(rec, one.refused)
				for j := range ready[:i] {
					ready[j] = ready[j][:len(ready[j])-1]
				}
				return ready, n, hold
			}
			ready[i] = append(ready[i], one)
		}
	}
	return ready, n, nil
}

// handOn publishes what is ready, unless the partition has been dropped meanwhile.
func (r *Reader) handOn(t *topic, views []*view, p int32, q *shapeQueued, records []*kgo.Record, ready [][]shaped, hold *held) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.shaping.queues[p] != q || !slices.Equal(views, t.views) {
		return
	}
	for i, v := range t.views {
		v.ready = ready[i]
	}
	if len(records) > 0 {
		r.takeRecords(t, p, records)
		t.shaping.add(q, -recordsBytes(records))
		q.fetched[0].records = q.fetched[0].records[len(records):]
	}
	for _, v := range t.views {
		v.ready = nil
	}
	r.holds(t, q, p, hold)
	r.checkWarm(t)
}

// shapedOf returns what is ready of a record. All that are handed on are.
func (v *view) shapedOf(offset int64) *shaped {
	return &v.ready[sort.Search(len(v.ready), func(i int) bool { return v.ready[i].offset >= offset })]
}
