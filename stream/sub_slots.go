package stream

import "slices"

// subs are the subscribers, in slots without pointers: 100,000 of them cost the garbage
// collector nothing. Slots stand in chunks, so that growing copies nothing while the
// hub's lock is held.
type subs struct {
	chunks [][]subSlot
	free   uint32 // first free slot, linked by next; 0 none
	open   int
}

const subChunk = 1 << 10

// subSlot is one subscriber: who, of which streams, and how far.
type subSlot struct {
	seq uint64 // see subState

	gen         uint32 // tells a slot's users apart
	uid         uint32 // 0: nobody in particular
	next        uint32 // of the same user's subscribers, or the next free slot
	prev        uint32
	memberIndex uint32 // in its view's members
	token       uint32
	view        uint32
	waker       WakerID

	live    bool
	hasOwn  bool // it has an ownPosition, in Hub.own
	indexed bool // it is in a subjectGroup, and the events of a stream for everyone wake it by that only
	anyUser bool // as Request has it
	woken   bool // its waker was told, it hasn't pulled since
	state   subState
	end     Pulled // Ended, Dismissed, Evicted or Widened; Drained: none of them
}

// subState is how far a subscriber is in memory. Whether Kafka is read for it besides,
// each of its streams knows: see ownStream.catchup.
type subState uint8

const (
	// idle: it has been sent all there is. It keeps no number in the log, so it costs
	// nothing per entry and can't fall off the log's end. The entry that wakes it becomes
	// its seq: see wake.
	idle subState = iota
	// following: all entries before its seq are done with.
	following
	// resuming: each of its streams goes on at a different entry (ownStream.seq).
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

// register makes a subscriber known to its view and its user. The slot's uid holds a
// reference already.
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

// unregister takes a subscriber out of everything. why is for the record of decisions.
func (h *Hub) unregister(id uint32, why string) {
	h.mu.did(1)
	s := h.subs.at(id)
	h.observer.closed(id, s, why)
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
	if s.hasOwn {
		h.passes.forgetMember(id)
		h.unindex(h.own[id])
		delete(h.own, id)
		delete(h.apart, id)
		delete(h.expecting, id)
	}
	h.subs.remove(id)
}

// view is a set of streams that subscribers read together.
type view struct {
	streams []int    // ascending
	mask    uint64   // the same as bits
	members []uint32 // subscribers, those first that each event for everyone wakes; each knows its index
	plain   int      // how many those are
	indexes []uint32 // of each stream, where the view is in Hub.viewsOf
	spare   bool     // it is in Hub.spareViews, having been without members
}

// viewOf returns the number of the view of these streams. Views without members are used
// again: which streams to read together is the callers' choice, and there are many ways
// to choose.
func (h *Hub) viewOf(streams []int) uint32 {
	mask := uint64(0)
	for _, s := range streams {
		mask |= 1 << s
	}
	if n, ok := h.viewByMask[mask]; ok {
		return n
	}
	n := h.spareView()
	v := h.views[n]
	*v = view{streams: slices.Clone(streams), mask: mask, indexes: make([]uint32, len(streams))}
	h.viewByMask[mask] = n
	for i, s := range streams {
		v.indexes[i] = uint32(len(h.viewsOf[s]))
		h.viewsOf[s] = append(h.viewsOf[s], n)
	}
	return n
}

// spareView returns a view without members that is in no list, an old one or a new one.
// While a waking walks through the lists, nothing is taken out of them.
func (h *Hub) spareView() uint32 {
	for len(h.spareViews) > 0 && len(h.wakings) == 0 {
		last := len(h.spareViews) - 1
		n := h.spareViews[last]
		h.spareViews = h.spareViews[:last]
		v := h.views[n]
		if v.spare = false; len(v.members) > 0 {
			continue
		}
		delete(h.viewByMask, v.mask)
		for i, s := range v.streams {
			of := h.viewsOf[s]
			moved := of[len(of)-1]
			of[v.indexes[i]] = moved
			m := h.views[moved]
			m.indexes[slices.Index(m.streams, s)] = v.indexes[i]
			h.viewsOf[s] = of[:len(of)-1]
		}
		return n
	}
	h.views = append(h.views, &view{})
	return uint32(len(h.views) - 1)
}

// enter adds a subscriber to its view.
func (h *Hub) enter(id uint32, s *subSlot) {
	v := h.views[s.view]
	v.members = append(v.members, id)
	h.swapMembers(v, v.plain, len(v.members)-1, id)
	v.plain++
	for _, i := range v.streams {
		h.readers[i]++
	}
}

// indexed moves a subscriber to those of its view that a stream's events don't wake.
func (h *Hub) indexed(id uint32, s *subSlot) {
	v := h.views[s.view]
	v.plain--
	h.swapMembers(v, v.plain, int(s.memberIndex), id)
}

// unindexed moves it back to those that they do.
func (h *Hub) unindexed(id uint32, s *subSlot) {
	v := h.views[s.view]
	h.swapMembers(v, v.plain, int(s.memberIndex), id)
	v.plain++
}

// swapMembers swaps two members of a view: the subscriber id at the index from, and the
// one at the index to.
func (h *Hub) swapMembers(v *view, to, from int, id uint32) {
	other := v.members[to]
	v.members[from], v.members[to] = other, id
	h.subs.at(other).memberIndex = uint32(from)
	h.subs.at(id).memberIndex = uint32(to)
	if other != id {
		h.moved(other)
	}
}

// exit takes a subscriber out of its view.
func (h *Hub) exit(id uint32, s *subSlot) {
	v := h.views[s.view]
	if int(s.memberIndex) < v.plain {
		v.plain--
		h.swapMembers(v, v.plain, int(s.memberIndex), id)
	}
	last := len(v.members) - 1
	h.swapMembers(v, last, int(s.memberIndex), id)
	v.members = v.members[:last]
	for _, i := range v.streams {
		h.readers[i]--
	}
	if last == 0 && !v.spare {
		v.spare = true
		h.spareViews = append(h.spareViews, s.view)
	}
}

// reading is how many subscriptions read a stream.
func (h *Hub) reading(stream int) int { return h.readers[stream] }
