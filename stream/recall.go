package stream

import (
	"math"
	"slices"
)

// recollect returns the marks of the request's events in memory, at most n a partition, the memory they are of, and since
// when it has events, by the timestamp of the oldest; the end of time if it has none. Where few events are about
// the request's subject that is a look at the whole log, so it is done in steps, between which others have the lock.
func (h *Hub) recollect(stream int, r Request, n int) (memory, int64, []mark) {
	c := recall{memory: h.memory(stream), r: r, n: n}
	h.mu.Lock()
	defer h.mu.Unlock()
	c.begin(h)
	for c.step(h) {
		h.mu.Unlock()
		h.mu.Lock()
	}
	since := c.end(h)
	return c.memory, since, c.marks
}

// recall looks for a request's newest events in a log, from its end on. Its methods are called with the hub's lock held.
type recall struct {
	memory
	r      Request
	n      int
	uid    uint32 // whose chain is walked; 0: everybody's entries are looked at
	next   uint64 // 1 + ordinal of the entry to look at; 0: none is left
	counts []int  // of marks, by partition
	full   int    // partitions with n of them
	marks  []mark
}

func (c *recall) begin(h *Hub) {
	l := h.logs[c.stream]
	c.gen, c.head = l.gen, slices.Clone(l.head)
	c.counts = make([]int, len(c.head))
	if c.next = l.end(); l.spec.Audience == AudienceUser && !c.r.AnyUser {
		c.uid = h.users.find([]byte(c.r.User))
		c.next = l.newestOf(c.uid)
	}
}

// step looks at replayRun entries; false: that was all. What has been evicted meanwhile was older than what is left to look at.
func (c *recall) step(h *Hub) bool {
	l := h.logs[c.stream]
	first := l.from(l.resume(l.floor()))
	for range replayRun {
		if c.next <= first || c.full == len(c.counts) {
			return false
		}
		b, e := l.entry(c.next - 1)
		if e != nil {
			c.see(l, e)
		}
		switch {
		case c.uid == 0:
			c.next--
		case e == nil:
			return false
		default: // while an entry is kept, its users keep their uids
			back := uint64(b.posting(e, c.uid).back)
			if back == 0 {
				return false
			}
			c.next -= back
		}
	}
	return true
}

func (c *recall) see(l *log, e *entry) {
	if e.kind != kindEvent || c.counts[e.partition] == c.n || c.r.Subject != "" && string(l.about(e)) != c.r.Subject {
		return
	}
	if c.counts[e.partition]++; c.counts[e.partition] == c.n {
		c.full++
	}
	c.marks = append(c.marks, mark{partition: e.partition, offset: e.next - 1, time: e.time})
}

// end settles what memory has now that all has been looked at: what was evicted since the first step is Kafka's to tell of.
func (c *recall) end(h *Hub) (since int64) {
	l := h.logs[c.stream]
	c.floor = slices.Clone(c.head) // what came later is no matter
	for p, next := range l.floor()[:min(len(l.floor()), len(c.head))] {
		c.floor[p] = min(c.floor[p], next)
	}
	c.marks = slices.DeleteFunc(c.marks, func(m mark) bool { return m.offset < at(c.floor, int(m.partition)) })
	for ordinal, e := l.seek(l.from(l.resume(l.floor()))); e != nil; ordinal, e = l.seek(ordinal + 1) {
		if e.kind == kindEvent {
			return e.time
		}
	}
	return math.MaxInt64
}
