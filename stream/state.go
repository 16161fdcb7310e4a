package stream

import (
	"cmp"
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"
)

// StateBounds says how much a stream's state may hold: the latest event of each subject, beside the log.
type StateBounds struct {
	MaxAge   time.Duration // by the records' timestamps, see stateTable; the newest of a partition, and a compacted topic's state, have no age. 0 is no bound
	MaxBytes int64         // bookkeeping included; 0: no state is kept
}

// ErrNoState says that no state is kept of any of the streams asked for.
var ErrNoState = errors.New("stream: no state is kept of these streams")

// StateRequest is whose state is asked for. The fields are those of [Request].
type StateRequest struct {
	Streams []int
	User    string
	Subject string
	AnyUser bool
}

// State is the latest event of each subject, as it was at one moment.
type State struct {
	Cursor string // the position of that moment: who opens there misses nothing and gets nothing twice
	Latest []Latest

	// Since is the time of the oldest event that is certain to be there; zero: nothing is too old. Complete is false where
	// that is later than the bounds on age alone would have it, since MaxBytes was reached.
	Since    time.Time
	Complete bool

	Stale time.Time // since when Kafka hasn't answered for one of the streams, the earliest; zero: it answers

	// Turn is another number once a cursor of before may have to be reset. It differs between gateways.
	Turn uint64
}

// Latest is the latest event of a subject. Its bytes are shared and never change.
type Latest struct {
	Stream    int
	Partition int32
	Offset    int64
	Time      int64  // the record's timestamp, ms
	Subject   []byte //
	Frame     []byte // as on the wire, without an id; [CutFrame] takes it apart
}

// State returns the state of those of the streams that keep one, in the order of streams and then of (time, partition,
// offset). It fails as [Hub.Open] does, and with [ErrNoState].
func (h *Hub) State(ctx context.Context, r StateRequest) (State, error) {
	q := Request{Streams: r.Streams, User: r.User, Subject: r.Subject, AnyUser: r.AnyUser}
	if err := q.check(); err != nil {
		return State{}, err
	}
	for {
		s, copies, err := h.beginState(&q)
		if err != nil {
			return State{}, err
		}
		whole, err := h.copyState(ctx, copies)
		if err != nil {
			return State{}, err
		}
		if !whole {
			continue
		}
		for _, c := range copies {
			s.Latest = append(s.Latest, c.result()...)
		}
		slices.SortFunc(s.Latest, func(a, b Latest) int {
			return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Time, b.Time), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
		})
		return s, nil
	}
}

// beginState takes the moment: its cursor, and of each stream either what the caller has of it or, where that
// may be the whole table, a copy to be made.
func (h *Hub) beginState(q *Request) (State, []*stateCopy, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return State{}, nil, ErrClosed
	}
	now := time.Now().UnixMilli()
	s := State{Complete: true}
	kept := false
	for _, i := range q.Streams {
		l := h.logs[i]
		if l.epoch == "" || !h.status[i].warm || l.state != nil && !l.state.whole() {
			return State{}, nil, ErrNotWarm
		}
		kept = kept || l.state != nil
		if stale := h.status[i].stale; !stale.IsZero() && (s.Stale.IsZero() || stale.Before(s.Stale)) {
			s.Stale = stale
		}
	}
	if !kept {
		return State{}, nil, ErrNoState
	}
	var copies []*stateCopy
	mark, since, epochs := q.filter(), int64(0), fnv.New64a()
	for _, i := range q.Streams {
		t := h.logs[i].state
		if t == nil {
			continue
		}
		first, complete := t.since(now)
		since, s.Complete = max(since, first), s.Complete && complete
		epochs.Write([]byte(h.logs[i].epoch))
		s.Turn += t.turns
		switch {
		case q.Subject != "":
			s.Latest = t.ofSubject(s.Latest, i, q, now)
		case !t.everyone:
			s.Latest = t.ofUser(s.Latest, i, h.users.find([]byte(q.User)), now)
		default:
			copies = append(copies, t.copy(i, now))
		}
	}
	s.Turn += epochs.Sum64()
	if since != 0 {
		s.Since = Time(since)
	}
	s.Cursor = string(appendJoined(nil, len(q.Streams), func(dst []byte, i int, packed bool) []byte {
		l := h.logs[q.Streams[i]]
		if mark == "" {
			return append(dst, l.segment(h.seq, packed)...)
		}
		return h.ids.appendSegment(dst, l.spec.Name, l.epoch, l.head, nil, mark, packed)
	}))
	return s, copies, nil
}

// copyState makes the copies, a run under each hold of the lock; false: a table was emptied meanwhile.
func (h *Hub) copyState(ctx context.Context, copies []*stateCopy) (whole bool, err error) {
	whole = true
	for _, c := range copies {
		for more := true; more; {
			more, err = h.copyRun(ctx, c)
			whole = whole && !c.broken
		}
	}
	return whole, err
}

func (h *Hub) copyRun(ctx context.Context, c *stateCopy) (more bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err = ctx.Err(); err != nil || c.broken {
		c.next = len(c.table.slots) + 1
	}
	return c.run(), err
}

// Feed gives a stream's state events of one partition that are older than where its log begins, offsets ascending. next is the
// position up to which the partition has been fed. [Hub.Publish] feeds what comes after.
func (h *Hub) Feed(stream int, partition int32, events []Event, next int64) {
	for len(events) > 0 {
		n := min(len(events), publishRun)
		h.feedState(stream, events[:n])
		events = events[n:]
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.logs[stream].state; t != nil {
		t.fed = grow(t.fed, int(partition)+1)
		t.fed[partition] = max(t.fed[partition], next)
	}
}

func (h *Hub) feedState(stream int, events []Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, now := h.logs[stream].state, time.Now().UnixMilli()
	if t == nil {
		return
	}
	for i := range events {
		ms, own := t.log.times.of(events[i].Partition, events[i].Timestamp, now)
		t.apply(&events[i], ms, own, now)
	}
	t.expire(now)
}

// Retained says what Kafka holds of a stream's topic: whether it is compacted, and the first offset of each partition. The
// state shows nothing from before, so that a gateway started now agrees with one that has read it.
func (h *Hub) Retained(stream int, compacted bool, start []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.logs[stream].state; t != nil {
		t.compacted, t.start = compacted, slices.Clone(start)
	}
}
