package stream

import "errors"

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
		case o.cold.failed():
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

// failed reports whether all that was found has been taken, and Kafka didn't answer for the rest.
func (c *cold) failed() bool {
	la := c.lane
	if la == nil || la.gone || la.ends != nil || !la.pass.failed() || c.next < len(la.events) {
		return false
	}
	var gone *GoneError
	return !errors.As(la.pass.err, &gone)
}

// pending reports whether nothing has been read for a subscriber whose position is pos. It is told
// when that changes.
func (c *cold) pending(pos []int64) bool {
	if c.lane == nil {
		return true
	}
	if !c.lane.open() || !covers(pos, c.lane.reached()) {
		return false
	}
	c.lane.wait(c)
	return true
}
