package stream

// End ends the subscription from outside: its next Pull says Ended, and its waker is told. Close is still to follow. It may be
// called for one that is closed already.
func (s Sub) End() { s.endAs(Ended) }

// Dismiss is End by an operator: Pull says Dismissed. It is false for a subscription that is closed, or ended, already.
func (s Sub) Dismiss() bool { return s.endAs(Dismissed) }

func (s Sub) endAs(why Pulled) bool {
	if s.hub == nil {
		return false
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	slot := s.slot()
	if slot == nil || slot.ended() {
		return false
	}
	s.hub.end(s.id, why)
	return true
}

// EndUser ends all subscriptions of a user, as [Sub.End] does, and returns how many there were.
func (h *Hub) EndUser(user string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	uid := h.users.find([]byte(user))
	if uid == 0 {
		return 0
	}
	n := 0
	for id := h.users.slots[uid].subs; id != 0; id = h.subs.at(id).next {
		h.end(id, Ended)
		n++
	}
	return n
}

func (h *Hub) end(id uint32, why Pulled) {
	h.subs.at(id).end = why
	h.wake(id, h.seq+1)
}
