package stream

import "slices"

// replayRun is how many entries one pull looks at, lest it hold the lock for long where a filter or the position
// leaves nearly nothing of them.
const replayRun = 4096

// replay serves stream i from memory; false: there is more to look at.
func (p *private) replay(h *Hub, v *view, slot *subSlot, i int, b *Batch, maxBytes int) bool {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	looked := 0
	for whole := false; !whole; {
		h.scratch.ordinals = h.scratch.ordinals[:0]
		var f feed
		f, whole = o.feed(h, l, slot.uid, p.anyUser)
		for ; f.entry != nil; f.advance() {
			e := f.entry
			if looked++; b.Bytes >= maxBytes || looked > replayRun {
				o.seq = e.seq
				o.keep(&f, whole)
				return false
			}
			o.seq = e.seq + 1
			if o.take(l, f.at, e, p.subject) {
				b.add(l.frame(e), func(dst []byte) []byte { return p.id(h, v, dst) })
				if e.kind == kindEvent {
					l.deliveries++
				}
			}
		}
	}
	o.seq = h.seq + 1
	return true
}

// feed opens a feed of the entries to look at; whole is false where it has the first of them only.
func (o *own) feed(h *Hub, l *log, uid uint32, anyUser bool) (f feed, whole bool) {
	if len(o.kept) == 0 {
		return h.feed(l, uid, anyUser, o.seq), true
	}
	f = feed{log: l, ordinals: o.kept}
	o.kept = nil
	f.advance()
	return f, false
}

// keep remembers the first of what a feed has left. A user's chain is walked from its newest entry: walked anew by
// every pull, it would cost someone who missed many the square of what was missed.
func (o *own) keep(f *feed, whole bool) {
	if f.everyone {
		return
	}
	left := f.ordinals[:len(f.ordinals)+1] // with the one that f stands at
	if whole {                             // what was kept already is its own
		left = slices.Clone(left[max(0, len(left)-replayRun):])
	}
	o.kept = left
}

// take moves the position past an entry; it reports whether the subscriber is sent it.
func (o *own) take(l *log, ordinal uint64, e *entry, subject []byte) bool {
	if e.kind == kindJump {
		return o.jump(l, ordinal, e)
	}
	if e.next <= at(o.pos, int(e.partition)) {
		return false
	}
	o.pos = grow(o.pos, int(e.partition)+1)
	o.pos[e.partition] = e.next
	return len(subject) == 0 || string(l.about(e)) == string(subject)
}

// jump moves the position as a jump entry says; false if that doesn't concern it.
func (o *own) jump(l *log, ordinal uint64, e *entry) bool {
	b, _ := l.entry(ordinal)
	if e.partition == everyPartition || e.next < e.time {
		o.gen = ordinal / blockLen
	}
	if e.partition == everyPartition {
		if o.epoch == b.epoch {
			return false
		}
		o.epoch, o.pos = b.epoch, slices.Clone(b.base)
		return true
	}
	forward, pos := e.next > e.time, at(o.pos, int(e.partition))
	if o.epoch != b.epoch || forward && pos >= e.next || !forward && pos <= e.next {
		return false
	}
	o.pos = grow(o.pos, int(e.partition)+1)
	o.pos[e.partition] = e.next
	return true
}
