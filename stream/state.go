package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"hash/fnv"
	"slices"
	"time"

	"sluice/stream/cursor"
)

// StateBounds says how much a stream's state may hold. A state is the latest event of
// each subject. It is kept in addition to the log.
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
	Filter  Filter // its subjects; its events don't narrow a state
	AnyUser bool
}

// State is the latest event of each subject, as it was at one moment.
type State struct {
	Cursor string // the position of that moment: a client that opens there misses and repeats nothing
	Latest []Latest

	// Since is the time of the oldest event that is certain to be there; zero: nothing is
	// too old. Complete is false where that is later than the bounds on age alone would
	// have it, since MaxBytes was reached.
	Since    time.Time
	Complete bool

	Stale time.Time // since when Kafka hasn't answered for one of the streams, the earliest; zero: it answers

	// Parts are what Latest is put together from, by stream.
	Parts []*StatePart

	// Tag is the same as long as the events are, and where they are the same on another
	// gateway it mostly is there too. It says nothing of the cursor.
	Tag []uint64

	// Turn is another number once a cursor of before may have to be reset. It differs
	// between gateways.
	Turn uint64

	now int64 // the moment, ms
}

// Latest is the latest event of a subject. Its bytes are shared and never change.
type Latest struct {
	Stream    int
	Partition int32
	Offset    int64
	Time      int64  // the record's timestamp, ms
	rank      int64  // of the partition, see layout
	Subject   []byte //
	Frame     []byte // as on the wire, without an id; [sse.Cut] takes it apart
}

// State returns the state of those of the streams that keep one, in the order of streams
// and then of (time, partition, offset). It fails as [Hub.Open] does, and with
// [ErrNoState].
func (h *Hub) State(ctx context.Context, r StateRequest) (State, error) {
	s, err := h.ShareState(ctx, r, nil)
	for _, part := range s.Parts {
		s.Latest = append(s.Latest, part.Latest...)
	}
	return s, err
}

func (r *StateRequest) request() Request {
	return Request{Streams: r.Streams, User: r.User, Filter: r.Filter.BySubject(), AnyUser: r.AnyUser}
}

// beginState takes the moment: its cursor, and of each stream either what the caller has
// of it or, where that may be long, a copy to be made.
func (h *Hub) beginState(q *Request) (State, []statePlan, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, tables, err := h.stateMoment(q)
	var plans []statePlan
	for _, i := range q.Streams {
		if t := tables[i]; t != nil {
			plan := t.plan(i, q, h.users.find([]byte(q.User)), s.now)
			h.mu.did(1 + len(q.Filter.subjectSet))
			if plan.part.made == nil && plan.copy == nil { // it was made just now, and is nobody else's
				h.mu.did(len(plan.part.Latest))
			}
			plans = append(plans, plan)
		}
	}
	return s, plans, err
}

// stateMoment is a state without its events, and the tables that have them, by stream.
// The hub's lock is held.
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
	mark, since, epochs := q.Filter.mark(q.AnyUser), int64(0), fnv.New64a()
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
		if len(q.Filter.subjectSet) > 0 {
			own = t.ofSubjects(nil, i, q, s.now)
			h.mu.did(len(q.Filter.subjectSet))
		}
		s.Tag = t.tag(s.Tag, h.users.find([]byte(q.User)), own, q, s.now)
	}
	s.Turn += epochs.Sum64()
	if since != 0 {
		s.Since = Time(since)
	}
	s.Cursor = string(cursor.Join(nil, len(q.Streams), func(dst []byte, i int, packed bool) []byte {
		l := h.logs[q.Streams[i]]
		if mark == "" {
			return append(dst, l.segment(h.seq, packed)...)
		}
		return l.appendSegment(dst, cursor.Segment{Stream: l.spec.Name, Epoch: l.epoch, Offsets: l.head, Leaders: l.lineage.leaders(nil, l.head), Filter: mark}, nil, packed)
	}))
	return s, tables, nil
}

// FillState gives a stream's state events of one partition that are older than where its
// log begins, offsets ascending. next is the position up to which the partition has been
// fed. [Hub.Publish] feeds what comes after.
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

// Retained says what Kafka holds of a stream's topic: whether it is compacted, and the
// first offset of each partition. Of a stream of several topics it is about one of them,
// whose partitions are named; nil: all. The state shows nothing from before, so that a
// gateway started now agrees with one that has read it.
func (h *Hub) Retained(stream int, partitions []int32, compacted bool, start []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch t := h.logs[stream].state; {
	case t == nil:
	case partitions == nil:
		t.retain(compacted, slices.Clone(start))
	default:
		t.retainTopic(partitions, compacted, start)
	}
}

// stateOwner is what a table knows of a user without looking at the user's slots.
type stateOwner struct {
	sum   uint64 // of the sums of the user's slots
	count uint32 // of them
}

// A tag tells whether a state is still the same, and costs no look at the events. It
// rests on sums, of the table and of each user. Every slot is added to them when it comes
// and taken from them when it goes. They are the same on every gateway that has read the
// same records.
//
// What a user's slots show can also change without them. Another slot of the same subject
// may be later, in another partition or under another key. contended changes with every
// slot that comes or goes next to others of its subject.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stateSum is what a slot adds: where its record stands, and what was made of it, which
// another configuration may have made otherwise.
func stateSum(s *stateSlot, rank int64, body []byte) uint64 {
	sum := uint64(crc32.Checksum(body, castagnoli))
	for _, n := range [...]uint64{uint64(rank), uint64(s.offset), uint64(s.time)} {
		sum = mix(sum ^ n)
	}
	return sum
}

// mix spreads a number over all bits (the finalizer of SplitMix64).
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// came counts a slot that has been filled and linked.
func (t *stateTable) came(id uint32) {
	s := t.slots.at(id)
	s.sum = stateSum(s, t.log.layout.rank(s.partition), t.arena.Bytes(s.body))
	t.count(id, s.sum, 1)
}

// goes takes a slot off the counts that is about to be emptied, and has the copies that
// are being made look at it before.
func (t *stateTable) goes(id uint32) {
	for _, c := range t.copies {
		c.leaving(id)
	}
	t.count(id, -t.slots.at(id).sum, -1)
}

func (t *stateTable) count(id uint32, sum uint64, n int32) {
	t.changes++
	s := t.slots.at(id)
	if s.kind == stateGrave {
		return // it never shows, and hides nothing that is there
	}
	t.sum += sum
	if !t.alone(id) {
		t.contended = mix(t.contended ^ sum)
	}
	for p := s.posting; p != 0; p = t.postings[p].other {
		uid := t.postings[p].uid
		if int(uid) >= len(t.owners) {
			t.owners = append(t.owners, make([]stateOwner, int(uid)+1-len(t.owners))...)
		}
		o := &t.owners[uid]
		o.sum += sum
		o.count = uint32(int32(o.count) + n)
	}
}

// alone reports whether no other slot has a slot's subject.
func (t *stateTable) alone(id uint32) bool {
	s := t.slots.at(id)
	return t.bySubject.first(s.hash[0]) == id && s.links[0].next == 0 && s.links[0].sibling == 0
}

// owner returns what is known of a user.
func (t *stateTable) owner(uid uint32) stateOwner {
	if uid == 0 || int(uid) >= len(t.owners) {
		return stateOwner{}
	}
	return t.owners[uid]
}

// settled removes some of what is too old, and reports whether nothing of that is left:
// then what shows is what the sums are of.
func (t *stateTable) settled(now int64) bool {
	if t.shows(now) {
		return true
	}
	t.expire(now)
	return t.shows(now)
}

func (t *stateTable) shows(now int64) bool {
	if len(t.ahead) > 0 && t.ahead[0].time <= now+MaxAhead.Milliseconds() {
		return false
	}
	for _, s := range []stateSlot{{kind: stateValue}, {kind: stateValue, lasting: true}, {kind: stateGone}} {
		a := t.agesOf(&s)
		if len(a.young) > 0 && a.young[0].key <= t.bound(s.kind, s.lasting, now) {
			return false
		}
		for p := 0; p < len(a.kept) && a.old > 0; p++ {
			if len(a.kept[p]) > 0 && a.kept[p][0].key < t.from(int32(p)) {
				return false
			}
		}
	}
	return true
}

// tag appends what tells whether the part of a state that is of this table is still the
// same. own is the caller's part where that is of some subjects.
func (t *stateTable) tag(dst []uint64, uid uint32, own []Latest, q *Request, now int64) []uint64 {
	settled := t.settled(now) // before its sums are read
	dst = append(dst, t.retained)
	switch {
	case len(q.Filter.subjectSet) > 0:
		dst = append(dst, uint64(len(own)))
		for i := range own {
			s := stateSlot{partition: own[i].Partition, offset: own[i].Offset, time: own[i].Time}
			dst = append(dst, stateSum(&s, own[i].rank, own[i].Frame))
		}
		return dst
	case t.everyone:
		dst = append(dst, t.sum)
	default:
		o := t.owner(uid)
		dst = append(dst, o.sum, uint64(o.count), t.contended)
	}
	if !settled { // some of it shows no more, and its sum is still there
		dst = append(dst, t.changes, uint64(now))
	}
	return dst
}

// retainTopic notes what Kafka holds of one of several topics. The tag of what is
// retained is the same whatever order topics were found in.
func (t *stateTable) retainTopic(partitions []int32, compacted bool, start []int64) {
	for n, p := range partitions {
		for len(t.mixed) <= int(p) {
			t.mixed = append(t.mixed, false)
		}
		t.mixed[p] = compacted
		t.start = grow(t.start, int(p)+1)
		t.start[p] = at(start, n)
	}
	retained := uint64(0)
	for p, first := range t.start {
		if first == 0 || first == Gone {
			continue
		}
		retained += mix(mix(uint64(t.log.layout.rank(int32(p)))) ^ uint64(first))
	}
	for p, is := range t.mixed {
		if is && at(t.start, p) != Gone {
			retained += mix(uint64(t.log.layout.rank(int32(p))) + 1)
		}
	}
	if t.retained != retained {
		t.retained = retained
		t.changes++
	}
}

// retain notes what Kafka holds.
func (t *stateTable) retain(compacted bool, start []int64) {
	sum := fnv.New64a()
	for _, first := range start {
		sum.Write(binary.AppendVarint(nil, first))
	}
	retained := sum.Sum64()
	if compacted {
		retained = mix(retained)
	}
	if t.retained != retained {
		t.retained = retained
		t.changes++
	}
	t.compacted, t.start = compacted, start
}
