package deliver

import (
	"container/heap"
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Window bounds what is read of a partition ahead of its oldest record that is not
// delivered. A partition that reaches it isn't fetched until it is half empty.
type Window struct {
	Records int
	Bytes   int64
}

// partitionID names a partition.
type partitionID struct {
	topic string
	num   int32
}

// partition is what this gateway holds of a partition that is its own. All of it is
// guarded by engine.mu.
type partition struct {
	id     partitionID
	items  []*item // in the order of their offsets, from the oldest that is not done
	bytes  int64   // of items
	lanes  map[string]*lane
	next   int64 // the offset after the newest record that was taken
	newest int32 // the leader epoch of that record; -1: not known
	low    int64 // what may be committed: everything before it is done
	epoch  int32 // the leader epoch of the record before low; -1: not known
	saved  int64 // what has been committed
	paused bool  // it isn't fetched

	// withdrawn says that no attempt may begin: the partition is being given up.
	withdrawn bool
	flying    int             // attempts under way
	landed    chan struct{}   // closed when flying is 0 and the partition is withdrawn
	ctx       context.Context // of its attempts
	cancel    context.CancelFunc
}

// item is a record that has been taken and is not done, or follows one that isn't.
type item struct {
	part *partition
	lane *lane
	rec  *kgo.Record
	msg  *Message // nil: it could not be decoded yet
	size int64

	taken    time.Time
	attempts int
	first    time.Time // of the attempts
	last     time.Time
	why      Outcome // of the last attempt
	givenUp  bool    // its next attempt goes to the dead letters
	stuck    bool    // its attempts are used up, and there are no dead letters
	done     bool
}

// lane holds the records of one key in their order. The first of them is tried, the
// others wait for it. A record without a key has a lane to itself.
type lane struct {
	part  *partition
	key   string
	keyed bool
	items []*item
	due   time.Time // of its next attempt
	at    int       // its index in waiting; -1: it isn't there
}

// waiting are the lanes whose time has not come, the earliest first.
type waiting []*lane

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].due.Before(w[j].due) }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i]; w[i].at, w[j].at = i, j }

// Push implements heap.Interface.
func (w *waiting) Push(x any) {
	l := x.(*lane)
	l.at = len(*w)
	*w = append(*w, l)
}

// Pop implements heap.Interface.
func (w *waiting) Pop() any {
	last := len(*w) - 1
	l := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	l.at = -1
	return l
}

func (w *waiting) add(l *lane) { heap.Push(w, l) }

func (w *waiting) remove(l *lane) {
	if l.at >= 0 {
		heap.Remove(w, l.at)
	}
}

// lane returns the lane that a record of a key belongs to. fresh: it has no record yet,
// so nobody waits for it.
func (p *partition) lane(key []byte) (l *lane, fresh bool) {
	if key == nil {
		return &lane{part: p, at: -1}, true
	}
	l = p.lanes[string(key)]
	if l == nil {
		l = &lane{part: p, key: string(key), keyed: true, at: -1}
		p.lanes[l.key] = l
		return l, true
	}
	return l, false
}

// finish notes that a record is done. What was the oldest such moves what may be
// committed.
func (p *partition) finish(it *item) {
	it.done = true
	l := it.lane
	l.items[0] = nil
	if l.items = l.items[1:]; len(l.items) == 0 && l.keyed {
		delete(p.lanes, l.key)
	}
	p.advance()
}

// advance moves what may be committed past all that is done.
func (p *partition) advance() {
	n := 0
	for ; n < len(p.items) && p.items[n].done; n++ {
		it := p.items[n]
		p.bytes -= it.size
		p.low, p.epoch = it.rec.Offset+1, it.rec.LeaderEpoch
		p.items[n] = nil
	}
	if p.items = p.items[n:]; len(p.items) == 0 {
		p.items, p.low, p.epoch = nil, p.next, p.newest
	}
}

// full reports whether the window is used up to a share of it.
func (p *partition) full(w Window, share float64) bool {
	return float64(len(p.items)) >= share*float64(w.Records) || float64(p.bytes) >= share*float64(w.Bytes)
}
