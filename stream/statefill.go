package stream

import (
	"hash/maphash"
	"math"
	"slices"
)

// insert fills a slot; hash is the subject's, or the key's of a grave.
func (t *stateTable) insert(ev *Event, kind stateKind, hash uint64) {
	id := t.freeSlot
	if id != 0 {
		t.freeSlot = t.slots[id].next
	} else {
		id = uint32(len(t.slots))
		t.slots = append(t.slots, stateSlot{})
	}
	t.used++
	t.born++
	subject := ev.Subject
	if kind == stateGrave {
		subject = nil
	}
	s := &t.slots[id]
	*s = stateSlot{
		subjectHash: hash, time: ev.Timestamp, offset: ev.Offset, born: t.born, partition: ev.Partition,
		subjectLen: uint32(len(subject)), keyLen: uint32(len(ev.Key)), kind: kind, keyed: ev.Key != nil && kind != stateGrave,
	}
	n := len(subject) + len(ev.Key)
	if kind == stateValue {
		b := appendBody(t.arena.room(id, n+frameSize(ev.Name, ev.Data)), ev.Name, ev.Data)
		s.body = t.arena.commit(append(append(b, subject...), ev.Key...))
	} else {
		s.body = t.arena.commit(append(append(t.arena.room(id, n), subject...), ev.Key...))
	}
	index, ages := t.bySubject, &t.dead
	switch kind {
	case stateGrave:
		index = t.graves
	case stateValue:
		ages = &t.values
	}
	s.next, index[hash] = index[hash], id
	ages.push(t.slots, id)
	if s.keyed {
		s.keyHash = maphash.Bytes(t.seed, ev.Key)
		if s.nextKey = t.byKey[s.keyHash]; s.nextKey != 0 {
			t.slots[s.nextKey].prevKey = id
		}
		t.byKey[s.keyHash] = id
	}
	if kind == stateValue && !t.everyone {
		for _, user := range ev.Users[:min(len(ev.Users), math.MaxUint8)] {
			t.post(id, t.users.acquire(user))
		}
	}
}

// post adds a slot to a user's.
func (t *stateTable) post(slot, uid uint32) {
	n := t.freePosting
	if n != 0 {
		t.freePosting = t.postings[n].other
	} else {
		n = uint32(len(t.postings))
		t.postings = append(t.postings, statePosting{})
	}
	t.usedPostings++
	if int(uid) >= len(t.heads) {
		t.heads = append(t.heads, make([]uint32, int(uid)+1-len(t.heads))...)
	}
	p := &t.postings[n]
	*p = statePosting{uid: uid, slot: slot, next: t.heads[uid], other: t.slots[slot].posting}
	if p.next != 0 {
		t.postings[p.next].prev = n
	}
	t.heads[uid], t.slots[slot].posting = n, n
}

// remove empties a slot. Copies that have not come to it keep what it was.
func (t *stateTable) remove(id uint32) {
	s := &t.slots[id]
	for _, c := range t.copies {
		if int(id) >= c.next {
			c.take(s)
		}
	}
	index, ages := t.bySubject, &t.dead
	switch s.kind {
	case stateGrave:
		index = t.graves
	case stateValue:
		ages = &t.values
	}
	ages.remove(t.slots, id)
	if first := index[s.subjectHash]; first != id {
		for t.slots[first].next != id {
			first = t.slots[first].next
		}
		t.slots[first].next = s.next
	} else if s.next != 0 {
		index[s.subjectHash] = s.next
	} else {
		delete(index, s.subjectHash)
	}
	if s.keyed {
		if s.nextKey != 0 {
			t.slots[s.nextKey].prevKey = s.prevKey
		}
		switch {
		case s.prevKey != 0:
			t.slots[s.prevKey].nextKey = s.nextKey
		case s.nextKey != 0:
			t.byKey[s.keyHash] = s.nextKey
		default:
			delete(t.byKey, s.keyHash)
		}
	}
	for n := s.posting; n != 0; {
		n = t.unpost(n)
	}
	t.arena.release(s.body)
	*s = stateSlot{next: t.freeSlot}
	t.freeSlot = id
	t.used--
}

// unpost takes a posting out of its user's chain, and returns the next of its slot.
func (t *stateTable) unpost(n uint32) (other uint32) {
	p := &t.postings[n]
	if p.prev != 0 {
		t.postings[p.prev].next = p.next
	} else {
		t.heads[p.uid] = p.next
	}
	if p.next != 0 {
		t.postings[p.next].prev = p.prev
	}
	t.users.release(p.uid)
	other = p.other
	*p = statePosting{other: t.freePosting}
	t.freePosting = n
	t.usedPostings--
	return other
}

// bytes is what the table holds, as MaxBytes counts.
func (t *stateTable) bytes() int64 {
	return t.arena.live + int64(t.used)*stateSlotBytes + int64(t.usedPostings)*statePostingBytes
}

// stateRun is how many slots are removed for their age, or looked at for a copy, under one hold of the lock.
const stateRun = 512

// stateCleans is how many chunks a run of records may clean: more than it can have left dead, most times.
const stateCleans = 4

// expire removes what is past the bounds.
func (t *stateTable) expire(now int64) {
	for t.bytes() > t.bounds.MaxBytes && t.used > 0 {
		oldest := &t.values
		if len(t.values) == 0 || len(t.dead) > 0 && t.dead[0].time < t.values[0].time {
			oldest = &t.dead
		}
		t.floor = max(t.floor, (*oldest)[0].time)
		t.remove((*oldest)[0].slot)
	}
	for n := 0; n < stateRun && len(t.values) > 0 && t.values[0].time <= t.oldest(now); n++ {
		t.remove(t.values[0].slot)
	}
	for n := 0; n < stateRun && len(t.dead) > 0 && t.dead[0].time <= t.forgotten(now); n++ {
		t.remove(t.dead[0].slot)
	}
	for n := 0; n < stateCleans && t.arena.wasted(); n++ {
		t.arena.clean(func(slot uint32) *stateRef { return &t.slots[slot].body })
	}
}

// clear empties the table: the topic is another one.
func (t *stateTable) clear() {
	for _, c := range t.copies {
		c.broken = true
	}
	for i := range t.postings {
		if p := &t.postings[i]; p.slot != 0 {
			t.users.release(p.uid)
		}
	}
	fresh := newStateTable(Spec{State: t.bounds}, t.users)
	fresh.everyone, fresh.turns, fresh.born = t.everyone, t.turns+1, t.born
	*t = *fresh
}

// jump follows the position of a partition. Back means that Kafka lost the records from to on: what they had taken the
// place of is no longer known, so the partition is to be fed anew. (What a lost tombstone deleted in other partitions
// stays deleted.)
func (t *stateTable) jump(partition int32, to int64, back bool) {
	t.turns++
	if !back {
		return
	}
	for id := range t.slots {
		if s := &t.slots[id]; s.kind != stateFree && s.partition == partition {
			t.remove(uint32(id))
		}
	}
	for _, c := range t.copies {
		c.broken = true
	}
	t.due, t.fed = grow(t.due, int(partition)+1), grow(slices.Clone(t.fed), int(partition)+1)
	t.due[partition], t.fed[partition] = to, 0
}
