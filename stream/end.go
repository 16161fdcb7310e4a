package stream

// End ends the subscription from outside: its next Pull says Ended, and its waker is told. Close is still to follow. It may be
// called for one that is closed already.
func (s Sub) End() {
	if s.hub == nil {
		return
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.slot() != nil {
		s.hub.end(s.id)
	}
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
		h.end(id)
		n++
	}
	return n
}

func (h *Hub) end(id uint32) {
	h.subs.at(id).ended = true
	h.wake(id, h.seq+1)
}
