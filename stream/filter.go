package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"sluice/stream/cursor"
	"sluice/stream/sse"
)

// MaxFilter is how many subjects a caller may filter by, and how many event names.
const MaxFilter = 50

// UnnamedEvent is what a filter calls events without a name, as a browser does. No event
// has it as its name.
const UnnamedEvent = "message"

// Filter narrows what a connection is sent to events about some subjects, or of some
// names, or both. Both are sets. The zero Filter leaves everything.
type Filter struct {
	subjectSet []string // ascending, each once; empty: any
	nameSet    []string // of events, likewise
}

// NewFilter makes a filter. What is empty, or named twice, doesn't count.
func NewFilter(subjects, names []string) Filter { return Filter{setOf(subjects), setOf(names)} }

// About is the filter by subjects alone.
func About(subjects ...string) Filter { return NewFilter(subjects, nil) }

func setOf(texts []string) []string {
	set := slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "" })
	slices.Sort(set)
	return slices.Clip(slices.Compact(set))
}

// Subjects are those that the filter leaves, ascending; empty: all.
func (f Filter) Subjects() []string { return f.subjectSet }

// Events are the names of the events that the filter leaves, ascending; empty: all.
func (f Filter) Events() []string { return f.nameSet }

// BySubject is the part of the filter that holds for states too.
func (f Filter) BySubject() Filter { return Filter{subjectSet: f.subjectSet} }

// leaves reports whether the filter leaves an event, which has its frame.
func (f *Filter) leaves(subject, frame []byte) bool {
	return f.leavesSubject(subject) && (len(f.nameSet) == 0 || inSet(f.nameSet, sse.Name(frame)))
}

// leavesEntry is leaves for an entry of a log. It doesn't look for the text of one where
// there is nothing to ask.
func (f *Filter) leavesEntry(l *log, e *entry) bool {
	return len(f.subjectSet) == 0 && len(f.nameSet) == 0 || f.leaves(l.about(e), l.frame(e))
}

// leavesEvent is leaves for an event that has not been framed.
func (f *Filter) leavesEvent(ev *Event) bool {
	return f.leavesSubject(ev.Subject) && f.leavesName(ev.Name)
}

func (f *Filter) leavesSubject(subject []byte) bool {
	return len(f.subjectSet) == 0 || inSet(f.subjectSet, subject)
}

func (f *Filter) leavesName(name string) bool {
	if name == "" {
		name = UnnamedEvent
	}
	return len(f.nameSet) == 0 || inSet(f.nameSet, []byte(name))
}

func inSet(set []string, text []byte) bool {
	if len(set) == 1 {
		return set[0] == string(text)
	}
	_, found := slices.BinarySearchFunc(set, text, func(one string, text []byte) int { return strings.Compare(one, string(text)) })
	return found
}

// single is the only subject that the filter leaves; "": it leaves several, or all.
func (f *Filter) single() string {
	if len(f.subjectSet) == 1 {
		return f.subjectSet[0]
	}
	return ""
}

// text tells filters apart. It is "" for the one that leaves everything. That of one
// subject is the subject.
func (f *Filter) text() string {
	text := f.single()
	if text == "" && len(f.subjectSet) > 0 {
		text = "\x00subjects\x00" + string(appendSet(nil, f.subjectSet))
	}
	if len(f.nameSet) > 0 {
		text = "\x00events\x00" + string(appendSet(nil, f.nameSet)) + text
	}
	return text
}

// key is text where that is short, else a hash of it: for indexes that bound their bytes.
func (f *Filter) key() string {
	text := f.text()
	if len(text) <= sha256.Size {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return string(sum[:])
}

func appendSet(dst []byte, set []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(set)))
	for _, one := range set {
		dst = append(binary.AppendUvarint(dst, uint64(len(one))), one...)
	}
	return dst
}

// mark is the filter's in ids; "" for the one that takes all that is a user's. One who
// follows a subject for any user has another mark than a user who follows it: their
// positions cover different events.
func (f Filter) mark(anyUser bool) string {
	text := f.text()
	if anyUser {
		text = "\x00any\x00" + text
	}
	if text == "" {
		return ""
	}
	return cursor.FilterMark(text)
}

// errAnyUser refuses what would show everybody's events, or mean two things.
var errAnyUser = errors.New("stream: AnyUser needs one subject, and no User")

func (r *Request) check() error {
	if r.AnyUser && (r.Filter.single() == "" || r.User != "") {
		return errAnyUser
	}
	return nil
}

// takes reports whether a position of a segment is one of this request's. A position
// taken under a wider filter covers what a narrower one leaves, so it is good there. The
// position of a state is one, since no state is narrowed by names. But what covers one
// user's events is not good for a subscriber that follows those of other users.
func (r *Request) takes(seg *cursor.Segment) bool {
	wider := []Filter{r.Filter, r.Filter.BySubject()}
	if !r.AnyUser {
		wider = append(wider, Filter{nameSet: r.Filter.nameSet}, Filter{})
	}
	return slices.ContainsFunc(wider, func(f Filter) bool { return f.mark(r.AnyUser) == seg.Filter })
}

// SetFilter has the subscription go on under another filter, from the position that it
// returns. Everything before it that the old filter leaves has been pulled, and nothing
// after it. What comes after it is by the new filter. The subscription counts as woken:
// pull it.
//
// ok is false where that is not possible now: pull first, and try again. It stays false
// for a subscription that has ended.
func (s Sub) SetFilter(f Filter) (id string, ok bool) {
	if s.hub == nil {
		return "", false
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	slot := s.slot()
	if slot == nil || h.closed || slot.ended() || h.views[slot.view].mask&h.withdrawn != 0 {
		return "", false
	}
	if h.rouse(s.id, slot); !slot.hasOwn && !h.leaveFollowers(s.id, slot) {
		return "", false
	}
	p, v := h.own[s.id], h.views[slot.view]
	if p.anyUser && f.single() == "" {
		return "", false
	}
	p.settle(h, slot)
	h.unindex(p)
	if slot.indexed {
		slot.indexed, slot.anyUser = false, false
		h.unindexed(s.id, slot)
	}
	was := p.mark
	p.filter, p.mark = f, f.mark(p.anyUser)
	p.remark(h, v, was)
	h.index(s.id, slot, p)
	for i := range p.streams {
		p.streams[i].refilter(h)
	}
	slot.woken = true
	h.observer.refiltered(s.Key(), h.seq, f)
	return string(p.appendID(h, slot, nil)), true
}

// settle moves the positions past all that is known not to be for the subscriber. What it
// has not looked at yet may be for it under another filter.
func (p *ownPosition) settle(h *Hub, slot *subSlot) {
	next := slot.seq // the entry that woke it is the first that is for it
	if slot.state == idle {
		next = h.seq + 1
	}
	for i := range p.streams {
		o, l := &p.streams[i], h.logs[h.views[slot.view].streams[i]]
		if slot.state != resuming {
			o.seq = next
		}
		if _, e := l.seek(l.from(o.seq)); e != nil && e.seq == o.seq {
			o.seq = e.begins() // the other half of its record may have been nothing for it
		}
		if o.catchup != nil || o.seq == 0 {
			continue
		}
		// Of a topic that has been deleted meanwhile too: it is told of that further on.
		if pos, known := l.position(o.epoch, o.seq-1); known {
			o.pos = raise(o.pos, pos)
		}
	}
	slot.state = resuming
}

// leaveFollowers gives a follower an own position, where it is; false: that is not known,
// or there is something to be told first.
func (h *Hub) leaveFollowers(id uint32, s *subSlot) bool {
	switch {
	case s.state == idle:
		s.state, s.seq = following, h.seq+1
	case h.lagged(s):
		return h.overtake(id, s)
	}
	return h.resumeAlone(id, s)
}

// remark has the positions of streams that aren't read hold for the new filter as well.
// So a connection that reads them goes on there.
func (p *ownPosition) remark(h *Hub, v *view, was string) {
	carried, notes := cursor.SplitNotes(p.carried)
	segments, err := cursor.Read(h.ids, carried)
	if err != nil { // there are none
		return
	}
	for i := range segments {
		if s := &segments[i]; !s.IsLost() && s.Filter == was {
			s.Filter = p.mark
		}
	}
	widths := make(map[string]cursor.Width, len(p.streams))
	for i := range p.streams {
		l := h.logs[v.streams[i]]
		widths[l.spec.Name] = l.layout.width(l.extend(p.streams[i].pos, len(l.head)), p.streams[i].ahead)
	}
	h.mu.did(len(p.carried) / 16)
	p.carried = h.carry(segments, len(p.streams), h.ids.MaxLen(widths))
	for _, note := range slices.Backward(notes) {
		p.carried = cursor.AddNote(p.carried, note)
	}
}

// refilter has a stream served under a filter that has just changed. Its lane may be of
// the old filter: the next pull finds another.
func (o *ownStream) refilter(h *Hub) {
	if o.catchup != nil {
		o.catchup.close(&h.passes)
		o.catchup, o.seq = nil, 0
	}
}

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
