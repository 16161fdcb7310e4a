package stream

import (
	"slices"

	"sluice/stream/cursor"
)

// SetFilter has the subscription go on under another filter, from the position that it
// returns. Everything before it that the old filter leaves has been pulled, and nothing
// after it. What comes after it is by the new filter. The subscription counts as woken:
// pull it.
//
// ok is false where that is not possible now: pull first, and try again. It stays false
// for a subscription that has ended.
func (s Sub) SetFilter(f Filter) (id string, ok bool) {
	if s.hub == nil {
		return "", false
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := s.slot()
	if slot == nil || h.closed || slot.ended() || h.views[slot.view].mask&h.withdrawn != 0 {
		return "", false
	}
	if h.rouse(s.id, slot); !slot.hasOwn && !h.leaveFollowers(s.id, slot) {
		return "", false
	}
	p, v := h.own[s.id], h.views[slot.view]
	if p.anyUser && f.single() == "" {
		return "", false
	}
	p.settle(h, slot)
	h.unindex(p)
	if slot.indexed {
		slot.indexed, slot.anyUser = false, false
		h.unindexed(s.id, slot)
	}
	was := p.mark
	p.filter, p.mark = f, f.mark(p.anyUser)
	p.remark(h, v, was)
	h.index(s.id, slot, p)
	for i := range p.streams {
		p.streams[i].refilter(h)
	}
	slot.woken = true
	h.observer.refiltered(s.Key(), h.seq, f)
	return string(p.appendID(h, slot, nil)), true
}

// settle moves the positions past all that is known not to be for the subscriber. What it
// has not looked at yet may be for it under another filter.
func (p *ownPosition) settle(h *Hub, slot *subSlot) {
	next := slot.seq // the entry that woke it is the first that is for it
	if slot.state == idle {
		next = h.seq + 1
	}
	for i := range p.streams {
		o, l := &p.streams[i], h.logs[h.views[slot.view].streams[i]]
		if slot.state != resuming {
			o.seq = next
		}
		if _, e := l.seek(l.from(o.seq)); e != nil && e.seq == o.seq {
			o.seq = e.begins() // the other half of its record may have been nothing for it
		}
		if o.catchup != nil || o.seq == 0 {
			continue
		}
		// Of a topic that has been deleted meanwhile too: it is told of that further on.
		if pos, known := l.position(o.epoch, o.seq-1); known {
			o.pos = raise(o.pos, pos)
		}
	}
	slot.state = resuming
}

// leaveFollowers gives a follower an own position, where it is; false: that is not known,
// or there is something to be told first.
func (h *Hub) leaveFollowers(id uint32, s *subSlot) bool {
	switch {
	case s.state == idle:
		s.state, s.seq = following, h.seq+1
	case h.lagged(s):
		return h.overtake(id, s)
	}
	return h.resumeAlone(id, s)
}

// remark has the positions of streams that aren't read hold for the new filter as well.
// So a connection that reads them goes on there.
func (p *ownPosition) remark(h *Hub, v *view, was string) {
	carried, notes := cursor.SplitNotes(p.carried)
	segments, err := cursor.Read(h.ids, carried)
	if err != nil { // there are none
		return
	}
	for i := range segments {
		if s := &segments[i]; !s.IsLost() && s.Filter == was {
			s.Filter = p.mark
		}
	}
	widths := make(map[string]cursor.Width, len(p.streams))
	for i := range p.streams {
		l := h.logs[v.streams[i]]
		widths[l.spec.Name] = l.layout.width(l.extend(p.streams[i].pos, len(l.head)), p.streams[i].ahead)
	}
	h.mu.did(len(p.carried) / 16)
	p.carried = h.carry(segments, len(p.streams), h.ids.MaxLen(widths))
	for _, note := range slices.Backward(notes) {
		p.carried = cursor.AddNote(p.carried, note)
	}
}

// refilter has a stream served under a filter that has just changed. Its lane may be of
// the old filter: the next pull finds another.
func (o *ownStream) refilter(h *Hub) {
	if o.catchup != nil {
		o.catchup.close(&h.passes)
		o.catchup, o.seq = nil, 0
	}
}
