package stream

// CatchupProgress says how far the reading of what is older than memory is, for one
// subscription.
type CatchupProgress uint8

const (
	// CatchupNone: no stream of the subscription is older than memory.
	CatchupNone CatchupProgress = iota
	// CatchupPending: for one of its streams nothing has been read yet. The waker is told when
	// that changes.
	CatchupPending
	// CatchupMoved: each of its older streams has something for the next Pull: events, or a
	// position further on.
	CatchupMoved
	// CatchupFailed: Kafka didn't answer for one of them.
	CatchupFailed
)

// CatchupProgress reports how far the subscription's catch-up is since the last Pull. Pull can't
// tell it: that is Drained too while there is nothing yet. Those who have to answer once (a
// poll), instead of going on for ever, wait by it.
func (s Sub) CatchupProgress() CatchupProgress {
	if s.hub == nil {
		return CatchupNone
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := s.slot()
	if slot == nil || h.closed || slot.ended() || !slot.private {
		return CatchupNone
	}
	progress := CatchupNone
	for i := range h.private[s.id].streams {
		o, l := &h.private[s.id].streams[i], h.logs[h.views[slot.view].streams[i]]
		if o.cold == nil {
			continue
		}
		switch {
		case o.cold.state == coldFailed && len(o.cold.found) == 0:
			return CatchupFailed
		case o.epoch == l.epoch && o.cold.pending(o.pos):
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

// pending reports whether nothing has been read for a subscriber whose position is pos.
func (c *cold) pending(pos []int64) bool {
	return c.state == coldWaiting && len(c.found) == 0 && covers(pos, c.reached())
}
