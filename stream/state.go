package stream

import (
	"context"
	"errors"
	"hash/fnv"
	"slices"
	"time"

	"sluice/stream/cursor"
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

	// Parts are what Latest is put together from, by stream.
	Parts []*StatePart

	// Tag is the same as long as the events are, and where they are the same on another gateway it mostly is
	// there too. It says nothing of the cursor.
	Tag []uint64

	// Turn is another number once a cursor of before may have to be reset. It differs between gateways.
	Turn uint64

	now int64 // the moment, ms
}

// Latest is the latest event of a subject. Its bytes are shared and never change.
type Latest struct {
	Stream    int
	Partition int32
	Offset    int64
	Time      int64  // the record's timestamp, ms
	Subject   []byte //
	Frame     []byte // as on the wire, without an id; [sse.Cut] takes it apart
}

// State returns the state of those of the streams that keep one, in the order of streams and then of (time, partition,
// offset). It fails as [Hub.Open] does, and with [ErrNoState].
func (h *Hub) State(ctx context.Context, r StateRequest) (State, error) {
	s, err := h.ShareState(ctx, r, nil)
	for _, part := range s.Parts {
		s.Latest = append(s.Latest, part.Latest...)
	}
	return s, err
}

func (r *StateRequest) request() Request {
	return Request{Streams: r.Streams, User: r.User, Subject: r.Subject, AnyUser: r.AnyUser}
}

// beginState takes the moment: its cursor, and of each stream either what the caller has of it or, where that
// may be long, a copy to be made.
func (h *Hub) beginState(q *Request) (State, []statePlan, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, tables, err := h.stateMoment(q)
	var plans []statePlan
	for _, i := range q.Streams {
		if t := tables[i]; t != nil {
			plan := t.plan(i, q, h.users.find([]byte(q.User)), s.now)
			h.mu.did(1)
			if plan.part.made == nil && plan.copy == nil { // it was made just now, and is nobody else's
				h.mu.did(len(plan.part.Latest))
			}
			plans = append(plans, plan)
		}
	}
	return s, plans, err
}

// stateMoment is a state without its events, and the tables that have them, by stream. The hub's lock is held.
func (h *Hub) stateMoment(q *Request) (State, map[int]*stateTable, error) {
	if h.closed {
		return State{}, nil, ErrClosed
	}
	s := State{Complete: true, now: time.Now().UnixMilli()}
	tables := make(map[int]*stateTable, len(q.Streams))
	for _, i := range q.Streams {
		l := h.logs[i]
		if h.withdrawn&(1<<i) != 0 {
			return State{}, nil, ErrWithdrawn
		}
		if l.epoch == "" || !h.status[i].warm || l.state != nil && !l.state.whole() {
			return State{}, nil, ErrNotWarm
		}
		if l.state != nil {
			tables[i] = l.state
		}
		if stale := h.status[i].stale; !stale.IsZero() && (s.Stale.IsZero() || stale.Before(s.Stale)) {
			s.Stale = stale
		}
	}
	if len(tables) == 0 {
		return State{}, nil, ErrNoState
	}
	mark, since, epochs := q.filter(), int64(0), fnv.New64a()
	for _, i := range q.Streams {
		t := tables[i]
		if t == nil {
			continue
		}
		first, complete := t.since(s.now)
		since, s.Complete = max(since, first), s.Complete && complete
		epochs.Write([]byte(h.logs[i].epoch))
		s.Turn += t.turns
		var own []Latest
		if q.Subject != "" {
			own = t.ofSubject(nil, i, q, s.now)
		}
		s.Tag = t.tag(s.Tag, h.users.find([]byte(q.User)), own, q, s.now)
	}
	s.Turn += epochs.Sum64()
	if since != 0 {
		s.Since = Time(since)
	}
	s.Cursor = string(cursor.Join(h.ids, nil, len(q.Streams), func(dst []byte, i int, packed bool) []byte {
		l := h.logs[q.Streams[i]]
		if mark == "" {
			return append(dst, l.segment(h.seq, packed)...)
		}
		return h.ids.Append(dst, cursor.Segment{Stream: l.spec.Name, Epoch: l.epoch, Offsets: l.head, Leaders: l.lineage.leaders(nil, l.head), Filter: mark}, packed)
	}))
	return s, tables, nil
}

// FillState gives a stream's state events of one partition that are older than where its log begins, offsets ascending. next is the
// position up to which the partition has been fed. [Hub.Publish] feeds what comes after.
func (h *Hub) FillState(stream int, partition int32, events []Event, next int64) {
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
		t.retain(compacted, slices.Clone(start))
	}
}
