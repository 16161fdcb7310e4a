package stream

import (
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
)

// stateOwner is what a table knows of a user without looking at the user's slots.
type stateOwner struct {
	sum   uint64 // of the sums of the user's slots
	count uint32 // of them
}

// A tag tells whether a state is still the same, and costs no look at the events. It rests on sums
// that every slot is added to when it comes and taken from when it goes: of the table, and of each
// user. They are the same on every gateway that has read the same records.
//
// What a user's slots show can also change without them: another slot of the same subject may be
// later, in another partition or under another key. contended changes with every slot that comes
// or goes beside others of its subject.

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// stateSum is what a slot adds: where its record stands, and what was made of it, which another
// configuration may have made otherwise.
func stateSum(s *stateSlot, body []byte) uint64 {
	sum := uint64(crc32.Checksum(body, castagnoli))
	for _, n := range [...]uint64{uint64(s.partition), uint64(s.offset), uint64(s.time)} {
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
	s.sum = stateSum(s, t.arena.bytes(s.body))
	t.count(id, s.sum, 1)
}

// goes takes a slot off the counts that is about to be emptied, and has the copies that are being made
// look at it before.
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

// settled removes some of what is too old, and reports whether nothing of that is left: then what shows is
// what the sums are of.
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
	for _, kind := range []stateKind{stateValue, stateGone} {
		a := t.agesOf(kind)
		if len(a.young) > 0 && a.young[0].key <= t.bound(kind, now) {
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

// tag appends what tells whether the part of a state that is of this table is still the same. own is the
// caller's part where that is of one subject.
func (t *stateTable) tag(dst []uint64, uid uint32, own []Latest, q *Request, now int64) []uint64 {
	settled := t.settled(now) // before its sums are read
	dst = append(dst, t.retained)
	switch {
	case q.Subject != "":
		dst = append(dst, uint64(len(own)))
		for i := range own {
			s := stateSlot{partition: own[i].Partition, offset: own[i].Offset, time: own[i].Time}
			dst = append(dst, stateSum(&s, own[i].Frame))
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
