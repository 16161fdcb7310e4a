package stream

import (
	"slices"
)

// End ends the subscription from outside. Its next Pull says Ended, and its waker is
// told. The carrier still calls Close. End may be called for one that is closed already.
func (s Sub) End() { s.endAs(Ended) }

// Dismiss is End by an operator: Pull says Dismissed. It is false for a subscription that
// is closed, or ended, already.
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

// EvictOldest ends the subscription of a user that was opened first. It leaves out those
// that have ended, and those whose key may says no to. The subscription's Pull says
// Evicted. false: there is none. may is called under the hub's lock, for at most
// maxEvictLook of the user's subscriptions.
func (h *Hub) EvictOldest(user string, may func(key uint64) bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	uid := h.users.find([]byte(user))
	if uid == 0 {
		return false
	}
	var oldest uint32
	looked := 0
	for id := h.users.slot(uid).subs; id != 0 && looked < maxEvictLook; looked++ { // the newest first
		s := h.subs.at(id)
		if !s.ended() && may(s.key(id)) {
			oldest = id
		}
		id = s.next
	}
	if oldest == 0 {
		return false
	}
	h.end(oldest, Evicted)
	return true
}

// maxEvictLook is how many subscriptions of a user are looked at for the oldest.
const maxEvictLook = 1 << 10

// ending is a user's subscriptions being ended.
type ending struct{ sub uint32 } // the next; 0: all have been

// EndUser ends all subscriptions of a user that are open when it is called, as [Sub.End]
// does. It returns how many there were. Others have the hub's lock between runs of them.
func (h *Hub) EndUser(user string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	uid := h.users.find([]byte(user))
	if uid == 0 {
		return 0
	}
	e := &ending{sub: h.users.slot(uid).subs}
	h.endings = append(h.endings, e)
	for e.sub != 0 {
		id := e.sub
		e.sub = h.subs.at(id).next
		h.end(id, Ended)
		if n++; n%wakeRun == 0 {
			h.mu.breathe()
		}
	}
	h.endings = slices.DeleteFunc(h.endings, func(other *ending) bool { return other == e })
	return n
}

func (h *Hub) end(id uint32, why Pulled) {
	h.subs.at(id).end = why
	h.wake(id, h.seq+1)
}

// Over returns how a subscription has ended, as Pull would: Closed, Ended or Dismissed.
// Drained: it goes on.
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
