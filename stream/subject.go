package stream

import (
	"errors"
	"slices"

	"sluice/stream/cursor"
)

// A subscriber with [Request.AnyUser] follows one subject of a stream whoever its events belong to. It is nobody, so the
// users' chains lead to nothing for it: it is always on its own, looks through whole logs, and is woken by subject.

// errAnyUser refuses what would show everybody's events, or mean two things.
var errAnyUser = errors.New("stream: AnyUser needs a Subject, and no User")

func (r *Request) check() error {
	if r.AnyUser && (r.Subject == "" || r.User != "") {
		return errAnyUser
	}
	return nil
}

// filter is the mark of what a request leaves of its streams, for ids; "" where it takes all that is its user's. One
// who follows a subject for any user has another mark than a user who follows it: their positions cover different events.
func (r *Request) filter() string {
	switch {
	case r.AnyUser:
		return cursor.FilterMark("\x00any\x00" + r.Subject)
	case r.Subject != "":
		return cursor.FilterMark(r.Subject)
	}
	return ""
}

// takes reports whether a position of a segment is one of this request's. A position taken without a filter covers
// what a filter leaves of it, so it is good under any, but not for one who follows events of other users.
func (r *Request) takes(seg *cursor.Segment) bool {
	return seg.Filter == r.filter() || seg.Filter == "" && !r.AnyUser
}

// anyUser are the subscribers that are sent the events of a subject because they follow it, and not
// because of who they are: those with AnyUser, and those who read a stream for everyone with a filter.
type anyUser map[string]*subjectGroup

// subjectGroup are the subscribers of one subject.
type subjectGroup struct{ ids []uint32 }

// index makes a subscriber that follows a subject known under it, if it needs to be: an event is
// looked up there, and wakes nobody who follows another.
func (h *Hub) index(id uint32, s *subSlot, p *private) {
	everyone := slices.ContainsFunc(h.views[s.view].streams, func(i int) bool { return h.logs[i].spec.Audience == AudienceEveryone })
	if len(p.subject) == 0 || !p.anyUser && !everyone {
		return
	}
	if p.group = h.anyUser[string(p.subject)]; p.group == nil {
		p.group = &subjectGroup{}
		h.anyUser[string(p.subject)] = p.group
	}
	s.indexed, s.anyUser = true, p.anyUser
	h.indexed(id, s)
	p.place = len(p.group.ids)
	p.group.ids = append(p.group.ids, id)
}

// unindex takes it out again.
func (h *Hub) unindex(p *private) {
	g := p.group
	if g == nil {
		return
	}
	last := len(g.ids) - 1
	moved := g.ids[last]
	g.ids[p.place] = moved
	h.private[moved].place = p.place
	if g.ids = g.ids[:last]; p.place < last {
		h.moved(moved)
	}
	if last == 0 {
		delete(h.anyUser, string(p.subject))
	}
}
