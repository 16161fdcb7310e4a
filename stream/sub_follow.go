package stream

import (
	"cmp"
	"slices"
)

// pull serves a subscriber that follows.
func (h *Hub) pull(s *subSlot, b *Batch, maxBytes int) Pulled {
	if s.state == idle {
		return Drained
	}
	if h.lagged(s) {
		return Lagged
	}
	v := h.views[s.view]
	feeds := h.scans(v, s.uid, false, func(int) uint64 { return s.seq })
	if f := oldestScan(feeds); f != nil && !f.tired && h.late(f.entry) {
		return Lagged
	}
	for f := oldestScan(feeds); f != nil; f = oldestScan(feeds) {
		e := f.entry
		if b.Bytes >= maxBytes || f.tired {
			s.seq = e.begins()
			return More
		}
		b.add(f.log.frame(e), func(dst []byte) []byte { return h.appendIDAt(dst, v, f) })
		if e.kind == kindEvent {
			h.hand(f.log, e.partition, e.next, b)
		}
		f.advance()
	}
	s.seq, s.state = h.seq+1, idle
	return Drained
}

// hand notes that the subscription that pulls is handed the event that has just been
// added to its batch.
func (h *Hub) hand(l *log, partition int32, next int64, b *Batch) {
	b.came(l.stream)
	l.deliveries++
	h.observer.handed(spot{l.stream, partition, next - 1}, h.scratch.puller)
}

// lagged reports whether entries that a follower has not looked at are gone. It may not
// have been meant by any of them; that is no longer known.
func (h *Hub) lagged(s *subSlot) bool {
	return slices.ContainsFunc(h.views[s.view].streams, func(i int) bool { return h.logs[i].evicted >= s.seq })
}

// late reports whether the oldest entry that a follower has not been sent waits longer
// than [Config.MaxLag].
func (h *Hub) late(e *entry) bool {
	return h.maxLag > 0 && e.read < h.now()-h.maxLag.Milliseconds()
}

// Skip moves a subscriber for which Pull said Lagged to live. It appends the resets that
// say which events it is not sent, the last of them with the id to go on from. It returns
// them too. It is false where there is nothing to skip, for a subscription that is closed
// for instance.
func (s Sub) Skip(b *Batch) ([]Reset, bool) {
	if s.hub == nil {
		return nil, false
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := s.slot()
	if slot == nil || h.closed || slot.hasOwn {
		return nil, false
	}
	if h.rouse(s.id, slot); slot.state == idle {
		return nil, false
	}
	v := h.views[slot.view]
	var resets []Reset
	for _, i := range v.streams {
		l := h.logs[i]
		back, moved, gone := l.missed(slot.seq - 1)
		resets = append(resets, said(
			Reset{Reason: ReasonTruncated, Stream: l.spec.Name, Partitions: back},
			Reset{Reason: ReasonRecreated, Stream: l.spec.Name, Partitions: gone},
			Reset{Reason: ReasonLagged, Stream: l.spec.Name, Partitions: moved})...)
	}
	for i, r := range resets {
		if i == len(resets)-1 { // the others without, so that a client that is cut off here misses none
			b.Compose(func(dst []byte) []byte { return append(h.appendID(append(dst, "id: "...), v, h.seq), '\n') })
		}
		b.Append(h.resetBody(r))
	}
	h.observer.skipped(s.Key(), slot.seq, h.seq)
	slot.seq, slot.state, slot.woken = h.seq+1, idle, false
	return resets, true
}

// missed is what lies between the position after all entries with a seq up to this one
// and the head. back is what the topic lost before that position, moved what follows, and
// gone what was of topics that were deleted, of several.
func (l *log) missed(seq uint64) (back, moved, gone []Moved) {
	if seq >= l.newest {
		return nil, nil, nil
	}
	pos, known := l.position(l.epoch, seq)
	from := slices.Clone(pos)
	for _, j := range l.backAfter(seq) {
		switch p := int(j.partition); {
		case !known:
			back = append(back, Moved{Partition: j.partition, From: Unknown, To: j.to})
		case at(from, p) > j.to:
			back = append(back, Moved{Partition: j.partition, From: from[p], To: j.to})
			from[p] = j.to
		}
	}
	back = lowest(back)
	for p, to := range l.head {
		switch {
		case to == Gone:
			if !known {
				gone = append(gone, Moved{Partition: int32(p), From: Unknown, To: to})
			} else if at(from, p) != Gone {
				gone = append(gone, Moved{Partition: int32(p), From: at(from, p), To: to})
			}
		case !known:
			moved = append(moved, Moved{Partition: int32(p), From: Unknown, To: to})
		case at(from, p) != to:
			moved = append(moved, Moved{Partition: int32(p), From: at(from, p), To: to})
		}
	}
	return back, moved, gone
}

// lowest has each partition once, ascending, from where it was first to the lowest that
// it went to.
func lowest(moved []Moved) []Moved {
	slices.SortStableFunc(moved, func(a, b Moved) int { return cmp.Compare(a.Partition, b.Partition) })
	once := moved[:0]
	for _, m := range moved {
		if n := len(once); n > 0 && once[n-1].Partition == m.Partition {
			once[n-1].To = min(once[n-1].To, m.To)
			continue
		}
		once = append(once, m)
	}
	return once
}
