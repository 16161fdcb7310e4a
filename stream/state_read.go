package stream

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// ofSubjects appends the latest event of each subject of the request's, where it is the
// caller's.
func (t *stateTable) ofSubjects(dst []Latest, stream int, q *Request, now int64) []Latest {
	sight := t.sight(now)
	for _, subject := range q.Filter.subjectSet {
		dst = t.ofSubject(dst, stream, subject, q, &sight)
	}
	return dst
}

func (t *stateTable) ofSubject(dst []Latest, stream int, subject string, q *Request, sight *stateSight) []Latest {
	var newest uint32
	for head := t.bySubject.first(maphash.String(t.seed, subject)); head != 0; head = t.slots.at(head).links[0].sibling {
		if string(t.subject(t.slots.at(head))) != subject {
			continue
		}
		if id := t.newestOf(head, sight); id != 0 && (newest == 0 || t.later(t.slots.at(id), t.slots.at(newest))) {
			newest = id
		}
	}
	if newest == 0 || t.slots.at(newest).kind != stateValue {
		return dst
	}
	if !t.everyone && !q.AnyUser && !t.belongs(newest, t.users.find([]byte(q.User))) {
		return dst
	}
	return append(dst, t.latest(stream, t.slots.at(newest)))
}

// ofUser appends a user's latest events.
func (t *stateTable) ofUser(dst []Latest, stream int, uid uint32, now int64) []Latest {
	if uid == 0 || int(uid) >= len(t.heads) {
		return dst
	}
	sight := t.sight(now)
	for n := t.heads[uid]; n != 0; n = t.postings[n].next {
		if s := t.slots.at(t.postings[n].slot); t.wins(s, &sight) {
			dst = append(dst, t.latest(stream, s))
		}
	}
	return dst
}

// newestOf returns the newest slot of a chain that shows, 0 if none does.
func (t *stateTable) newestOf(head uint32, sight *stateSight) uint32 {
	for head != 0 && !sight.shows(t.slots.at(head)) {
		head = t.slots.at(head).links[0].next
		t.looked++
	}
	t.looked++
	return head
}

// wins reports whether a slot shows, is the latest of its subject in its partition, and
// no other that is so is later.
func (t *stateTable) wins(s *stateSlot, sight *stateSight) bool {
	if !sight.shows(s) {
		return false
	}
	for id := s.links[0].prev; id != 0; id = t.slots.at(id).links[0].prev {
		if sight.shows(t.slots.at(id)) {
			return false
		}
	}
	for head := t.bySubject.first(s.hash[0]); head != 0; head = t.slots.at(head).links[0].sibling {
		other := t.slots.at(head)
		if other.partition == s.partition || string(t.subject(other)) != string(t.subject(s)) {
			continue
		}
		if id := t.newestOf(head, sight); id != 0 && t.later(t.slots.at(id), s) {
			return false
		}
	}
	return true
}

func (t *stateTable) belongs(slot, uid uint32) bool {
	for n := t.slots.at(slot).posting; n != 0; n = t.postings[n].other {
		if t.postings[n].uid == uid {
			return true
		}
	}
	return false
}

func (t *stateTable) latest(stream int, s *stateSlot) Latest {
	b := t.arena.Bytes(s.body)
	frame := len(b) - int(s.subjectLen+s.keyLen)
	return Latest{
		Stream: stream, Partition: s.partition, Offset: s.offset, Time: s.time, rank: t.log.layout.rank(s.partition),
		Subject: t.subject(s), Frame: b[:frame:frame],
	}
}

// stateCopy is a table as it was at one moment, copied a run at a time. What changes
// before the copy has come to it is taken just before it changes, so writers never wait
// for more than a run.
//
// It is of all of a table, or of a user's slots, which are found by the user's chain.
// What of other users has the same subjects as those is copied too, since it may be
// later.
type stateCopy struct {
	table   *stateTable
	stream  int
	changes uint64 // stateTable.changes at that moment
	sight   stateSight
	born    uint64              // what came later isn't in it
	next    int                 // the slot to look at
	uid     uint32              // whose; 0: all
	posting uint32              // of the user: the next
	groups  map[uint64]struct{} // hashes of subjects of which all has been copied
	found   []stateFound
	looked  int  // slots that it looked at
	broken  bool // the table was emptied: there is no such moment to be had any more
}

type stateFound struct {
	Latest
	kind stateKind
	mine bool // it is one of those that the copy is of
}

// copy begins a copy, of all or of a user's.
func (t *stateTable) copy(stream int, uid uint32, now int64) *stateCopy {
	c := &stateCopy{table: t, stream: stream, changes: t.changes, uid: uid, sight: t.sight(now), born: t.born, next: 1, groups: map[uint64]struct{}{}}
	if uid != 0 {
		c.posting = t.heads[uid]
	}
	t.copies = append(t.copies, c)
	return c
}

// run copies some more; false: that was all.
func (c *stateCopy) run() bool {
	t := c.table
	if c.uid != 0 {
		for n := 0; n < StateRun && c.posting != 0; n++ {
			id := t.postings[c.posting].slot
			c.posting = t.postings[c.posting].next
			c.takeGroup(id)
		}
		if c.posting != 0 {
			return true
		}
		c.end()
		return false
	}
	for end := min(c.next+StateRun, t.slots.len()); c.next < end; c.next++ {
		c.take(t.slots.at(uint32(c.next)), true)
	}
	if c.next < t.slots.len() {
		return true
	}
	c.end()
	return false
}

// end takes the copy off its table.
func (c *stateCopy) end() {
	c.table.copies = slices.DeleteFunc(c.table.copies, func(other *stateCopy) bool { return other == c })
}

// leaving is told of a slot that is about to be emptied, or to be of another time.
func (c *stateCopy) leaving(id uint32) {
	switch {
	case c.uid == 0 && int(id) >= c.next:
		c.take(c.table.slots.at(id), true)
	case c.uid == 0:
	case c.table.belongs(id, c.uid):
		c.takeGroup(id)
	default: // it may be later than one of the user's that is still to be looked at
		c.take(c.table.slots.at(id), false)
	}
}

// takeGroup copies one of the user's slots, and the others of its subject: of each
// partition the latest that shows, since no older one can be the subject's. So a subject
// of many keys costs no more than one of few.
func (c *stateCopy) takeGroup(id uint32) {
	t := c.table
	s := t.slots.at(id)
	if t.alone(id) {
		c.take(s, true)
		return
	}
	if _, taken := c.groups[s.hash[0]]; taken {
		return
	}
	c.groups[s.hash[0]] = struct{}{}
	for head := t.bySubject.first(s.hash[0]); head != 0; head = t.slots.at(head).links[0].sibling {
		for other := head; other != 0; other = t.slots.at(other).links[0].next {
			if c.take(t.slots.at(other), t.belongs(other, c.uid)) {
				break
			}
		}
	}
}

// take copies a slot, if it shows at the copy's moment. It may come twice: then the first
// counts.
func (c *stateCopy) take(s *stateSlot, mine bool) (taken bool) {
	c.looked++
	is := s.kind == stateValue || s.kind == stateGone
	if taken = is && s.born <= c.born && c.sight.shows(s); taken {
		c.found = append(c.found, stateFound{c.table.latest(c.stream, s), s.kind, mine})
	}
	return taken
}

// result returns the winners. It needs no lock.
func (c *stateCopy) result() []Latest {
	slices.SortStableFunc(c.found, func(a, b stateFound) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	c.found = slices.CompactFunc(c.found, func(a, b stateFound) bool { return a.Partition == b.Partition && a.Offset == b.Offset })
	winner := make(map[string]*stateFound, len(c.found))
	for first := 0; first < len(c.found); { // a partition's latest against those before it
		last := first
		for last < len(c.found) && c.found[last].Partition == c.found[first].Partition {
			last++
		}
		seen := map[string]bool{}
		for i := last - 1; i >= first; i-- {
			f := &c.found[i]
			if seen[string(f.Subject)] {
				continue
			}
			seen[string(f.Subject)] = true
			if w := winner[string(f.Subject)]; w == nil || f.later(&w.Latest) {
				winner[string(f.Subject)] = f
			}
		}
		first = last
	}
	all := make([]Latest, 0, len(winner))
	for i := range c.found {
		if f := &c.found[i]; f.mine && f.kind == stateValue && winner[string(f.Subject)] == f {
			all = append(all, f.Latest)
		}
	}
	return all
}

func (l *Latest) later(m *Latest) bool {
	switch {
	case l.Partition == m.Partition:
		return l.Offset > m.Offset
	case l.Time != m.Time:
		return l.Time > m.Time
	}
	return l.rank > m.rank
}
