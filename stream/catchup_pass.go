package stream

import (
	"errors"
	"slices"

	"sluice/stream/sse"
)

// catchupPass is one reading of a stream, from the lowest position it serves up to where
// the log was when it began, or until all its lanes are full.
type catchupPass struct {
	hub      *Hub
	stream   int
	epoch    string
	gen      uint64 // the log's, see log.gen
	began    uint64 // seq of the newest entry of any stream at that time
	from, to []int64
	everyone bool

	everybody *lane // of a stream for everyone, those without a filter; nil: none
	byUser    map[string]*lane
	bySubject map[string]*lane  // of members that are sent a subject's events of all users
	byBoth    map[laneKey]*lane // of a user's who follow a subject

	reached []int64 // what has been read of each partition
	leaders []int32 // leader epochs of that position, as brokers said them; noEpoch: not known
	active  int     // open lanes that somebody takes from
	ringing []*lane // that have something new for those who wait
	over    bool    // it has been read, or given up
	err     error   // why it was given up; nil: it has been read, was overtaken, or nobody was left
}

// A member joins a pass although its position is further back than that of who waited
// longest, if it is this many records at most. Else the pass would be full before it has
// anything for those who waited longest.
const (
	nearRecords     = 10_000
	nearUserRecords = 1 << 20 // a pass is seldom full of one user's
)

// joinWork is what a member of a pass costs, or an event that is framed for it, in units
// of work.
const joinWork = 8

// begin takes those who wait into a pass; nil if nobody does.
func (ps *catchupPasses) begin(stream int) *catchupPass {
	h := ps.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	p := &catchupPass{
		hub: h, stream: stream, epoch: l.epoch, gen: l.gen, began: h.seq, to: slices.Clone(l.head), everyone: l.spec.Audience == AudienceEveryone,
		byUser: make(map[string]*lane), bySubject: make(map[string]*lane), byBoth: make(map[laneKey]*lane),
	}
	p.from, p.reached = slices.Clone(p.to), make([]int64, len(p.to))
	p.leaders = unknownEpochs(len(p.to))
	floor := slices.Clone(l.floor()) // of this moment for all, since the lock is given back on the way
	took, some := 0, false
	var later []*catchupMember
	members := &ps.streams[stream].members
	for c, ok := members.take(); ok; c, ok = members.take() {
		if took += joinWork + len(p.to)/16; took > holdRun {
			took = 0
			h.mu.breathe()
		}
		h.mu.did(joinWork + len(p.to)/16)
		switch {
		case c.closed || c.epoch != p.epoch: // the latter learns of the new topic by its next pull
			if !c.closed {
				h.wake(c.id, h.seq+1)
			}
			continue
		case crosses(l.backAfter(c.own.told), c.own.pos, l.floor()): // it has to be told first where it stands
			h.wake(c.id, h.seq+1)
			continue
		case !p.takes(c):
			later = append(later, c)
			continue
		}
		some = true
		for q, from := range p.from {
			if next := at(c.own.pos, q); next < at(floor, q) { // memory has the rest
				p.from[q] = min(from, next)
			}
		}
	}
	for q := range p.to {
		if p.from[q] == p.to[q] { // nobody needs it: nothing is read, and no position moves
			p.to[q] = 0
		}
	}
	members.put(later, some)
	if !some && len(later) == 0 {
		return nil
	}
	return p
}

// takes takes a subscriber into its lane of the pass; false: it has to wait for the next
// pass.
func (p *catchupPass) takes(c *catchupMember) bool {
	la := p.lane(c.key)
	near := int64(nearUserRecords)
	if c.key.user == "" {
		near = nearRecords
	}
	switch {
	case la == nil:
		la = &lane{pass: p, key: c.key, begins: c.own.pos}
		p.put(la)
		if s := p.hub.subs.at(c.id); c.key.user == "" || s.next != 0 || s.prev != 0 { // or the user has others
			p.hub.passes.share(la)
		}
	case la.gone: // it was new, and all who took from it have gone meanwhile
		return false
	case !covers(c.own.pos, la.begins):
		if distance(c.own.pos, la.begins) > near {
			return false
		}
		p.hub.passes.share(la)
		for q := range la.begins {
			la.begins[q] = min(la.begins[q], at(c.own.pos, q))
		}
	default:
		if distance(la.begins, c.own.pos) > near {
			return false
		}
		p.hub.passes.share(la)
	}
	la.join(c)
	la.wait(c)
	return true
}

// lane returns the lane of a key, nil if there is none.
func (p *catchupPass) lane(key laneKey) *lane {
	switch {
	case key == laneKey{}:
		return p.everybody
	case key.user == "":
		return p.bySubject[key.subject]
	case key.subject == "":
		return p.byUser[key.user]
	}
	return p.byBoth[key]
}

func (p *catchupPass) put(la *lane) {
	switch key := la.key; {
	case key == laneKey{}:
		p.everybody = la
	case key.user == "":
		p.bySubject[key.subject] = la
	case key.subject == "":
		p.byUser[key.user] = la
	default:
		p.byBoth[key] = la
	}
}

// remove takes a lane out of the pass.
func (p *catchupPass) remove(la *lane) {
	if p.over || p.lane(la.key) != la {
		return
	}
	switch key := la.key; {
	case key == laneKey{}:
		p.everybody = nil
	case key.user == "":
		delete(p.bySubject, key.subject)
	case key.subject == "":
		delete(p.byUser, key.user)
	default:
		delete(p.byBoth, key)
	}
}

// failed reports whether the pass was given up for an error.
func (p *catchupPass) failed() bool { return p.over && p.err != nil }

// emit gives one partition's run to those it is for.
func (p *catchupPass) emit(run HistoryRun) error {
	for {
		n, err := p.emitSome(run)
		if run.Events = run.Events[n:]; err != nil || len(run.Events) == 0 {
			p.wakeAll()
			return err
		}
	}
}

// emitSome gives the first of a run, as many as one hold of the lock has time for.
func (p *catchupPass) emitSome(run HistoryRun) (n int, err error) {
	h, events, next := p.hub, run.Events, run.Next
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.active == 0 {
		return 0, errNobody
	}
	if p.overtaken() {
		return 0, errMoved
	}
	for work := 0; n < len(events) && work < holdRun; n++ {
		did := p.give(&events[n], run.Leader)
		work += did
		h.mu.did(did)
	}
	if n < len(events) {
		next = events[n-1].Offset + 1
	}
	if next > p.reached[run.Partition] {
		p.reached[run.Partition], p.leaders[run.Partition] = next, run.Leader
	}
	if p.active == 0 {
		return n, errNobody
	}
	return n, nil
}

// give adds an event to the lanes it is for, and what it tells its former users to
// theirs. It returns how much work that was.
func (p *catchupPass) give(ev *Event, leader int32) (work int) {
	gone, some := ev.toFormer()
	some = some && !p.everyone
	part := wholeRecord
	if !ev.Hidden {
		if some {
			part = firstHalf
		}
		work = p.giveOne(ev, part, leader)
	}
	if some {
		if part == firstHalf {
			part = secondHalf
		}
		work += p.giveOne(&gone, part, leader)
	}
	return work + 1
}

func (p *catchupPass) giveOne(ev *Event, part half, leader int32) (work int) {
	var body *foundBody // framed once, for the first lane that takes it
	give := func(la *lane) {
		work++
		if la == nil || !la.open() || ev.Offset < at(la.begins, int(ev.Partition)) {
			return
		}
		if la.members == 0 && !la.shared {
			return
		}
		if body == nil {
			n := sse.BodyLen(ev.Name, ev.Data)
			bytes := append(sse.AppendBody(make([]byte, 0, n+len(ev.Subject)), ev.Name, ev.Data), ev.Subject...)
			body = &foundBody{frame: bytes[:n:n], subject: bytes[n:]}
			work += joinWork + len(body.frame)>>10
		}
		if la.full(foundBytes+body.size()) && (part != secondHalf || !la.beginsRecord(ev)) {
			la.close(ev.Partition, ev.Offset, leader)
			return
		}
		p.hub.passes.add(la, found{partition: ev.Partition, leader: leader, half: part, next: ev.Offset + 1, body: body})
	}
	if p.everyone {
		give(p.everybody)
	} else {
		for _, user := range ev.Users {
			if len(p.byUser) > 0 {
				give(p.byUser[string(user)])
			}
			if len(p.byBoth) > 0 {
				give(p.byBoth[laneKey{user: string(user), subject: string(ev.Subject)}])
			}
		}
	}
	if len(p.bySubject) > 0 && len(ev.Subject) > 0 {
		give(p.bySubject[string(ev.Subject)])
	}
	return work + 1
}

// wakeAll wakes those who wait for what has come into their lanes.
func (p *catchupPass) wakeAll() {
	for p.wakeSome() {
	}
}

// wakeSome wakes as many as one hold of the lock has time for; false: that was all.
func (p *catchupPass) wakeSome() bool {
	h := p.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	for work := 0; len(p.ringing) > 0; work++ {
		if work == wakeRun {
			return true
		}
		h.mu.did(1)
		last := len(p.ringing) - 1
		la := p.ringing[last]
		if len(la.waiting) == 0 {
			la.ringing = false
			p.ringing = p.ringing[:last]
			continue
		}
		c := la.waiting[len(la.waiting)-1]
		la.waiting = la.waiting[:len(la.waiting)-1]
		if !c.closed && c.lane == la && c.waiting {
			c.waiting = false
			h.wake(c.id, h.seq+1)
		}
	}
	return false
}

// end tells those still in the pass how it ended.
func (p *catchupPass) end(err error) {
	h := p.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	p.over = true
	switch {
	case err == nil:
		p.reached = raise(p.reached, p.to)
	case !errors.Is(err, errNobody) && !errors.Is(err, errMoved):
		p.err = err
	}
	ring := func(la *lane) {
		la.ring()
		if h.mu.did(1); len(p.ringing)%holdRun == holdRun-1 {
			h.mu.breathe()
		}
	}
	if p.everybody != nil {
		ring(p.everybody)
	}
	for _, la := range p.bySubject { // nobody else changes these: the pass is over
		ring(la)
	}
	for _, la := range p.byUser {
		ring(la)
	}
	for _, la := range p.byBoth {
		ring(la)
	}
	p.everybody, p.bySubject, p.byUser, p.byBoth = nil, nil, nil, nil
	h.mu.Unlock()
	p.wakeAll()
	h.mu.Lock()
}
