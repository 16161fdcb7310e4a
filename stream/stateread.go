package stream

import (
	"cmp"
	"hash/maphash"
	"slices"
)

// ofSubject appends what a subject's latest event is, if it is the caller's.
func (t *stateTable) ofSubject(dst []Latest, stream int, q *Request, now int64) []Latest {
	var newest uint32
	for id := t.bySubject[maphash.String(t.seed, q.Subject)]; id != 0; id = t.slots[id].next {
		if s := &t.slots[id]; string(t.subject(s)) == q.Subject && t.wins(s, now) {
			newest = id
		}
	}
	if newest == 0 || t.slots[newest].kind != stateValue {
		return dst
	}
	if !t.everyone && !q.AnyUser && !t.belongs(newest, t.users.find([]byte(q.User))) {
		return dst
	}
	return append(dst, t.latest(stream, &t.slots[newest]))
}

// ofUser appends a user's latest events.
func (t *stateTable) ofUser(dst []Latest, stream int, uid uint32, now int64) []Latest {
	if uid == 0 || int(uid) >= len(t.heads) {
		return dst
	}
	for n := t.heads[uid]; n != 0; n = t.postings[n].next {
		if s := &t.slots[t.postings[n].slot]; t.wins(s, now) {
			dst = append(dst, t.latest(stream, s))
		}
	}
	return dst
}

// wins reports whether a slot shows, is the latest of its subject in its partition, and no other that is so is later.
func (t *stateTable) wins(s *stateSlot, now int64) bool {
	return t.visible(s, now) && !t.beaten(s, now, true) && !t.beaten(s, now, false)
}

// beaten reports whether another slot that shows is later, of the same partition or of the others'.
func (t *stateTable) beaten(s *stateSlot, now int64, same bool) bool {
	for id := t.bySubject[s.subjectHash]; id != 0; id = t.slots[id].next {
		other := &t.slots[id]
		if (other.partition == s.partition) == same && other.later(s) && t.visible(other, now) &&
			string(t.subject(other)) == string(t.subject(s)) && (same || !t.beaten(other, now, true)) {
			return true
		}
	}
	return false
}

func (t *stateTable) belongs(slot, uid uint32) bool {
	for n := t.slots[slot].posting; n != 0; n = t.postings[n].other {
		if t.postings[n].uid == uid {
			return true
		}
	}
	return false
}

func (t *stateTable) latest(stream int, s *stateSlot) Latest {
	b := t.arena.bytes(s.body)
	frame := len(b) - int(s.subjectLen+s.keyLen)
	return Latest{
		Stream: stream, Partition: s.partition, Offset: s.offset, Time: s.time,
		Subject: t.subject(s), Frame: b[:frame:frame],
	}
}

// stateCopy is a table as it was at one moment, copied a run at a time. What changes before the copy has come to
// it is taken just before it changes, so writers never wait for more than a run.
type stateCopy struct {
	table  *stateTable
	stream int
	oldest int64   // timestamp up to which nothing shows
	start  []int64 // offsets below which nothing shows
	born   uint64  // what came later isn't in it
	next   int     // the slot to look at
	found  []stateFound
	broken bool // the table was emptied: there is no such moment to be had any more
}

type stateFound struct {
	Latest
	kind stateKind
}

// copy begins a copy.
func (t *stateTable) copy(stream int, now int64) *stateCopy {
	c := &stateCopy{table: t, stream: stream, oldest: t.oldest(now), start: t.start, born: t.born, next: 1}
	t.copies = append(t.copies, c)
	return c
}

// run copies some more; false: that was all.
func (c *stateCopy) run() bool {
	t := c.table
	for end := min(c.next+stateRun, len(t.slots)); c.next < end; c.next++ {
		c.take(&t.slots[c.next])
	}
	if c.next < len(t.slots) {
		return true
	}
	t.copies = slices.DeleteFunc(t.copies, func(other *stateCopy) bool { return other == c })
	return false
}

// take copies a slot.
func (c *stateCopy) take(s *stateSlot) {
	shows := s.kind == stateValue || s.kind == stateGone
	if shows && s.born <= c.born && s.time > c.oldest && s.offset >= at(c.start, int(s.partition)) {
		c.found = append(c.found, stateFound{c.table.latest(c.stream, s), s.kind})
	}
}

// result returns the winners. It needs no lock.
func (c *stateCopy) result() []Latest {
	slices.SortFunc(c.found, func(a, b stateFound) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
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
		if f := &c.found[i]; f.kind == stateValue && winner[string(f.Subject)] == f {
			all = append(all, f.Latest)
		}
	}
	return all
}

func (l *Latest) later(m *Latest) bool {
	a := stateSlot{time: l.Time, partition: l.Partition, offset: l.Offset}
	return a.later(&stateSlot{time: m.Time, partition: m.Partition, offset: m.Offset})
}
