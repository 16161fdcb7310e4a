package stream

// subs are the subscribers, in slots without pointers: 100,000 of them cost the garbage collector nothing.
// Slots stand in chunks, so that growing copies nothing while the hub's lock is held.
type subs struct {
	chunks [][]subSlot
	free   uint32 // first free slot, linked by next; 0 none
	open   int
}

const subChunk = 1 << 10

// subSlot is one subscriber: who, of which streams, and how far.
type subSlot struct {
	seq uint64 // see subState

	gen   uint32 // tells a slot's users apart
	uid   uint32 // 0: nobody in particular
	next  uint32 // of the same user's subscribers, or the next free slot
	prev  uint32
	place uint32 // in its view's members
	token uint32
	view  uint32
	waker WakerID

	live    bool
	private bool // it has positions of its own, in Hub.private
	indexed bool // it is in a subjectGroup, and the events of a stream for everyone wake it by that only
	anyUser bool // as Request has it
	woken   bool // its waker was told, it hasn't pulled since
	state   subState
	end     Pulled // Ended, Dismissed or Widened; Drained: neither
}

// subState is how far a subscriber is in memory. What Kafka is read for besides, each stream of
// its own knows: see own.cold.
type subState uint8

const (
	// idle: it has been sent all there is. It has no place in the log, so it costs nothing per
	// entry and can't fall off the log's end. The entry that wakes it becomes its seq: see wake.
	idle subState = iota
	// following: all entries before its seq are done with.
	following
	// resuming: each of its streams goes on at an entry of its own (own.seq).
	resuming
)

// key is Sub.Key.
func (s *subSlot) key(id uint32) uint64 { return uint64(s.gen)<<32 | uint64(id) }

func (s *subSlot) ended() bool { return s.end != Drained }

func (s *subs) at(id uint32) *subSlot { return &s.chunks[id/subChunk][id%subChunk] }

// add returns a free slot's number. Slot 0 is no subscriber.
func (s *subs) add() uint32 {
	if s.free == 0 {
		n := uint32(len(s.chunks) * subChunk)
		chunk := make([]subSlot, subChunk)
		s.chunks = append(s.chunks, chunk)
		for i := subChunk - 1; i >= 0; i-- {
			if id := n + uint32(i); id != 0 {
				chunk[i].next = s.free
				s.free = id
			}
		}
	}
	id := s.free
	slot := s.at(id)
	s.free = slot.next
	*slot = subSlot{gen: slot.gen + 1, live: true}
	s.open++
	return id
}

func (s *subs) remove(id uint32) {
	slot := s.at(id)
	*slot = subSlot{gen: slot.gen, next: s.free}
	s.free = id
	s.open--
}

// Subscribers is how many subscriptions are open.
func (h *Hub) Subscribers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.subs.open
}

// register makes a subscriber known to its view and its user. The slot's uid holds a reference already.
func (h *Hub) register(id uint32) {
	s := h.subs.at(id)
	h.enter(id, s)
	if s.uid == 0 {
		return
	}
	u := h.users.slot(s.uid)
	if s.next = u.subs; s.next != 0 {
		h.subs.at(s.next).prev = id
	}
	u.subs = id
}

// unregister takes a subscriber out of everything.
func (h *Hub) unregister(id uint32) {
	h.mu.did(1)
	s := h.subs.at(id)
	if h.decisions != nil {
		h.decisions.leave(h, id, s)
	}
	h.exit(id, s)
	if s.uid != 0 {
		h.passed(id, s.next)
		if s.prev != 0 {
			h.subs.at(s.prev).next = s.next
		} else {
			h.users.slot(s.uid).subs = s.next
		}
		if s.next != 0 {
			h.subs.at(s.next).prev = s.prev
		}
		h.users.release(s.uid)
	}
	if s.private {
		h.passes.leave(id)
		h.unindex(h.private[id])
		delete(h.private, id)
		delete(h.apart, id)
		delete(h.expecting, id)
	}
	h.subs.remove(id)
}
