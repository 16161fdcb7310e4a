package stream

import (
	"cmp"
	"slices"
)

// cold is what a private subscriber's stream has while it reads older than memory: its place in
// the passes, and what they found for it.
type cold struct {
	at     []int64 // how far has been read for it, but for what in knows; found is all before that which is not yet sent
	in     *pass   // that it is in; nil: none
	found  []found
	bytes  int // of found
	state  coldState
	closed bool // the subscriber has gone
}

type coldState uint8

const (
	coldWaiting coldState = iota // for a pass, or in one
	coldLeft                     // left its pass for being slow; queues again once it has taken what was found
	coldDone                     // a pass has read up to the log
	coldFailed                   // Kafka doesn't answer
)

// found is an event, or a reset, that a pass found for a subscriber.
type found struct {
	partition int32
	next      int64
	reset     bool
	body      []byte // frame without id; shared by all it was found for
}

// reached returns how far passes have read for it. Nothing of its own lies between at and what its pass has reached.
func (c *cold) reached() []int64 {
	if c.in != nil {
		c.at = raise(c.at, c.in.reached)
	}
	return c.at
}

// leave takes it out of its pass, if it is in one.
func (c *cold) leave() {
	c.reached()
	if c.in != nil {
		c.in.left++
		c.in = nil
	}
}

// close takes it out of the passes for good.
func (c *cold) close() {
	c.leave()
	c.closed = true
}

// coldBytes is how much may be found for one subscriber before it has to take some.
const coldBytes = 1 << 20

// coldTotal is how much may be found for all together.
const coldTotal = 256 << 20

// settle takes stream i of a private subscriber to where its position is served: to memory, or to the passes if it is
// older than that.
func (p *private) settle(h *Hub, v *view, id uint32, i int) {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	o.kept = nil
	if covers(o.pos, l.floor()) {
		o.cold, o.seq = nil, l.resume(o.pos)
		if o.gen != l.gen { // the topic lost records meanwhile: only the jump says which positions that concerns
			o.seq = cmp.Or(l.wentBack(), o.seq)
		}
		return
	}
	o.cold = &cold{at: slices.Clone(o.pos)}
	h.passes.enqueue(v.streams[i], &waiter{id: id, epoch: o.epoch, user: p.user, subject: p.subject, anyUser: p.anyUser, cold: o.cold})
}

// thaw sends what was found, and returns stream i to memory when the passes have read up to it. Drained: go on with the
// next stream, or with this one from memory if it is no longer cold.
func (p *private) thaw(h *Hub, v *view, id uint32, i int, b *Batch, maxBytes int) Pulled {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	c := o.cold
	for len(c.found) > 0 {
		if b.Bytes >= maxBytes {
			return More
		}
		f := c.found[0]
		c.found[0] = found{}
		c.found = c.found[1:]
		c.bytes -= len(f.body)
		h.passes.bytes -= len(f.body)
		o.pos = grow(o.pos, int(f.partition)+1)
		o.pos[f.partition] = f.next
		b.add(f.body, func(dst []byte) []byte { return p.id(h, v, dst) })
		if !f.reset {
			h.hand(l, f.partition, f.next)
		}
	}
	c.found = nil
	o.pos = raise(o.pos, c.reached())
	if o.epoch != l.epoch {
		c.close()
		p.recreated(h, v, id, i, b)
		return Drained
	}
	switch c.state {
	case coldFailed:
		return Unavailable
	case coldLeft, coldDone: // to the passes again if the log has moved on meanwhile
		p.settle(h, v, id, i)
	}
	return Drained
}

// recreated takes stream i, which the log has left behind, into the topic created anew: to the jump in the log or,
// when that is gone as well, to the new topic's start.
func (p *private) recreated(h *Hub, v *view, id uint32, i int, b *Batch) {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	o.cold, o.kept = nil, nil
	for n := len(l.jumps) - 1; n >= 0; n-- {
		blk, e := l.entry(l.jumps[n])
		if e.partition == everyPartition && blk.epoch == l.epoch {
			o.seq = e.seq
			return
		}
	}
	r := Reset{Reason: ReasonRecreated, Stream: l.spec.Name}
	for q := range max(len(o.pos), len(l.head)) {
		r.Partitions = append(r.Partitions, Moved{int32(q), at(o.pos, q), 0})
	}
	o.epoch, o.gen, o.pos = l.epoch, l.gen, make([]int64, len(l.head))
	p.settle(h, v, id, i)
	b.add(h.resetBody(r), func(dst []byte) []byte { return p.id(h, v, dst) })
}
