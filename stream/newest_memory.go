package stream

import (
	"math"
	"slices"
)

// newestFromMemory shows the request's events in memory, newest first. It returns since
// when memory has events, by the timestamp of the oldest. If that is not known it returns
// the end of time. Where few events are about the request's subject, it looks at the
// whole log. So it works in steps, between which others have the lock.
func (h *Hub) newestFromMemory(c *memorySearch) (since int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.begin(h)
	for c.step(h) {
		h.mu.breathe()
	}
	return c.end(h)
}

// memorySearch looks for a request's newest events in a log, from its end on. The hub's
// lock is held in its methods.
type memorySearch struct {
	memory
	r     Request
	pick  *newestPick
	index int     // of the stream, for pick
	uid   uint32  // whose chain is walked; 0: everybody's entries are looked at
	below ordinal // the next entry to look at is the one before it; 0: none is left
	done  []bool  // by partition: nothing that is left of it matters
	left  int     // partitions that are not done
}

func (c *memorySearch) begin(h *Hub) {
	l := h.logs[c.stream]
	c.gen, c.head = l.gen, slices.Clone(l.head)
	c.done, c.left = make([]bool, len(c.head)), len(c.head)
	if c.below = l.end(); l.spec.Audience == AudienceUser && !c.r.AnyUser {
		c.uid, c.below = h.users.find([]byte(c.r.User)), 0
		if newest, ok := l.newestOf(c.uid); ok {
			c.below = newest.next()
		}
	}
}

// step looks at replayRun entries; false: that was all. Entries evicted meanwhile were
// older than those left to look at.
func (c *memorySearch) step(h *Hub) bool {
	l := h.logs[c.stream]
	first := l.from(l.resume(l.floor()))
	for i := range replayRun {
		if i%blockLen == 0 {
			h.mu.did(len(c.done) / 16)
			c.leaveOut(l)
		}
		if c.below <= first || c.left == 0 {
			return false
		}
		h.mu.did(1)
		b, e := l.entry(c.below.before(1))
		if e != nil {
			c.see(l, e)
		}
		switch {
		case c.uid == 0:
			c.below = c.below.before(1)
		case e == nil:
			return false
		default: // while an entry is kept, its users keep their uids
			back := b.posting(e, c.uid).back
			if back == 0 {
				return false
			}
			c.below = c.below.before(back)
		}
	}
	return true
}

// leaveOut is done with the partitions of which memory has nothing older than where it
// looks.
func (c *memorySearch) leaveOut(l *log) {
	n := int(l.blockAt(c.below)) + 1 // a block above the entry to look at
	if n < 0 || n >= len(l.blocks) {
		return
	}
	floor := l.floor()
	for p := range c.done {
		if at(l.blocks[n].base, p) <= at(floor, p) {
			c.finish(int32(p))
		}
	}
}

func (c *memorySearch) finish(partition int32) {
	if !c.done[partition] {
		c.done[partition] = true
		c.left--
	}
}

func (c *memorySearch) see(l *log, e *entry) {
	if e.kind != kindEvent || int(e.partition) >= len(c.done) || c.done[e.partition] || e.next > c.head[e.partition] ||
		!c.r.Filter.leavesEntry(l, e) {
		return
	}
	if !c.pick.show(c.index, e.partition, e.next-1, e.time) {
		c.finish(e.partition)
	}
}

// end settles what memory has now that all has been looked at: what was evicted since the
// first step, and not seen, is Kafka's to tell of.
func (c *memorySearch) end(h *Hub) (since int64) {
	l := h.logs[c.stream]
	c.floor = slices.Clone(c.head) // what came later is no matter
	for p, next := range l.floor()[:min(len(l.floor()), len(c.head))] {
		c.floor[p] = min(c.floor[p], next)
	}
	o, e := l.seek(l.from(l.resume(l.floor())))
	for range replayRun {
		if e == nil || e.kind == kindEvent {
			break
		}
		h.mu.did(1)
		o, e = l.seek(o.next())
	}
	if e == nil || e.kind != kindEvent {
		return math.MaxInt64
	}
	return e.time
}
