package stream

import "slices"

// view is a set of streams that subscribers read together.
type view struct {
	streams []int    // ascending
	mask    uint64   // the same as bits
	members []uint32 // subscribers, those first that each event for everyone wakes; each knows its place
	plain   int      // how many those are
	places  []uint32 // of each stream, where the view is in Hub.viewsOf
	spare   bool     // it is in Hub.spareViews, having been without members
}

// viewOf returns the number of the view of these streams. Views without members are used again: which
// streams to read together is the callers' choice, and there are many ways to choose.
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
	*v = view{streams: slices.Clone(streams), mask: mask, places: make([]uint32, len(streams))}
	h.viewByMask[mask] = n
	for i, s := range streams {
		v.places[i] = uint32(len(h.viewsOf[s]))
		h.viewsOf[s] = append(h.viewsOf[s], n)
	}
	return n
}

// spareView returns a view without members that is in no list, an old one or a new one. While a
// waking walks through the lists, nothing is taken out of them.
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
			of[v.places[i]] = moved
			m := h.views[moved]
			m.places[slices.Index(m.streams, s)] = v.places[i]
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
	h.place(v, v.plain, len(v.members)-1, id)
	v.plain++
	for _, i := range v.streams {
		h.readers[i]++
	}
}

// indexed moves a subscriber to those of its view that a stream's events don't wake.
func (h *Hub) indexed(id uint32, s *subSlot) {
	v := h.views[s.view]
	v.plain--
	h.place(v, v.plain, int(s.place), id)
}

// place puts a subscriber at a place of its view, and who is there in the place that it leaves.
func (h *Hub) place(v *view, to, from int, id uint32) {
	other := v.members[to]
	v.members[from], v.members[to] = other, id
	h.subs.at(other).place = uint32(from)
	h.subs.at(id).place = uint32(to)
	if other != id {
		h.moved(other)
	}
}

// exit takes a subscriber out of its view.
func (h *Hub) exit(id uint32, s *subSlot) {
	v := h.views[s.view]
	if int(s.place) < v.plain {
		v.plain--
		h.place(v, v.plain, int(s.place), id)
	}
	last := len(v.members) - 1
	h.place(v, last, int(s.place), id)
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
