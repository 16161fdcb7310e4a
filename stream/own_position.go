package stream

import (
	"slices"

	"sluice/stream/cursor"
)

// ownPosition is what a subscriber has that needs more than a number in the log. It
// resumes, is ahead of this gateway, or reads older than memory. Or it is filtered, has a
// note, or carries segments of streams it doesn't read. It has its own position in each
// stream.
type ownPosition struct {
	user    []byte
	filter  Filter
	anyUser bool           // with one subject: of every user
	mark    string         // the filter's, for ids
	carried string         // segments of other streams, see Hub.carry, and Request.Note
	absent  uint64         // streams that it waits for, see Widened
	streams []ownStream    // as the view's
	groups  []subjectIndex // of each subject of filter, where it is in the subject's group; nil: in none
}

// ownStream is one stream of a subscriber with an own position.
type ownStream struct {
	epoch   string
	pos     []int64
	seq     uint64         // the first entry to look at
	told    uint64         // the jumps back up to this entry have been told, or came before it
	catchup *catchupMember // not nil: older than memory, read from Kafka

	lineage *generation // of its positions

	// What the log can't tell, but the cursor said, or brokers did in a catch-up: the
	// leader epoch before a position, by partition. It counts as long as the position is
	// where it came. leaders is nil where there is none.
	leaders []int32
	came    []int64

	// Of a stream of several topics, what the cursor says of those that this gateway
	// doesn't have, or of which it doesn't have all partitions. Other gateways do. Ids
	// repeat it, and the subscriber goes on from there once this gateway has it too. By
	// key; nil: none.
	ahead []cursor.TopicPosition
}

// appendID appends the position reached.
func (p *ownPosition) appendID(h *Hub, slot *subSlot, dst []byte) []byte {
	v := h.views[slot.view]
	if slot.state == idle {
		p.catchHead(h, v)
	}
	return p.id(h, v, dst)
}

func (p *ownPosition) id(h *Hub, v *view, dst []byte) []byte {
	n := len(p.streams)
	segments := n
	if p.carried != "" {
		segments++
	}
	return cursor.Join(dst, segments, func(dst []byte, i int, packed bool) []byte {
		if i == n {
			return append(dst, p.carried...)
		}
		o := &p.streams[i]
		var scratch [64]int32
		l := h.logs[v.streams[i]]
		o.adopt(l)
		return l.appendSegment(dst, cursor.Segment{Stream: l.spec.Name, Epoch: o.epoch, Offsets: o.pos, Leaders: o.appendLeaders(scratch[:0], l), Filter: p.mark}, o.ahead, packed)
	})
}

// send adds a frame under the position reached.
func (p *ownPosition) send(h *Hub, v *view, b *Batch, frame []byte) {
	b.add(frame, func(dst []byte) []byte { return p.id(h, v, dst) })
}

// catchHead moves the positions to the head: everything up to there has been served.
func (p *ownPosition) catchHead(h *Hub, v *view) {
	for i := range p.streams {
		if o, l := &p.streams[i], h.logs[v.streams[i]]; o.catchup == nil && o.epoch == l.epoch {
			o.pos = raise(o.pos, l.head)
		}
	}
}

// reach moves the positions to where a follower is at the entry seq of a stream, which is
// being sent. All entries up to there that are for it have been sent before, or its
// position covered them. So all subscribers at one position have one id, wherever they
// came from.
func (p *ownPosition) reach(h *Hub, v *view, of *ownStream, seq uint64) {
	for i := range p.streams {
		o, l := &p.streams[i], h.logs[v.streams[i]]
		if o.catchup != nil || o != of && o.seq > seq { // it begins elsewhere: what lies between isn't known to be covered
			continue
		}
		if pos, known := l.position(o.epoch, seq); known {
			o.pos = raise(o.pos, pos)
		}
	}
}

// pull serves it.
func (p *ownPosition) pull(h *Hub, id uint32, slot *subSlot, b *Batch, maxBytes int) Pulled {
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
		o.adopt(l)
		p.part(h, v, id, i, b)
		if o.catchup != nil {
			switch p.serveCatchup(h, v, id, i, b, maxBytes) {
			case More:
				return More
			case Unavailable: // what memory has of the others is served first
				end = Unavailable
			}
		}
		if o.catchup == nil && l.evicted >= o.seq {
			if o.epoch != l.epoch {
				p.recreated(h, v, id, i, b)
			} else {
				p.rejoin(h, v, i, b)
				p.locate(h, v, id, i)
			}
		}
	}
	if end == Drained && slices.ContainsFunc(p.streams, func(o ownStream) bool { return o.catchup.ready() }) {
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
		delete(h.own, id)
		delete(h.apart, id)
		slot.hasOwn = false
	}
	return Drained
}

// follows reports whether a number is enough from here on.
func (p *ownPosition) follows(h *Hub, v *view) bool {
	if p.mark != "" || p.carried != "" || p.absent != 0 {
		return false
	}
	for i := range p.streams {
		o, l := &p.streams[i], h.logs[v.streams[i]]
		if o.catchup != nil || o.ahead != nil || o.epoch != l.epoch || !slices.Equal(o.pos, l.head) || o.tellsMore(l) {
			return false
		}
	}
	return true
}

// replayRun is how many entries one pull looks at, lest it hold the lock for long where a
// filter or the position leaves nearly nothing of them.
const replayRun = 4096

// ownScan is a stream of a subscriber with an own position that memory serves.
type ownScan struct {
	logScan
	own *ownStream
}

// replay serves the streams that memory serves, in the order of their entries; false:
// there is more to look at.
func (p *ownPosition) replay(h *Hub, v *view, uid uint32, b *Batch, maxBytes int) bool {
	h.scratch.ownScans = h.scratch.ownScans[:0]
	for i := range p.streams {
		if o := &p.streams[i]; o.catchup == nil {
			h.scratch.ownScans = append(h.scratch.ownScans, ownScan{h.scan(h.logs[v.streams[i]], uid, p.anyUser, o.seq, scanShare(len(p.streams))), o})
		}
	}
	readings := h.scratch.ownScans
	for {
		r := earliest(readings)
		if r == nil {
			break
		}
		if b.Bytes >= maxBytes || r.tired {
			return stop(h, readings)
		}
		e, o := r.entry, r.own
		o.seq = e.seq + 1
		if o.take(r.log, r.at, e, &p.filter) {
			p.reach(h, v, o, e.seq)
			p.send(h, v, b, r.log.frame(e))
			if e.kind == kindEvent {
				h.hand(r.log, e.partition, e.next, b)
			}
		}
		r.advance()
		if e.kind == kindJump && o.leaders != nil { // what comes next may have parted from it: see part
			return stop(h, readings)
		}
	}
	for _, r := range readings {
		r.own.seq = h.seq + 1
	}
	return true
}

// earliest returns the reading with the oldest entry, nil if there is none.
func earliest(readings []ownScan) *ownScan {
	var first *ownScan
	for i := range readings {
		if r := &readings[i]; r.entry != nil && (first == nil || r.entry.seq < first.entry.seq) {
			first = r
		}
	}
	return first
}

// stop has the next pull go on from here; false, as there may be more.
func stop(h *Hub, readings []ownScan) bool {
	for _, r := range readings {
		r.own.seq = h.seq + 1
		if r.entry != nil {
			r.own.seq = r.entry.seq
		}
	}
	return false
}

// take moves the position past an entry; it reports whether the subscriber is sent it.
func (o *ownStream) take(l *log, where ordinal, e *entry, filter *Filter) bool {
	if e.kind == kindJump {
		return o.jump(l, where, e)
	}
	if e.next <= at(o.pos, int(e.partition)) {
		return false
	}
	mine := filter.leavesEntry(l, e)
	if mine || e.half != firstHalf { // else the second of its record may be
		o.pos = grow(o.pos, int(e.partition)+1)
		o.pos[e.partition] = e.next
	}
	return mine
}

// jump moves the position as a jump entry says; false if that doesn't concern it.
func (o *ownStream) jump(l *log, where ordinal, e *entry) bool {
	b, _ := l.entry(where)
	if e.partition == everyPartition {
		if o.epoch == b.epoch {
			return false
		}
		o.epoch, o.pos, o.lineage, o.told, o.leaders = b.epoch, slices.Clone(b.base), b.lineage, e.seq, nil
		return true
	}
	if o.epoch != b.epoch {
		return false
	}
	if e.next <= e.time {
		if e.seq <= o.told {
			return false
		}
		o.lineage = b.lineage
		return o.goBack(l.jumpAt(e))
	}
	if e.next == Gone {
		return o.leave(l, e.partition)
	}
	if at(o.pos, int(e.partition)) >= e.next {
		return false
	}
	o.pos = grow(o.pos, int(e.partition)+1)
	o.pos[e.partition] = e.next
	return true
}
