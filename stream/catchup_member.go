package stream

import (
	"errors"
	"slices"
)

// catchupMember is one stream of one subscriber while its position is older than memory.
// It waits for a pass, or takes from a lane. How far it has read is its stream's
// position.
type catchupMember struct {
	id      uint32
	own     *ownStream
	epoch   string
	stream  int
	key     laneKey
	lane    *lane // that it takes from; nil: it waits for a pass
	next    int   // the first of the lane's events that it hasn't looked at
	waiting bool  // it is in the lane's list of those who wait for more
	closed  bool  // it is done, or the subscriber has gone
}

// close takes it out of the passes. With the last member of a stream goes what is kept
// for later ones.
func (c *catchupMember) close(ps *catchupPasses) {
	if c.closed {
		return
	}
	c.closed = true
	if c.lane != nil {
		c.lane.leave(c)
	}
	s := &ps.streams[c.stream]
	if s.reading--; s.reading == 0 {
		for len(s.shared) > 0 {
			ps.giveUp(s.shared[len(s.shared)-1])
		}
	}
}

// ready reports whether it has a lane to look at, and nobody will tell it so.
func (c *catchupMember) ready() bool { return c != nil && c.lane != nil && !c.waiting }

// laneKey says which lane of a stream has what is for a subscriber. There is none for
// several subjects, nor for names of events: such a subscriber takes from a wider lane.
func (p *ownPosition) laneKey(everyone bool) laneKey {
	subject := p.filter.single()
	switch {
	case everyone:
		return laneKey{subject: subject}
	case p.anyUser:
		return laneKey{subject: subject, any: true}
	case len(p.user) == 0: // without an identity nothing is anybody's, and this lane stays empty
		return laneKey{any: true}
	}
	return laneKey{user: string(p.user), subject: subject}
}

// locate takes stream i to where its position is served: to memory, or to the passes if
// it is older than that.
func (p *ownPosition) locate(h *Hub, v *view, id uint32, i int) {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	if covers(o.pos, l.floor()) {
		o.catchup, o.seq = nil, l.resume(o.pos)
		return
	}
	o.catchup = &catchupMember{id: id, own: o, epoch: o.epoch, stream: v.streams[i], key: p.laneKey(l.spec.Audience == AudienceEveryone)}
	h.passes.enqueue(v.streams[i], o.catchup)
}

// serveCatchup sends what was found, and returns stream i to memory when the passes have
// read up to it. Drained: go on with the next stream, or with this one from memory if it
// no longer catches up.
func (p *ownPosition) serveCatchup(h *Hub, v *view, id uint32, i int, b *Batch, maxBytes int) Pulled {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	for looked := 0; o.catchup != nil; {
		c, la := o.catchup, o.catchup.lane
		for la != nil && c.next < len(la.events) {
			f := la.events[c.next]
			if b.Bytes >= maxBytes || looked == replayRun {
				h.passes.touch(la)
				return More
			}
			looked++
			h.mu.did(1)
			if p.takeFound(o, l, la.pass, &f) {
				p.send(h, v, b, f.body.frame)
				h.hand(l, f.partition, f.next, b)
			}
			la.took(c)
		}
		if looked > 0 && la != nil {
			h.passes.touch(la)
		}
		if la != nil && !la.gone {
			leaders := la.leaders()
			for q, next := range la.reached() {
				if next > at(o.pos, q) && !o.isBehind(l, la.pass, q) {
					o.moveTo(q, next, leaders[q])
				}
			}
		}
		switch {
		case o.epoch != l.epoch:
			c.close(&h.passes)
			p.recreated(h, v, id, i, b)
			return Drained
		case crosses(l.backAfter(o.told), o.pos, l.floor()):
			c.close(&h.passes)
			p.rejoin(h, v, i, b)
			p.locate(h, v, id, i)
			continue
		case la == nil:
			return Drained
		case la.open():
			la.wait(c)
			return Drained
		}
		if c.failed() {
			// Also recreated, and our reader hasn't noticed yet: coming back is the
			// simplest way to wait for that.
			return Unavailable
		}
		var gone *GoneError
		if !la.gone && la.ends == nil && errors.As(la.pass.err, &gone) {
			p.passOver(h, v, i, gone, b)
		}
		c.close(&h.passes) // to the passes again if the log has moved on meanwhile
		p.rejoin(h, v, i, b)
		p.locate(h, v, id, i)
	}
	return Drained
}

// takeFound moves a stream's position past an event that a pass found; it reports whether
// the subscriber is sent it.
func (p *ownPosition) takeFound(o *ownStream, l *log, by *catchupPass, f *found) bool {
	if f.next <= at(o.pos, int(f.partition)) || o.isBehind(l, by, int(f.partition)) {
		return false
	}
	mine := p.filter.leaves(f.body.subject, f.body.frame)
	if mine || f.half != firstHalf { // else the second of its record may be
		o.moveTo(int(f.partition), f.next, f.leader)
	}
	return mine
}

// passOver moves stream i past what Kafka no longer has, and says so.
func (p *ownPosition) passOver(h *Hub, v *view, i int, gone *GoneError, b *Batch) {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	r := Reset{Reason: ReasonRetention, Stream: l.spec.Name}
	partitions := []int32{gone.Partition}
	if gone.Start == Gone {
		r.Reason, partitions = ReasonRecreated, l.layout.siblings(gone.Partition)
	}
	for _, q := range partitions {
		to := min(gone.Start, at(l.floor(), int(q))) // memory may have older than Kafka
		if from := at(o.pos, int(q)); from < to {
			o.pos = grow(o.pos, int(q)+1)
			o.pos[q] = to
			r.Partitions = append(r.Partitions, Moved{Partition: q, From: from, To: to})
		}
	}
	if len(r.Partitions) == 0 {
		return
	}
	p.send(h, v, b, h.resetBody(r))
}

// recreated takes stream i, which the log has left behind, to the start of the topic
// created anew, and says so. The log's own jump would say it from where the log was. What
// the position has not come to yet would seem to be before that.
func (p *ownPosition) recreated(h *Hub, v *view, id uint32, i int, b *Batch) {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	o.catchup = nil
	r := Reset{Reason: ReasonRecreated, Stream: l.spec.Name}
	for q := range max(len(o.pos), len(l.head)) {
		r.Partitions = append(r.Partitions, Moved{Partition: int32(q), From: at(o.pos, q), To: at(l.start, q)})
	}
	o.epoch, o.told, o.lineage, o.leaders = l.epoch, l.began, l.lineage, nil
	o.pos = grow(slices.Clone(l.start), len(l.head))
	p.send(h, v, b, h.resetBody(r))
	p.rejoin(h, v, i, b)
	p.locate(h, v, id, i)
}

// CatchupProgress says how far the reading of what is older than memory is, for one
// subscription.
type CatchupProgress uint8

const (
	// CatchupNone: no stream of the subscription is older than memory.
	CatchupNone CatchupProgress = iota
	// CatchupPending: for one of its streams nothing has been read yet. The waker is told
	// when that changes.
	CatchupPending
	// CatchupMoved: each of its older streams has something for the next Pull: events, or
	// a position further on.
	CatchupMoved
	// CatchupFailed: Kafka didn't answer for one of them.
	CatchupFailed
)

// CatchupProgress reports how far the subscription's catch-up is since the last Pull.
// Pull can't tell it: that is Drained too while there is nothing yet. A caller that
// answers once (a poll), instead of going on for ever, waits by it.
func (s Sub) CatchupProgress() CatchupProgress {
	if s.hub == nil {
		return CatchupNone
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := s.slot()
	if slot == nil || h.closed || slot.ended() || !slot.hasOwn {
		return CatchupNone
	}
	progress := CatchupNone
	for i := range h.own[s.id].streams {
		o, l := &h.own[s.id].streams[i], h.logs[h.views[slot.view].streams[i]]
		if o.catchup == nil {
			continue
		}
		switch {
		case o.catchup.failed():
			return CatchupFailed
		case o.epoch == l.epoch && o.catchup.pending(o.pos):
			progress = CatchupPending
		case progress == CatchupNone:
			progress = CatchupMoved
		}
	}
	if progress == CatchupPending {
		slot.woken = false // it may not have pulled since it was woken, and pulls only once it is again
	}
	return progress
}

// failed reports whether all that was found has been taken, and Kafka didn't answer for
// the rest.
func (c *catchupMember) failed() bool {
	la := c.lane
	if la == nil || la.gone || la.ends != nil || !la.pass.failed() || c.next < len(la.events) {
		return false
	}
	var gone *GoneError
	return !errors.As(la.pass.err, &gone)
}

// pending reports whether nothing has been read for a subscriber whose position is pos.
// It is told when that changes.
func (c *catchupMember) pending(pos []int64) bool {
	if c.lane == nil {
		return true
	}
	if !c.lane.open() || !covers(pos, c.lane.reached()) {
		return false
	}
	c.lane.wait(c)
	return true
}
