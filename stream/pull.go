package stream

import (
	"slices"
	"sort"
)

// scratch is what a pull needs for a moment. It belongs to the hub, under its lock.
type scratch struct {
	feeds    []feed
	readings []reading
	puller   uint64 // the key of the subscription that is pulled
}

// feed gives the entries of one log that are for one subscriber, oldest first.
type feed struct {
	hub   *Hub
	log   *log
	left  int     // how many entries it may look at
	tired bool    // it has looked at as many: entry is where the next pull goes on, and may be nobody's
	uid   uint32  // whose entries; 0 and not all: only jumps
	all   bool    // everybody's
	ahead ordinal // the user's next entry, noOrdinal: none; for all, the next entry to look at
	jump  int     // of the log's jumps, the next
	entry *entry  // the next; nil: no more
	at    ordinal // of it
}

// feed opens a feed of l from seq on: of a user's entries, or of all.
func (h *Hub) feed(l *log, uid uint32, all bool, seq uint64, look int) feed {
	f := feed{hub: h, log: l, uid: uid, all: all || l.spec.Audience == AudienceEveryone, left: look, ahead: noOrdinal}
	switch {
	case seq > l.newest:
		return f
	case f.all:
		f.ahead = l.from(seq)
	default:
		f.jump = l.jumpFrom(seq)
		own, known, looked := l.firstOf(uid, seq, look)
		h.mu.did(looked)
		if !known { // a hot user's, and far behind
			f.tired, f.at = true, own
			_, f.entry = l.entry(own)
			if f.jump < len(l.jumps) && l.jumps[f.jump] < f.at {
				f.at = l.jumps[f.jump]
				_, f.entry = l.entry(f.at)
			}
			return f
		}
		f.ahead = own
	}
	f.advance()
	return f
}

// jumpFrom returns the first of the log's jumps with at least this seq.
func (l *log) jumpFrom(seq uint64) int {
	return sort.Search(len(l.jumps), func(i int) bool {
		_, e := l.entry(l.jumps[i])
		return e.seq >= seq
	})
}

// lookOf is how many entries each of n feeds may look at in one hold of the lock.
func lookOf(n int) int { return max(64, replayRun/max(1, n)) }

func (f *feed) advance() {
	f.entry = nil
	if !f.all {
		f.look()
		jumps := f.log.jumps[f.jump:]
		switch {
		case len(jumps) > 0 && jumps[0] < f.ahead:
			f.at = jumps[0]
			f.jump++
		case f.ahead != noOrdinal:
			f.at = f.ahead
			f.ahead = f.log.nextOf(f.uid, f.at)
		default:
			return
		}
		_, f.entry = f.log.entry(f.at)
		return
	}
	for {
		var e *entry
		f.at, e = f.log.seek(f.ahead)
		if e == nil {
			return
		}
		f.ahead = f.at.next()
		if f.look(); e.kind != kindAdvance || f.tired {
			f.entry = e
			return
		}
	}
}

// look counts an entry that it looks at.
func (f *feed) look() {
	f.left--
	f.tired = f.left < 0
	f.hub.mu.did(1)
}

// feeds opens the feeds of a view. They are the hub's until the next call.
func (h *Hub) feeds(v *view, uid uint32, all bool, seq func(i int) uint64) []feed {
	h.scratch.feeds = h.scratch.feeds[:0]
	for i, stream := range v.streams {
		h.scratch.feeds = append(h.scratch.feeds, h.feed(h.logs[stream], uid, all, seq(i), lookOf(len(v.streams))))
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
	if s.state == idle {
		return Drained
	}
	if h.lagged(s) {
		return Lagged
	}
	v := h.views[s.view]
	feeds := h.feeds(v, s.uid, false, func(int) uint64 { return s.seq })
	if f := oldest(feeds); f != nil && !f.tired && h.late(f.entry) {
		return Lagged
	}
	for f := oldest(feeds); f != nil; f = oldest(feeds) {
		e := f.entry
		if b.Bytes >= maxBytes || f.tired {
			s.seq = e.seq
			return More
		}
		b.add(f.log.frame(e), func(dst []byte) []byte { return h.appendIDAt(dst, v, f) })
		if e.kind == kindEvent {
			h.hand(f.log, e.partition, e.next)
		}
		f.advance()
	}
	s.seq, s.state = h.seq+1, idle
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
