package stream

import (
	"hash/maphash"
	"math"
	"weak"

	"sluice/stream/arena"
)

// stateTable is a stream's state: of each subject the latest event in each partition,
// which is nearly always one. The other partitions' latest are kept as well, so that the
// state depends on the records alone, and not on the order in which a gateway happened to
// read partitions. Producers' clocks may go back, so a single winner could not be found
// event by event. The rest serves the same end:
//
//   - Age is the record's timestamp's, since gateways read a record at different times.
//     (The log's age bounds memory and is nobody's promise, so there it is the time of
//     reading.) Timestamps may be of the event, or wrong. So the newest records of a
//     partition are never too old: see [NewestKept].
//   - A timestamp in the future counts for nothing until its time has come: see
//     recordTimes.
//   - MaxBytes first leaves out what only that rule keeps, then the oldest by timestamp.
//     kept and floor then hide what came before it. So two tables that have read the same
//     agree on all that is after both floors, and each says where its floor is.
//   - What Kafka has deleted is hidden by start.
//   - On a compacted topic a record replaces the earlier ones of its key, and no others,
//     as it will when the cleaner has run. So a subject's latest of each key is kept
//     there.
//
// A tombstone deletes what is earlier of its key, in its partition at once. A key may
// have been in other partitions before partitions were added. There a grave does it,
// which is remembered for MaxAge.
//
// All of it is in slots and chunks without pointers, for the garbage collector's sake.
// The hub's lock guards it.
type stateTable struct {
	bounds   StateBounds
	everyone bool
	users    *users
	log      *log // of the same stream
	newest   func(partitions int) int64

	compacted bool
	mixed     []bool  // of several topics: by partition, whether its topic is compacted
	start     []int64 // first offset that Kafka has, by partition
	fed       []int64 // up to where FillState came, by partition
	due       []int64 // up to where it has to come before the table is whole, by partition; nil: it is
	floor     int64   // what is at most this old was left out for MaxBytes
	kept      []int64 // by partition: of what is before this offset, the too old was left out for MaxBytes
	turns     uint64  // times that positions moved by something else than events
	born      uint64  // slots ever filled
	ahead     ahead

	changes   uint64 // of anything that a state may show
	sum       uint64 // of the slots' sums
	contended uint64 // changes where a slot comes or goes next to others of its subject
	retained  uint64 // tells compacted and start from others

	part   weak.Pointer[StatePart] // of all, as it was at the change partAt
	partAt uint64

	making   *StatePart // of all, as it was at the change makingAt; nil: nobody makes one
	makingAt uint64

	slots        stateSlots // the first is none
	freeSlot     uint32
	used         int
	seed         maphash.Seed
	bySubject    stateIndex // values and gone ones
	byKey        stateIndex // values
	graves       stateIndex
	values       stateAges
	lasting      stateAges  // of several topics: values of those that are compacted
	dead         stateAges  // gone ones and graves
	arena        arena.Pool // of each slot: frame, subject, key
	postings     []statePosting
	freePosting  uint32
	usedPostings int
	userBytes    int64        // of the users with postings
	heads        []uint32     // by uid: first posting
	owners       []stateOwner // by uid

	copies []*stateCopy
	looked int // slots that indexes looked at, for tests
}

func newStateTable(l *log, u *users) *stateTable {
	return &stateTable{
		bounds: l.spec.State, everyone: l.spec.Audience == AudienceEveryone, users: u, log: l, newest: NewestKept,
		slots: newStateSlots(), postings: make([]statePosting, 1), seed: maphash.MakeSeed(), floor: math.MinInt64,
		bySubject: stateIndex{0, map[uint64]uint32{}, (*stateTable).subject},
		byKey:     stateIndex{1, map[uint64]uint32{}, (*stateTable).key},
		graves:    stateIndex{0, map[uint64]uint32{}, (*stateTable).key},
	}
}

// NewestKept returns how many of the newest records of each partition are never too old
// for a state, whatever their timestamps say. That is 10,000, or fewer where a topic has
// more than ten partitions, since a gateway that starts reads all of them. It is never
// fewer than 1,000. It counts offsets.
func NewestKept(partitions int) int64 {
	return min(max(100_000/int64(max(partitions, 1)), 1000), 10_000)
}

// ManyPartitions stands for the partitions of a stream of several topics in [NewestKept],
// whose number changes.
const ManyPartitions = 100

// apply takes a record into the state. Records of a partition come in order of their
// offsets. ms and own are what recordTimes says of it.
func (t *stateTable) apply(ev *Event, ms int64, own bool, now int64) {
	s := stateSlot{time: ms, partition: ev.Partition, offset: ev.Offset, keyed: ev.Key != nil}
	if s.keyed {
		s.hash[1] = t.hash(ev.Key)
	}
	compacted := t.isCompacted(ev.Partition)
	if s.keyed && (ev.Tombstone || ev.ByKey || compacted) {
		t.dropKey(&s, ev.Key)
	}
	if s.keyed && ev.Tombstone {
		t.bury(s, ev, now, own)
	}
	if len(ev.Subject) == 0 {
		return
	}
	s.hash[0] = t.hash(ev.Subject)
	if !compacted {
		if id := t.bySubject.head(t, s.hash[0], ev.Subject, s.partition); id != 0 {
			t.remove(id)
		}
	}
	switch {
	case ev.Tombstone || ev.Hidden:
		if !compacted { // the cleaner may have removed it: then nobody else knows it
			s.kind = stateGone
			t.insert(s, ev, now, own)
		}
	case !t.buried(&s, ev.Key):
		s.kind = stateValue
		t.insert(s, ev, now, own)
	}
}

func (t *stateTable) hash(text []byte) uint64 { return maphash.Bytes(t.seed, text) }

// isCompacted reports whether the topic of a partition is compacted.
func (t *stateTable) isCompacted(partition int32) bool {
	return t.compacted || int(partition) < len(t.mixed) && t.mixed[partition]
}

// bound returns the time up to which slots of a kind are too old, if they are not among
// the newest. lasting: they are of a topic that is compacted, among several.
func (t *stateTable) bound(kind stateKind, lasting bool, now int64) int64 {
	if t.bounds.MaxAge <= 0 || (t.compacted || lasting) && kind == stateValue {
		return t.floor
	}
	return max(t.floor, now-t.bounds.MaxAge.Milliseconds())
}

// from returns the first offset of a partition that is never too old.
func (t *stateTable) from(partition int32) int64 {
	if t.isCompacted(partition) { // there the cleaner decides
		return math.MaxInt64
	}
	return max(t.among(partition), at(t.kept, int(partition)))
}

// among returns the first offset of a partition that is among its newest.
func (t *stateTable) among(partition int32) int64 {
	partitions := len(t.log.head)
	if t.log.layout != nil {
		partitions = ManyPartitions // gateways may have found different topics
	}
	return at(t.log.head, int(partition)) - t.newest(partitions)
}

// since returns the first timestamp from which on everything is shown, 0 where that is
// from the beginning, and whether MaxBytes leaves out nothing.
func (t *stateTable) since(now int64) (first int64, complete bool) {
	first = t.bound(stateValue, false, now)
	if first == math.MinInt64 {
		return 0, true
	}
	complete = first > t.floor
	for p, from := range t.kept {
		complete = complete && (from <= t.among(int32(p)) || t.isCompacted(int32(p)))
	}
	return first + 1, complete
}

// stateSight is what of a table shows at a moment.
type stateSight struct {
	oldest int64   // what is at most this old doesn't,
	floor  int64   // and of a compacted one of several topics, what is at most this old,
	newest []int64 // but for what has one of these offsets or a higher one, by partition
	start  []int64 // below these offsets nothing does
}

func (t *stateTable) sight(now int64) stateSight {
	v := stateSight{oldest: t.bound(stateValue, false, now), floor: t.floor, newest: make([]int64, len(t.log.head)), start: t.start}
	for p := range v.newest {
		v.newest[p] = t.from(int32(p))
	}
	return v
}

// shows reports whether a slot is one of those that show, or would if they were the
// latest.
func (v *stateSight) shows(s *stateSlot) bool {
	return s.offset >= at(v.start, int(s.partition)) && (s.time > v.oldest || s.lasting && s.time > v.floor || s.offset >= at(v.newest, int(s.partition)))
}

// whole reports whether the table has been fed all that it needs.
func (t *stateTable) whole() bool {
	if t.due != nil && covers(t.fed, t.due) {
		t.due = nil
	}
	return t.due == nil
}

// subject and key return a slot's own.
func (t *stateTable) subject(s *stateSlot) []byte {
	b := t.arena.Bytes(s.body)
	return b[len(b)-int(s.subjectLen+s.keyLen) : len(b)-int(s.keyLen) : len(b)-int(s.keyLen)]
}

func (t *stateTable) key(s *stateSlot) []byte {
	b := t.arena.Bytes(s.body)
	return b[len(b)-int(s.keyLen):]
}

// dropKey removes what its partition has of the record's key.
func (t *stateTable) dropKey(s *stateSlot, key []byte) {
	for id := t.byKey.head(t, s.hash[1], key, s.partition); id != 0; {
		next := t.slots.at(id).links[1].next
		t.remove(id)
		id = next
	}
}

// bury remembers a tombstone and removes what it deletes in other partitions. That costs
// time for each value that they have of its key, and nothing where a key stays in one
// partition.
func (t *stateTable) bury(tomb stateSlot, ev *Event, now int64, own bool) {
	tomb.kind, tomb.hash = stateGrave, [2]uint64{tomb.hash[1]}
	if id := t.graves.head(t, tomb.hash[0], ev.Key, tomb.partition); id != 0 {
		if t.slots.at(id).time > tomb.time { // for other partitions the time decides
			return
		}
		t.remove(id)
	}
	for head := t.byKey.first(tomb.hash[0]); head != 0; {
		id, more := head, t.slots.at(head).links[1].sibling
		if s := t.slots.at(id); t.isElsewhere(s, &tomb) && string(t.key(s)) == string(ev.Key) {
			for id != 0 {
				next := t.slots.at(id).links[1].next
				if t.later(&tomb, t.slots.at(id)) {
					t.remove(id)
				}
				id = next
			}
		}
		head = more
	}
	t.insert(tomb, ev, now, own)
}

// isElsewhere reports whether two slots are of different partitions of one topic: a key
// is its topic's.
func (t *stateTable) isElsewhere(a, b *stateSlot) bool {
	y := t.log.layout
	return a.partition != b.partition && (y == nil || y.of[a.partition] == y.of[b.partition])
}

// buried reports whether a tombstone in another partition deletes the record.
func (t *stateTable) buried(s *stateSlot, key []byte) bool {
	if !s.keyed {
		return false
	}
	for id := t.graves.first(s.hash[1]); id != 0; id = t.slots.at(id).links[0].sibling {
		if g := t.slots.at(id); t.isElsewhere(g, s) && t.later(g, s) && string(t.key(g)) == string(key) {
			return true
		}
	}
	return false
}

// stateSlot is one record that a table keeps. It holds no pointer.
type stateSlot struct {
	hash       [2]uint64     // of what each index goes by; see stateIndex
	links      [2]stateLinks // in each index
	time       int64         // the record's, as recordTimes has it
	offset     int64
	born       uint64 // stateTable.born when it came
	sum        uint64 // see stateSum
	body       arena.PoolRef
	subjectLen uint32
	keyLen     uint32
	partition  int32
	posting    uint32 // the first; of a free slot: the next one
	age        uint32 // where it stands in its heap of stateAges
	kind       stateKind
	keyed      bool // it is in byKey; the key may be empty
	lasting    bool // it is in stateTable.lasting
	kept       bool // it is in stateAges.kept
}

// stateSlots are a table's slots by number. They stand in chunks, so that a table that
// grows copies none of them under the hub's lock.
type stateSlots struct {
	chunks [][]stateSlot
	n      int
}

const stateSlotChunk = 1 << 6

// newStateSlots has the first slot, which stands for none.
func newStateSlots() stateSlots {
	var s stateSlots
	s.add()
	return s
}

func (s *stateSlots) at(id uint32) *stateSlot { return &s.chunks[id/stateSlotChunk][id%stateSlotChunk] }

func (s *stateSlots) len() int { return s.n }

// add returns the number of a slot that is new.
func (s *stateSlots) add() uint32 {
	if s.n == len(s.chunks)*stateSlotChunk {
		s.chunks = append(s.chunks, make([]stateSlot, stateSlotChunk))
	}
	s.n++
	return uint32(s.n - 1)
}

// stateKind is what a slot is there for.
type stateKind uint8

const (
	stateFree  stateKind = iota
	stateValue           // the latest event of a subject in a partition
	stateGone            // the same, and it is a tombstone
	stateGrave           // a tombstone of a key in a partition: older records of the key in other partitions are deleted
)

// statePosting links a slot into a user's chain.
type statePosting struct {
	uid        uint32
	slot       uint32
	next, prev uint32 // of the user
	other      uint32 // the slot's next, or the next free
}

// later reports whether a comes after b: by offset within a partition, by (time,
// partition, offset) across them. It is no order of all slots. But tables compare the
// latest of each partition, and then one slot wins.
func (t *stateTable) later(a, b *stateSlot) bool {
	switch {
	case a.partition == b.partition:
		return a.offset > b.offset
	case a.time != b.time:
		return a.time > b.time
	}
	return t.log.layout.rank(a.partition) > t.log.layout.rank(b.partition)
}

const (
	stateSlotBytes    = 248 // a slot with its share of ages and indexes
	statePostingBytes = 40  // with what is known of the user
)
