package stream

import "slices"

// scratch is what a pull needs for a moment. It belongs to the hub, under its lock.
type scratch struct {
	feeds    []feed
	readings []reading
	ordinals []uint64
	puller   uint64 // the key of the subscription that is pulled
}

// feed gives the entries of one log that are for one subscriber, oldest first.
type feed struct {
	log      *log
	everyone bool
	ordinals []uint64 // of a user's entries, newest first, taken from the end
	ordinal  uint64   // for everyone: the next
	entry    *entry   // the next; nil: no more
	at       uint64   // its ordinal
}

// feed opens a feed of l from seq on: of a user's entries, or of all.
func (h *Hub) feed(l *log, uid uint32, all bool, seq uint64) feed {
	f := feed{log: l}
	switch {
	case seq > l.newest:
		return f
	case all, l.spec.Audience == AudienceEveryone:
		f.everyone = true
		f.ordinal = l.from(seq)
	default:
		start := len(h.scratch.ordinals)
		if uid != 0 {
			h.scratch.ordinals = l.chain(h.scratch.ordinals, uid, seq)
		}
		h.scratch.ordinals = withJumps(l, h.scratch.ordinals, start, seq)
		f.ordinals = h.scratch.ordinals[start:]
	}
	f.advance()
	return f
}

// withJumps adds the jumps from seq on to a chain, which is newest first.
func withJumps(l *log, ordinals []uint64, start int, seq uint64) []uint64 {
	added := false
	for _, j := range slices.Backward(l.jumps) {
		if _, e := l.entry(j); e == nil || e.seq < seq {
			break
		}
		ordinals, added = append(ordinals, j), true
	}
	if added {
		slices.SortFunc(ordinals[start:], func(a, b uint64) int { return int(int64(b - a)) })
	}
	return ordinals
}

func (f *feed) advance() {
	f.entry = nil
	if !f.everyone {
		if n := len(f.ordinals); n > 0 {
			f.at = f.ordinals[n-1]
			_, f.entry = f.log.entry(f.at)
			f.ordinals = f.ordinals[:n-1]
		}
		return
	}
	for {
		var e *entry
		f.at, e = f.log.seek(f.ordinal)
		if e == nil {
			return
		}
		f.ordinal = f.at + 1
		if e.kind != kindAdvance {
			f.entry = e
			return
		}
	}
}

// feeds opens the feeds of a view. They are the hub's until the next call.
func (h *Hub) feeds(v *view, uid uint32, all bool, seq func(i int) uint64) []feed {
	h.scratch.feeds, h.scratch.ordinals = h.scratch.feeds[:0], h.scratch.ordinals[:0]
	for i, stream := range v.streams {
		h.scratch.feeds = append(h.scratch.feeds, h.feed(h.logs[stream], uid, all, seq(i)))
	}
	return h.scratch.feeds
}

// oldest returns the feed with the oldest entry, nil if all are empty.
func oldest(feeds []feed) *feed {
	var first *feed
	for i := range feeds {
		if f := &feeds[i]; f.entry != nil && (first == nil || f.entry.seq < first.entry.seq) {
			first = f
		}
	}
	return first
}

// pull serves a subscriber that follows.
func (h *Hub) pull(s *subSlot, b *Batch, maxBytes int) Pulled {
	if s.drained {
		return Drained
	}
	if h.lagged(s) {
		return Lagged
	}
	v := &h.views[s.view]
	feeds := h.feeds(v, s.uid, false, func(int) uint64 { return s.seq })
	if f := oldest(feeds); f != nil && h.late(f.entry) {
		return Lagged
	}
	for f := oldest(feeds); f != nil; f = oldest(feeds) {
		e := f.entry
		if b.Bytes >= maxBytes {
			s.seq = e.seq
			return More
		}
		b.add(f.log.frame(e), func(dst []byte) []byte { return h.appendIDAt(dst, v, f) })
		if e.kind == kindEvent {
			h.hand(f.log, e.partition, e.next)
		}
		f.advance()
	}
	s.seq, s.drained = h.seq+1, true
	return Drained
}

// hand notes that the subscription that pulls is handed an event.
func (h *Hub) hand(l *log, partition int32, next int64) {
	l.deliveries++
	if h.decisions != nil {
		h.decisions.handed(spot{l.stream, partition, next - 1}, h.scratch.puller, h.now())
	}
}

// lagged reports whether entries that a follower has not looked at are gone. It may not have been
// meant by any of them; that is no longer known.
func (h *Hub) lagged(s *subSlot) bool {
	return slices.ContainsFunc(h.views[s.view].streams, func(i int) bool { return h.logs[i].evicted >= s.seq })
}

// frame returns an entry's frame, without the id.
func (l *log) frame(e *entry) []byte {
	body := l.bodies.bytes(e.body)
	return body[: len(body)-int(e.subject) : len(body)-int(e.subject)]
}

// about returns an entry's subject.
func (l *log) about(e *entry) []byte {
	body := l.bodies.bytes(e.body)
	return body[len(body)-int(e.subject):]
}
