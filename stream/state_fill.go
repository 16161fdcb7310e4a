package stream

import (
	"math"
	"slices"

	"sluice/stream/arena"
	"sluice/stream/sse"
)

// insert fills a slot with a record, unless it is too old. own says that its time is its
// timestamp.
func (t *stateTable) insert(s stateSlot, ev *Event, now int64, own bool) {
	s.lasting = s.kind == stateValue && !t.compacted && t.isCompacted(s.partition)
	old := s.time <= t.bound(s.kind, s.lasting, now)
	if old && s.offset < t.from(s.partition) {
		return
	}
	id := t.freeSlot
	if id != 0 {
		t.freeSlot = t.slots.at(id).posting
	} else {
		id = t.slots.add()
	}
	t.used++
	t.born++
	subject := ev.Subject
	if s.kind == stateGrave {
		subject = nil
	}
	s.born, s.subjectLen, s.keyLen = t.born, uint32(len(subject)), uint32(len(ev.Key))
	s.keyed = s.keyed && s.kind == stateValue
	n := len(subject) + len(ev.Key)
	if s.kind == stateValue {
		b := sse.AppendBody(t.arena.Room(id, n+sse.BodyLen(ev.Name, ev.Data)), ev.Name, ev.Data)
		s.body = t.arena.Commit(append(append(b, subject...), ev.Key...))
	} else {
		s.body = t.arena.Commit(append(append(t.arena.Room(id, n), subject...), ev.Key...))
	}
	*t.slots.at(id) = s
	if s.kind == stateGrave {
		t.graves.link(t, id)
	} else {
		t.bySubject.link(t, id)
	}
	if s.keyed {
		t.byKey.link(t, id)
	}
	t.agesOf(&s).push(&t.slots, id, old)
	if !own {
		t.wait(id, ev.Timestamp, now)
	}
	if s.kind == stateValue && !t.everyone {
		for _, user := range ev.Users[:min(len(ev.Users), math.MaxUint8)] {
			t.post(id, t.users.acquire(user))
		}
	}
	t.came(id)
}

func (t *stateTable) agesOf(s *stateSlot) *stateAges {
	switch {
	case s.kind != stateValue:
		return &t.dead
	case s.lasting:
		return &t.lasting
	}
	return &t.values
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
	*p = statePosting{uid: uid, slot: slot, next: t.heads[uid], other: t.slots.at(slot).posting}
	if p.next != 0 {
		t.postings[p.next].prev = n
	} else {
		t.userBytes += t.users.cost(uid)
	}
	t.heads[uid], t.slots.at(slot).posting = n, n
}

// remove empties a slot. Copies that have not come to it keep what it was.
func (t *stateTable) remove(id uint32) {
	t.goes(id)
	s := t.slots.at(id)
	t.agesOf(s).remove(&t.slots, id)
	if s.kind == stateGrave {
		t.graves.unlink(t, id)
	} else {
		t.bySubject.unlink(t, id)
	}
	if s.keyed {
		t.byKey.unlink(t, id)
	}
	for n := s.posting; n != 0; {
		n = t.unpost(n)
	}
	t.arena.Release(s.body)
	*s = stateSlot{posting: t.freeSlot}
	t.freeSlot = id
	t.used--
}

// unpost takes a posting out of its user's chain, and returns the next of its slot.
func (t *stateTable) unpost(n uint32) (other uint32) {
	p := &t.postings[n]
	for _, c := range t.copies {
		if c.posting == n && c.uid == p.uid {
			c.posting = p.next
		}
	}
	if p.prev != 0 {
		t.postings[p.prev].next = p.next
	} else {
		t.heads[p.uid] = p.next
	}
	if p.next != 0 {
		t.postings[p.next].prev = p.prev
	}
	if t.heads[p.uid] == 0 {
		t.userBytes -= t.users.cost(p.uid)
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
	return t.arena.Used() + int64(t.used)*stateSlotBytes + int64(t.usedPostings)*statePostingBytes + t.userBytes
}

// stateCleans is how many chunks a run of records may clean: more than it can have left
// dead, most times.
const stateCleans = 4

// expire removes what is past the bounds.
func (t *stateTable) expire(now int64) {
	t.arrive(now)
	for t.bytes() > t.bounds.MaxBytes && t.used > 0 {
		t.cut(now)
	}
	t.age(&t.values, t.bound(stateValue, false, now))
	t.age(&t.lasting, t.bound(stateValue, true, now))
	t.age(&t.dead, t.bound(stateGone, false, now))
	for n := 0; n < stateCleans && t.arena.Wasted(); n++ {
		t.arena.Clean(func(slot uint32) *arena.PoolRef { return &t.slots.at(slot).body })
	}
}

// age removes some of what is too old.
func (t *stateTable) age(a *stateAges, bound int64) {
	for n := 0; n < StateRun && len(a.young) > 0 && a.young[0].key <= bound; n++ {
		id := a.young[0].slot
		if s := t.slots.at(id); s.offset < t.from(s.partition) {
			t.outdate(id)
		} else {
			a.remove(&t.slots, id)
			a.push(&t.slots, id, true)
		}
	}
	for p, n := 0, 0; p < len(a.kept) && a.old > 0; p++ {
		for ; n < StateRun && len(a.kept[p]) > 0 && a.kept[p][0].key < t.from(int32(p)); n++ {
			t.outdate(a.kept[p][0].slot)
		}
	}
}

// cut removes a slot for MaxBytes: one that is too old and only among the newest of its
// partition, if there is one, the furthest behind; else the oldest.
func (t *stateTable) cut(now int64) {
	if id := t.furthest(); id != 0 {
		t.cutBefore(t.slots.at(id))
		t.outdate(id)
		return
	}
	oldest := &t.values
	for _, a := range []*stateAges{&t.lasting, &t.dead} {
		if len(oldest.young) == 0 || len(a.young) > 0 && a.young[0].key < oldest.young[0].key {
			oldest = a
		}
	}
	id := oldest.young[0].slot
	s := t.slots.at(id)
	t.cutBefore(s)
	if t.isCompacted(s.partition) || s.time > t.bound(s.kind, s.lasting, now) {
		t.floor = max(t.floor, s.time)
	}
	t.remove(id)
}

// outdate removes a slot that is too old, and what it was later than in other partitions.
// That is too old as well, and would be the subject's latest now, were it among the
// newest there.
func (t *stateTable) outdate(id uint32) {
	s := t.slots.at(id)
	if s.kind != stateGrave {
		for head := t.bySubject.first(s.hash[0]); head != 0; {
			more, other := t.slots.at(head).links[0].sibling, t.slots.at(head)
			if other.partition != s.partition && t.later(s, other) && string(t.subject(other)) == string(t.subject(s)) {
				t.remove(head)
			}
			head = more
		}
	}
	t.remove(id)
}

func (t *stateTable) cutBefore(s *stateSlot) {
	t.kept = grow(t.kept, int(s.partition)+1)
	t.kept[s.partition] = max(t.kept[s.partition], s.offset+1)
}

// furthest returns the slot furthest behind its partition's head of those in kept, 0 if
// there is none.
func (t *stateTable) furthest() (id uint32) {
	most := int64(math.MinInt64)
	for _, a := range []*stateAges{&t.values, &t.lasting, &t.dead} {
		for p := 0; p < len(a.kept) && a.old > 0; p++ {
			if h := a.kept[p]; len(h) > 0 && at(t.log.head, p)-h[0].key > most {
				id, most = h[0].slot, at(t.log.head, p)-h[0].key
			}
		}
	}
	return id
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
	fresh := newStateTable(t.log, t.users)
	fresh.newest, fresh.turns, fresh.born, fresh.changes = t.newest, t.turns+1, t.born, t.changes+1
	*t = *fresh
}

// jump follows the position of a partition. Back means that Kafka lost the records from
// to on. What they had replaced is no longer known, so the partition must be fed anew.
// (What a lost tombstone deleted in other partitions stays deleted.) What the table had
// is then still to remove, by forget. The table isn't whole meanwhile.
func (t *stateTable) jump(partition int32, to int64, back bool) {
	t.turns++
	if !back {
		return
	}
	for _, c := range t.copies {
		c.broken = true
	}
	t.due, t.fed = grow(t.due, int(partition)+1), grow(slices.Clone(t.fed), int(partition)+1)
	t.due[partition], t.fed[partition] = to, 0
}

// hide leaves out what is of some partitions, whose topic was deleted.
func (t *stateTable) hide(partitions []int32) {
	t.turns++
	t.changes++
	for _, p := range partitions {
		t.start = grow(t.start, int(p)+1)
		t.start[p] = Gone
		t.fed = grow(t.fed, int(p)+1) // nothing is due of it any more
		t.fed[p] = Gone
	}
}

// forget removes the slots of a partition from one on, a run of them at a time. It
// returns the slot to go on with; 0: that was all.
func (t *stateTable) forget(partition int32, from uint32) (next uint32) {
	end := min(int(from)+holdRun, t.slots.len())
	for id := from; int(id) < end; id++ {
		if s := t.slots.at(id); s.kind != stateFree && s.partition == partition {
			t.remove(id)
		}
	}
	if end == t.slots.len() {
		return 0
	}
	return uint32(end)
}
