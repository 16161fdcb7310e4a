package stream

import "slices"

// replayRun is how many entries one pull looks at, lest it hold the lock for long where a filter or
// the position leaves nearly nothing of them.
const replayRun = 4096

// reading is a stream of a private subscriber that memory serves.
type reading struct {
	feed
	own *own
}

// replay serves the streams that memory serves, in the order of their entries; false: there is more to look at.
func (p *private) replay(h *Hub, v *view, uid uint32, b *Batch, maxBytes int) bool {
	h.scratch.readings = h.scratch.readings[:0]
	for i := range p.streams {
		if o := &p.streams[i]; o.cold == nil {
			h.scratch.readings = append(h.scratch.readings, reading{h.feed(h.logs[v.streams[i]], uid, p.anyUser, o.seq, lookOf(len(p.streams))), o})
		}
	}
	readings := h.scratch.readings
	for {
		r := earliest(readings)
		if r == nil {
			break
		}
		if b.Bytes >= maxBytes || r.tired {
			for i := range readings {
				readings[i].stop(h)
			}
			return false
		}
		e, o := r.entry, r.own
		o.seq = e.seq + 1
		if o.take(r.log, r.at, e, p.subject) {
			p.reach(h, v, o, e.seq)
			b.add(r.log.frame(e), func(dst []byte) []byte { return p.id(h, v, dst) })
			if e.kind == kindEvent {
				h.hand(r.log, e.partition, e.next)
			}
		}
		r.advance()
	}
	for _, r := range readings {
		r.own.seq = h.seq + 1
	}
	return true
}

// earliest returns the reading with the oldest entry, nil if there is none.
func earliest(readings []reading) *reading {
	var first *reading
	for i := range readings {
		if r := &readings[i]; r.entry != nil && (first == nil || r.entry.seq < first.entry.seq) {
			first = r
		}
	}
	return first
}

// stop has the next pull go on from here.
func (r *reading) stop(h *Hub) {
	if r.entry == nil {
		r.own.seq = h.seq + 1
		return
	}
	r.own.seq = r.entry.seq
}

// take moves the position past an entry; it reports whether the subscriber is sent it.
func (o *own) take(l *log, where ordinal, e *entry, subject []byte) bool {
	if e.kind == kindJump {
		return o.jump(l, where, e)
	}
	if e.next <= at(o.pos, int(e.partition)) {
		return false
	}
	o.pos = grow(o.pos, int(e.partition)+1)
	o.pos[e.partition] = e.next
	return len(subject) == 0 || string(l.about(e)) == string(subject)
}

// jump moves the position as a jump entry says; false if that doesn't concern it.
func (o *own) jump(l *log, where ordinal, e *entry) bool {
	b, _ := l.entry(where)
	if e.partition == everyPartition {
		if o.epoch == b.epoch {
			return false
		}
		o.epoch, o.pos, o.lineage, o.seen, o.leaders = b.epoch, slices.Clone(b.base), b.lineage, e.seq, nil
		return true
	}
	if o.epoch != b.epoch {
		return false
	}
	if e.next <= e.time {
		if e.seq <= o.seen {
			return false
		}
		o.lineage = b.lineage
		return o.goBack(l.jumpAt(e))
	}
	if at(o.pos, int(e.partition)) >= e.next {
		return false
	}
	o.pos = grow(o.pos, int(e.partition)+1)
	o.pos[e.partition] = e.next
	return true
}
