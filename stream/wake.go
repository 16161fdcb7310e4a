package stream

import "slices"

// Waking everybody who reads a stream is work in proportion to their number, and so is
// waking all subscribers of one user or one subject. It is done in runs, between which
// others have the hub's lock.
//
// While such a waking is under way, a subscriber that it has not come to looks as if it
// had been sent everything. So code that looks at an idle subscriber calls Hub.rouse
// first. That gives it the number it would have if the waking had come to it already.
// From the moment the entry is in the log, no position that anybody is told covers it
// without its having been sent.

// waking is one that is under way: the entries from first to last are for some who may be
// idle.
type waking struct {
	mask        uint64 // the streams that they are of
	first, last uint64

	// The subscribers that are woken: those of uid, those of group, or else all that read
	// the stream.
	uid      uint32
	group    *subjectGroup
	stream   int
	filtered bool // also those who follow a subject

	// The next one.
	view, member int    // of the stream's views and their members, or of the group
	sub          uint32 // of the user's
}

// maxWakings is how many wakings may be under way before no more is published under this
// hold.
const maxWakings = 32

// eachRun is how many subscribers of one user or subject are woken at once.
const eachRun = 32

// concerns reports whether the entries are for a subscriber, if it reads their stream.
func (w *waking) concerns(h *Hub, id uint32, s *subSlot) bool {
	switch {
	case w.uid != 0:
		return s.uid == w.uid
	case w.group != nil:
		return s.indexed && h.own[id].in(w.group) != nil && (s.anyUser || h.logs[w.stream].spec.Audience == AudienceEveryone)
	}
	return w.filtered || !s.indexed
}

// rouse gives an idle subscriber its number if a waking that is under way has not come to
// it yet.
func (h *Hub) rouse(id uint32, s *subSlot) {
	if len(h.wakings) == 0 || s.state != idle {
		return
	}
	mask := h.views[s.view].mask
	seq := uint64(0)
	for _, w := range h.wakings {
		if w.mask&mask == 0 || s.seq > w.last || !w.concerns(h, id, s) {
			continue
		}
		if from := max(s.seq, w.first); seq == 0 || from < seq {
			seq = from
		}
	}
	if seq != 0 {
		s.state, s.seq = following, seq
	}
}

// wake tells a subscriber that the entry seq is for it.
func (h *Hub) wake(id uint32, seq uint64) {
	h.mu.did(1)
	s := h.subs.at(id)
	h.rouse(id, s)
	if s.state == idle {
		s.state, s.seq = following, seq
	}
	h.tell(s)
}

func (h *Hub) tell(s *subSlot) {
	if !s.woken {
		s.woken = true
		h.wakers[s.waker].Wake(s.token)
	}
}

// wakeStream begins to wake the subscribers of a stream, for the entries from first to
// last: all of them, or those without a filter. The caller calls wakeRest when it has
// given the lock back.
func (h *Hub) wakeStream(stream int, first, last uint64, filtered bool) {
	if len(h.viewsOf[stream]) == 0 {
		return
	}
	h.wakings = append(h.wakings, &waking{mask: 1 << stream, stream: stream, first: first, last: last, filtered: filtered})
}

// wakeUser wakes a user's subscribers who read a stream: some now, the rest by wakeRest.
// It returns how many it has looked at.
func (h *Hub) wakeUser(uid uint32, stream int, seq uint64) (n int) {
	id := h.users.slot(uid).subs
	for ; id != 0; n++ {
		s := h.subs.at(id)
		if n == eachRun {
			w := h.wakingOf(func(w *waking) bool { return w.uid == uid })
			w.uid, w.sub = uid, id
			w.begin(stream, seq)
			break
		}
		if h.views[s.view].mask&(1<<stream) != 0 {
			h.wake(id, seq)
		}
		id = s.next
	}
	return n
}

// wakeSubject wakes those who are sent a subject's events of a stream because they follow
// it: some now, the rest by wakeRest.
func (h *Hub) wakeSubject(stream int, subject []byte, seq uint64) (n int) {
	g := h.anyUser[string(subject)]
	if g == nil {
		return 0
	}
	everyone := h.logs[stream].spec.Audience == AudienceEveryone
	for ; n < len(g.ids); n++ {
		if n == eachRun {
			w := h.wakingOf(func(w *waking) bool { return w.group == g && w.stream == stream })
			w.group, w.member = g, n
			w.begin(stream, seq)
			break
		}
		id := g.ids[n]
		if s := h.subs.at(id); h.views[s.view].mask&(1<<stream) != 0 && (everyone || s.anyUser) {
			h.wake(id, seq)
		}
	}
	return n
}

// wakingOf returns the newest waking if it is this one and nobody has been woken by it
// yet, else a new one.
func (h *Hub) wakingOf(is func(*waking) bool) *waking {
	if n := len(h.wakings); n > 0 && is(h.wakings[n-1]) && h.wakings[n-1].first > h.told {
		return h.wakings[n-1]
	}
	w := &waking{}
	h.wakings = append(h.wakings, w)
	return w
}

// begin has a waking be for one entry more.
func (w *waking) begin(stream int, seq uint64) {
	w.mask |= 1 << stream
	w.stream = stream
	if w.first == 0 {
		w.first = seq
	}
	w.last = seq
}

// wakeRest finishes all wakings. The lock is not held.
func (h *Hub) wakeRest() {
	for more := true; more; {
		h.mu.Lock()
		more = h.wakeSome(wakeRun)
		h.mu.Unlock()
	}
}

// wakeSome goes on with the wakings for about n subscribers; false: that was all.
func (h *Hub) wakeSome(n int) bool {
	for ; n > 0 && len(h.wakings) > 0; n-- {
		h.told = h.seq
		w := h.wakings[0]
		h.mu.did(1)
		id, ok := w.nextOne(h)
		if !ok {
			h.wakings = slices.Delete(h.wakings, 0, 1)
			continue
		}
		if id == 0 {
			continue
		}
		s := h.subs.at(id)
		if h.views[s.view].mask&w.mask == 0 || !w.concerns(h, id, s) || s.state == idle && s.seq > w.last {
			continue
		}
		h.rouse(id, s)
		h.tell(s)
	}
	return len(h.wakings) > 0
}

// nextOne returns who is next, 0 for a view without members; false: that was all.
func (w *waking) nextOne(h *Hub) (id uint32, ok bool) {
	switch {
	case w.uid != 0:
		if id = w.sub; id != 0 {
			w.sub = h.subs.at(id).next
		}
		return id, id != 0
	case w.group != nil:
		if w.member >= len(w.group.ids) {
			return 0, false
		}
		w.member++
		return w.group.ids[w.member-1], true
	}
	views := h.viewsOf[w.stream]
	if w.view >= len(views) {
		return 0, false
	}
	v := h.views[views[w.view]]
	members := v.members
	if !w.filtered {
		members = members[:v.plain]
	}
	if w.member >= len(members) {
		w.view++
		w.member = 0
		return 0, true
	}
	w.member++
	return members[w.member-1], true
}

// moved sees to a subscriber that took another's index among the members of a view or
// group. A waking that is past that index would not come to it.
func (h *Hub) moved(id uint32) {
	if len(h.wakings) == 0 {
		return
	}
	s := h.subs.at(id)
	if h.rouse(id, s); s.state != idle {
		h.tell(s)
	}
}

// passed sees to a subscriber that leaves the list of its user's.
func (h *Hub) passed(id, next uint32) {
	for _, w := range h.wakings {
		if w.sub == id {
			w.sub = next
		}
	}
	for _, e := range h.endings {
		if e.sub == id {
			e.sub = next
		}
	}
}
