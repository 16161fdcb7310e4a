package stream

import "slices"

// A subscriber with [Request.AnyUser] follows one subject of a stream, whichever users
// its events belong to. It is nobody, so the users' chains lead to nothing for it. It
// always has an ownPosition, looks through whole logs, and is woken by subject.

// anyUser are the subscribers that are sent the events of a subject because they follow
// it, and not because of their user. These are those with AnyUser, and those that read a
// stream for everyone and follow subjects.
type anyUser map[string]*subjectGroup

// subjectGroup are the subscribers of one subject.
type subjectGroup struct {
	subject string
	ids     []uint32
}

// subjectIndex is where a subscriber is in a group.
type subjectIndex struct {
	group *subjectGroup
	index int
}

// index makes a subscriber that follows subjects known under them, if it needs to be: an
// event is looked up there, and wakes nobody who follows others.
func (h *Hub) index(id uint32, s *subSlot, p *ownPosition) {
	everyone := slices.ContainsFunc(h.views[s.view].streams, func(i int) bool { return h.logs[i].spec.Audience == AudienceEveryone })
	if len(p.filter.subjectSet) == 0 || !p.anyUser && !everyone {
		return
	}
	s.indexed, s.anyUser = true, p.anyUser
	h.indexed(id, s)
	p.groups = make([]subjectIndex, len(p.filter.subjectSet))
	h.mu.did(len(p.groups))
	for i, subject := range p.filter.subjectSet {
		g := h.anyUser[subject]
		if g == nil {
			g = &subjectGroup{subject: subject}
			h.anyUser[subject] = g
		}
		p.groups[i] = subjectIndex{g, len(g.ids)}
		g.ids = append(g.ids, id)
	}
}

// unindex takes it out again.
func (h *Hub) unindex(p *ownPosition) {
	h.mu.did(len(p.groups))
	for _, in := range p.groups {
		g := in.group
		last := len(g.ids) - 1
		moved := g.ids[last]
		g.ids[in.index] = moved
		h.own[moved].in(g).index = in.index
		if g.ids = g.ids[:last]; in.index < last {
			h.moved(moved)
		}
		if last == 0 {
			delete(h.anyUser, g.subject)
		}
	}
	p.groups = nil
}

// in returns where a subscriber is in a group; nil: it isn't.
func (p *ownPosition) in(g *subjectGroup) *subjectIndex {
	i, found := slices.BinarySearch(p.filter.subjectSet, g.subject)
	if !found || i >= len(p.groups) || p.groups[i].group != g {
		return nil
	}
	return &p.groups[i]
}
