package stream

import (
	"hash/maphash"
	"math"
)

// stateTable is a stream's state: of each subject the latest event in each partition, which is nearly always one. That the other
// partitions' are kept as well is what makes the state depend on the records alone and not on the order in
// which a gateway happened to read partitions: producers' clocks may go back, so a
// single winner could not be found event by event. The rest serves the same end:
//
//   - Age is the record's timestamp's, since gateways read a record at different times. (The log's age
//     bounds memory and is nobody's promise, so there it is the time of reading.)
//   - What MaxBytes leaves out is the oldest by timestamp, and floor then hides whatever is not newer. So two tables
//     that have read the same agree on all that is after both floors, and each says where its own is.
//   - What Kafka has deleted is hidden by start.
//   - On a compacted topic a record takes the place of the earlier ones of its key, and of no others, as it will when the
//     cleaner has run. So there it is a subject's latest of each key that is kept.
//
// A tombstone deletes what is earlier of its key: in its own partition at once, and in others, where a key may have been
// before partitions were added, by a grave that is remembered for MaxAge.
//
// All of it stands in slots and chunks without pointers, for the garbage collector's sake. The hub's lock guards it.
type stateTable struct {
	bounds   StateBounds
	everyone bool
	users    *users

	compacted bool
	start     []int64 // first offset that Kafka has, by partition
	fed       []int64 // up to where Feed came, by partition
	due       []int64 // up to where it has to come before the table is whole, by partition; nil: it is
	floor     int64   // what is at most this old was left out for MaxBytes
	turns     uint64  // times that positions moved by something else than events
	born      uint64  // slots ever filled

	slots        []stateSlot // slots[0] is none
	freeSlot     uint32
	used         int
	seed         maphash.Seed
	bySubject    map[uint64]uint32 // hash → first slot, by next
	byKey        map[uint64]uint32 // hash → first slot, by nextKey; values and gone ones
	graves       map[uint64]uint32 // hash → first slot, by next
	values       stateAges
	dead         stateAges  // gone ones and graves
	arena        stateArena // of each slot: frame, subject, key
	postings     []statePosting
	freePosting  uint32
	usedPostings int
	heads        []uint32 // by uid: first posting

	copies []*stateCopy
}

func newStateTable(spec Spec, u *users) *stateTable {
	return &stateTable{
		bounds: spec.State, everyone: spec.Audience == AudienceEveryone, users: u,
		slots: make([]stateSlot, 1), postings: make([]statePosting, 1), seed: maphash.MakeSeed(),
		floor: math.MinInt64, bySubject: map[uint64]uint32{}, byKey: map[uint64]uint32{}, graves: map[uint64]uint32{},
	}
}

// apply takes a record's place in the state. Records of a partition come in order of their offsets.
func (t *stateTable) apply(ev *Event, now int64) {
	if ev.Key != nil && (ev.Tombstone || t.compacted) {
		t.dropKey(ev)
	}
	if ev.Tombstone && ev.Key != nil {
		t.bury(ev, now)
	}
	if len(ev.Subject) == 0 {
		return
	}
	hash := maphash.Bytes(t.seed, ev.Subject)
	for id := t.bySubject[hash]; id != 0 && !t.compacted; id = t.slots[id].next {
		if s := &t.slots[id]; s.partition == ev.Partition && string(t.subject(s)) == string(ev.Subject) {
			t.remove(id)
			break
		}
	}
	switch {
	case ev.Tombstone:
		if !t.compacted && ev.Timestamp > t.forgotten(now) { // the cleaner may have removed it: then nobody else knows it
			t.insert(ev, stateGone, hash)
		}
	case ev.Timestamp > t.oldest(now) && !t.buried(ev):
		t.insert(ev, stateValue, hash)
	}
}

// oldest returns the timestamp up to which nothing is shown.
func (t *stateTable) oldest(now int64) int64 {
	if t.compacted {
		return t.floor
	}
	return t.forgotten(now)
}

// forgotten returns the timestamp up to which tombstones are not remembered.
func (t *stateTable) forgotten(now int64) int64 {
	if t.bounds.MaxAge <= 0 {
		return t.floor
	}
	return max(t.floor, now-t.bounds.MaxAge.Milliseconds())
}

// since returns the first timestamp from which on everything is shown, 0 where that is from the beginning, and whether
// MaxBytes has nothing to do with it.
func (t *stateTable) since(now int64) (first int64, complete bool) {
	first = t.oldest(now)
	if first == math.MinInt64 {
		return 0, true
	}
	return first + 1, first > t.floor
}

// whole reports whether the table has been fed all that it needs.
func (t *stateTable) whole() bool {
	if t.due != nil && covers(t.fed, t.due) {
		t.due = nil
	}
	return t.due == nil
}

// visible reports whether a slot shows.
func (t *stateTable) visible(s *stateSlot, now int64) bool {
	return s.time > t.oldest(now) && s.offset >= at(t.start, int(s.partition))
}

// subject and key return a slot's own.
func (t *stateTable) subject(s *stateSlot) []byte {
	b := t.arena.bytes(s.body)
	return b[len(b)-int(s.subjectLen+s.keyLen) : len(b)-int(s.keyLen) : len(b)-int(s.keyLen)]
}

func (t *stateTable) key(s *stateSlot) []byte {
	b := t.arena.bytes(s.body)
	return b[len(b)-int(s.keyLen):]
}

// dropKey removes what its partition has of the record's key.
func (t *stateTable) dropKey(ev *Event) {
	hash := maphash.Bytes(t.seed, ev.Key)
	for id := t.byKey[hash]; id != 0; {
		s := &t.slots[id]
		next := s.nextKey
		if s.partition == ev.Partition && s.kind == stateValue && string(t.key(s)) == string(ev.Key) {
			t.remove(id)
		}
		id = next
	}
}

// bury remembers a tombstone and removes what it deletes in other partitions.
func (t *stateTable) bury(ev *Event, now int64) {
	hash := maphash.Bytes(t.seed, ev.Key)
	tomb := stateSlot{time: ev.Timestamp, partition: ev.Partition, offset: ev.Offset}
	for id := t.byKey[hash]; id != 0; {
		s := &t.slots[id]
		next := s.nextKey
		if s.kind == stateValue && s.partition != ev.Partition && tomb.later(s) && string(t.key(s)) == string(ev.Key) {
			t.remove(id)
		}
		id = next
	}
	for id := t.graves[hash]; id != 0; id = t.slots[id].next {
		s := &t.slots[id]
		if s.partition == ev.Partition && string(t.key(s)) == string(ev.Key) {
			if s.time > ev.Timestamp { // for other partitions the time decides
				return
			}
			t.remove(id)
			break
		}
	}
	if ev.Timestamp > t.forgotten(now) {
		t.insert(ev, stateGrave, hash)
	}
}

// buried reports whether a tombstone in another partition deletes the record.
func (t *stateTable) buried(ev *Event) bool {
	if ev.Key == nil || len(t.graves) == 0 {
		return false
	}
	s := stateSlot{time: ev.Timestamp, partition: ev.Partition, offset: ev.Offset}
	for id := t.graves[maphash.Bytes(t.seed, ev.Key)]; id != 0; id = t.slots[id].next {
		if g := &t.slots[id]; g.partition != ev.Partition && g.later(&s) && string(t.key(g)) == string(ev.Key) {
			return true
		}
	}
	return false
}
