package stream

// Over returns how a subscription has ended, as Pull would: Closed, Ended or Dismissed. Drained: it
// goes on.
func (s Sub) Over() Pulled {
	if s.hub == nil {
		return Closed
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	switch slot := s.slot(); {
	case slot == nil || s.hub.closed:
		return Closed
	case slot.ended():
		return slot.end
	}
	return Drained
}
