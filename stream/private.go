package stream

import (
	"slices"

	"sluice/stream/cursor"
)

// private is a subscriber on its own: it resumes, is ahead of this gateway, reads older than
// memory, is filtered, has a note, or carries segments of streams it doesn't read. It has its own
// position in each stream.
type private struct {
	user    []byte
	subject []byte        // filter; empty: none
	anyUser bool          // with subject: of every user
	mark    string        // the filter's, for ids
	carried string        // segments of other streams, see Hub.carry, and Request.Note
	absent  uint64        // streams that it waits for, see Widened
	streams []own         // as the view's
	group   *subjectGroup // that it is in; nil: none
	place   int           // in the group
}

// own is one stream of a private subscriber.
type own struct {
	epoch string
	pos   []int64
	seq   uint64 // the first entry to look at
	seen  uint64 // the jumps back up to this entry have been told, or came before it
	cold  *cold  // not nil: older than memory, read from Kafka

	lineage *generation // of its positions

	// What the cursor said that the log can't tell: the leader epoch before a position, by
	// partition, as long as the position is where it came. leaders is nil where there is none.
	leaders []int32
	came    []int64
}

// appendID appends the position reached.
func (p *private) appendID(h *Hub, slot *subSlot, dst []byte) []byte {
	v := h.views[slot.view]
	if slot.state == idle {
		p.catchHead(h, v)
	}
	return p.id(h, v, dst)
}

func (p *private) id(h *Hub, v *view, dst []byte) []byte {
	n := len(p.streams)
	segments := n
	if p.carried != "" {
		segments++
	}
	return cursor.Join(h.ids, dst, segments, func(dst []byte, i int, packed bool) []byte {
		if i == n {
			return append(dst, p.carried...)
		}
		o := &p.streams[i]
		var scratch [64]int32
		l := h.logs[v.streams[i]]
		return h.ids.Append(dst, cursor.Segment{Stream: l.spec.Name, Epoch: o.epoch, Offsets: o.pos, Leaders: o.appendLeaders(scratch[:0], l), Filter: p.mark}, packed)
	})
}

// catchHead moves the positions to the head: everything up to there has been served.
func (p *private) catchHead(h *Hub, v *view) {
	for i := range p.streams {
		if o, l := &p.streams[i], h.logs[v.streams[i]]; o.cold == nil && o.epoch == l.epoch {
			o.pos = raise(o.pos, l.head)
		}
	}
}

// reach moves the positions to where one who follows stands at the entry seq of a stream, which is being sent. All entries up to
// there that are for it have been sent before, or its position covered them. So all who are at one place have one id, wherever they came from.
func (p *private) reach(h *Hub, v *view, of *own, seq uint64) {
	for i := range p.streams {
		o, l := &p.streams[i], h.logs[v.streams[i]]
		if o.cold != nil || o != of && o.seq > seq { // it begins elsewhere: what lies between isn't known to be covered
			continue
		}
		if pos, known := l.position(seq); known && o.epoch == l.epoch {
			o.pos = raise(o.pos, pos)
		}
	}
}

// pull serves it.
func (p *private) pull(h *Hub, id uint32, slot *subSlot, b *Batch, maxBytes int) Pulled {
	v := h.views[slot.view]
	if slot.state != resuming {
		next := slot.seq
		if slot.state == idle { // nothing came for it since
			next = h.seq + 1
		}
		for i := range p.streams {
			p.streams[i].seq = next
		}
		slot.state = resuming
	}
	end := Drained
	for i := range p.streams {
		o, l := &p.streams[i], h.logs[v.streams[i]]
		p.part(h, v, id, i, b)
		if o.cold != nil {
			switch p.thaw(h, v, id, i, b, maxBytes) {
			case More:
				return More
			case Unavailable: // what memory has of the others is served first
				end = Unavailable
			}
		}
		if o.cold == nil && l.evicted >= o.seq {
			if o.epoch != l.epoch {
				p.recreated(h, v, id, i, b)
			} else {
				p.rejoin(h, v, i, b)
				p.settle(h, v, id, i)
			}
		}
	}
	if end == Drained && slices.ContainsFunc(p.streams, func(o own) bool { return o.cold.ready() }) {
		end = More
	}
	if !p.replay(h, v, slot.uid, b, maxBytes) {
		end = More
	}
	if end != Drained {
		return end
	}
	p.catchHead(h, v)
	slot.seq, slot.state = h.seq+1, idle
	if p.follows(h, v) {
		delete(h.private, id)
		delete(h.apart, id)
		slot.private = false
	}
	return Drained
}

// follows reports whether a number is enough from here on.
func (p *private) follows(h *Hub, v *view) bool {
	if p.mark != "" || p.carried != "" || p.absent != 0 {
		return false
	}
	for i := range p.streams {
		o, l := &p.streams[i], h.logs[v.streams[i]]
		if o.cold != nil || o.epoch != l.epoch || !slices.Equal(o.pos, l.head) {
			return false
		}
	}
	return true
}
