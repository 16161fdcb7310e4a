package stream

import "slices"

// lane is what a pass found for all members that may be sent the same events of a stream:
// everybody, one user, or one subject. Each event is in it once, however many members
// take it. A member has an index into it, as a follower has a number in the log. So a
// slow member holds up nobody. The hub's lock guards all of a lane.
type lane struct {
	pass   *catchupPass
	key    laneKey
	begins []int64 // it has all of its key's events from here on; of a single member, its own position

	events []found
	bytes  int     // of its events, bodies included
	freed  int     // events given up because their only member has them
	ends   []int64 // where it was full; nil: it goes as far as its pass has read
	left   []int32 // the pass's leader epochs there
	gone   bool    // given up to make room: members read again from where they are

	shared  bool             // later members may take from it too, so it keeps what all have taken
	members int              // that take from it
	waiting []*catchupMember // of those, who have all there is and wait for more
	ringing bool             // it is in its pass's list of lanes that have something new for those

	newer, older *lane // in the order of use, see catchupPasses.touch
}

// laneKey says whose events a lane has. The zero key is everybody's.
type laneKey struct {
	user    string
	subject string // "": all
	any     bool   // with subject: those of every user
}

// found is an event that a pass found.
type found struct {
	partition int32
	leader    int32 // leader epoch of its record; noEpoch: not known
	next      int64
	body      *foundBody
	half      half // as an entry's
}

// foundBody is an event in all lanes that have it.
type foundBody struct {
	frame   []byte // without id
	subject []byte
	in      int32 // lanes that it is in
}

// size is what it counts for.
func (b *foundBody) size() int { return len(b.frame) + len(b.subject) }

const (
	foundBytes = 72 // an event in a lane, without its frame and subject

	// maxLaneBytes is how much a lane of a user's has at most, or of a subject's.
	// maxSharedLaneBytes is how much one of everybody's has. A lane always has room for
	// all of one record.
	maxLaneBytes       = 1 << 20
	maxSharedLaneBytes = 4 << 20
	maxLaneEvents      = 1 << 14

	// maxLanesBytes is how much all lanes have together. A frame that is in several
	// counts once.
	maxLanesBytes = 256 << 20
)

// full reports whether a lane has no room for an event of this size.
func (la *lane) full(size int) bool {
	limit := maxLaneBytes
	if la.key.user == "" {
		limit = maxSharedLaneBytes
	}
	return len(la.events) > 0 && (la.bytes+size > limit || len(la.events) == maxLaneEvents)
}

// beginsRecord reports whether the newest event is the first half of this event's record.
// A member whom only the second half is for stays before the record until it has that. It
// would never get there if the lane ended between the two.
func (la *lane) beginsRecord(second *Event) bool {
	n := len(la.events)
	if n == 0 {
		return false
	}
	first := &la.events[n-1]
	return first.half == firstHalf && first.partition == second.Partition && first.next == second.Offset+1
}

// open reports whether events may still be added.
func (la *lane) open() bool { return la.ends == nil && !la.gone && !la.pass.over }

// leaders returns the leader epochs of what it has reached.
func (la *lane) leaders() []int32 {
	if la.ends != nil {
		return la.left
	}
	return la.pass.leaders
}

// reached returns how far it has all there is: it is the lane's, or its pass's.
func (la *lane) reached() []int64 {
	if la.ends != nil {
		return la.ends
	}
	return la.pass.reached
}

// join adds a member. The lane must have all events from its position on.
func (la *lane) join(c *catchupMember) {
	c.lane, c.next, c.waiting = la, 0, false
	if la.members++; la.members == 1 && la.open() {
		la.pass.active++
	}
}

// leave takes a member out. A lane without members is given up, unless others may come
// that are sent the same.
func (la *lane) leave(c *catchupMember) {
	c.lane, c.waiting = nil, false
	if la.members--; la.members > 0 {
		return
	}
	la.waiting = nil
	if la.open() {
		la.pass.active--
	}
	if !la.shared {
		la.pass.hub.passes.giveUp(la)
	}
}

// wait has a member told when there is more.
func (la *lane) wait(c *catchupMember) {
	if !c.waiting {
		c.waiting = true
		la.waiting = append(la.waiting, c)
	}
}

// took moves a member past an event, and frees what nobody else will take.
func (la *lane) took(c *catchupMember) {
	c.next++
	if la.members > 1 || la.shared {
		return
	}
	for ; la.freed < c.next; la.freed++ {
		la.pass.hub.passes.forget(la, &la.events[la.freed])
	}
}

// close ends a lane where it is full: before offset next of a partition, in a run of a
// leader epoch. Where the run begins another one it ends before the run, since the epoch
// of a position in between isn't known.
func (la *lane) close(partition int32, next int64, leader int32) {
	la.ends, la.left = slices.Clone(la.pass.reached), slices.Clone(la.pass.leaders)
	if la.left[partition] == leader {
		la.ends[partition] = max(la.ends[partition], next)
	}
	if la.members > 0 {
		la.pass.active--
	}
	la.ring()
}

// ring has those who wait for more of it told, by their pass and in runs.
func (la *lane) ring() {
	if !la.ringing && len(la.waiting) > 0 {
		la.ringing = true
		la.pass.ringing = append(la.pass.ringing, la)
	}
}

// add puts an event into a lane that has room.
func (ps *catchupPasses) add(la *lane, f found) {
	if f.body.in++; f.body.in == 1 {
		ps.bytes += f.body.size()
	}
	ps.bytes += foundBytes
	la.events = append(la.events, f)
	la.bytes += foundBytes + f.body.size()
	ps.touch(la)
	la.ring()
	for ps.bytes > maxLanesBytes && ps.oldest != la { // the lane used least lately gives way
		ps.evict(ps.oldest)
	}
}

// forget gives up one event of a lane.
func (ps *catchupPasses) forget(la *lane, f *found) {
	if f.body == nil {
		return
	}
	if f.body.in--; f.body.in == 0 {
		ps.bytes -= f.body.size()
	}
	ps.bytes -= foundBytes
	la.bytes -= foundBytes + f.body.size()
	*f = found{}
}

// evict makes room: those who still take from the lane read again from where they are.
func (ps *catchupPasses) evict(la *lane) {
	if la.open() && la.members > 0 {
		la.pass.active--
	}
	ps.giveUp(la)
	la.ring()
}

// giveUp frees all that a lane has.
func (ps *catchupPasses) giveUp(la *lane) {
	if la.gone {
		return
	}
	la.gone = true
	ps.hub.mu.did(len(la.events)/16 + 1)
	for i := la.freed; i < len(la.events); i++ {
		ps.forget(la, &la.events[i])
	}
	la.events, la.freed = nil, 0
	ps.unlink(la)
	la.pass.remove(la)
	if la.shared {
		ps.unshare(la)
	}
}

// touch makes a lane the one that was used last.
func (ps *catchupPasses) touch(la *lane) {
	if ps.newest == la || la.gone {
		return
	}
	ps.unlink(la)
	if la.older = ps.newest; la.older != nil {
		la.older.newer = la
	} else {
		ps.oldest = la
	}
	ps.newest = la
}

// unlink takes a lane out of the order of use, if it is in it.
func (ps *catchupPasses) unlink(la *lane) {
	if la.newer == nil && la.older == nil && ps.newest != la {
		return
	}
	if la.newer != nil {
		la.newer.older = la.older
	} else {
		ps.newest = la.older
	}
	if la.older != nil {
		la.older.newer = la.newer
	} else {
		ps.oldest = la.newer
	}
	la.newer, la.older = nil, nil
}
