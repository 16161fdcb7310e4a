package stream

import (
	"cmp"
	"context"
	"slices"
	"weak"
)

// StatePart is one stream's part of a state. All who ask while the table stays as it is
// share one part, so that a hundred readers of a state that everyone sees cost one list.
// It never changes, and what it refers to (the frames) doesn't either: it is free once
// nobody has it.
type StatePart struct {
	Latest []Latest // in the order of (time, partition, offset)
	Bytes  int64    // what it keeps from being freed, at most

	made   chan struct{} // closed once it is there, or failed; nil: it was there at once
	failed bool
}

const (
	latestBytes = 80 // of a Latest by itself

	// StateRun is how many slots one hold of the lock looks at.
	StateRun = 512
)

// statePlan is a part, and how it comes to be.
type statePlan struct {
	part *StatePart
	copy *stateCopy // nil: it is there, or somebody else is making it
}

// StateHead is all of a state but its events, in one short hold of the lock: what it
// takes to say that nothing has changed.
type StateHead struct {
	State // without Latest and Parts

	// Look is about how many slots have to be looked at for the events, Bytes what they
	// hold. They are 0 where somebody has the same part already.
	Look  int
	Bytes int64
}

// StateHead fails as State does.
func (h *Hub) StateHead(r StateRequest) (StateHead, error) {
	q := r.request()
	if err := q.check(); err != nil {
		return StateHead{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s, tables, err := h.stateMoment(&q)
	if err != nil {
		return StateHead{}, err
	}
	head := StateHead{State: s}
	for _, t := range tables {
		switch {
		case len(q.Filter.subjectSet) > 0:
		case !t.everyone:
			n := int(t.owner(h.users.find([]byte(q.User))).count)
			head.Look += n
			if t.used > 0 {
				head.Bytes += int64(n) * (latestBytes + t.arena.Used()/int64(t.used))
			}
		case t.shared(s.now) == nil && t.underWay(s.now) == nil:
			head.Look += t.slots.len()
			head.Bytes += t.partBytes()
		}
	}
	return head, nil
}

// ShareState returns a state in parts, which are shared and never to be changed. admit is
// asked about each part before it is made, without a lock; its error ends the call.
func (h *Hub) ShareState(ctx context.Context, r StateRequest, admit func(*StatePart) error) (State, error) {
	q := r.request()
	if err := q.check(); err != nil {
		return State{}, err
	}
	for {
		s, plans, err := h.beginState(&q)
		if err != nil {
			return State{}, err
		}
		for i := range plans {
			if err == nil && admit != nil {
				err = admit(plans[i].part)
			}
		}
		whole, err := h.copyState(ctx, plans, err)
		if err == nil && whole {
			whole, err = await(ctx, plans)
		}
		if err != nil {
			return State{}, err
		}
		if whole {
			for i := range plans {
				s.Parts = append(s.Parts, plans[i].part)
			}
			return s, nil
		}
	}
}

// await waits for the parts that others make; false: one of them came to nothing. What
// the caller makes is made by then, so that two who wait for each other's get on.
func await(ctx context.Context, plans []statePlan) (whole bool, _ error) {
	for _, plan := range plans {
		if plan.copy != nil || plan.part.made == nil {
			continue
		}
		select {
		case <-plan.part.made:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		if plan.part.failed {
			return false, nil
		}
	}
	return true, nil
}

// underWay returns the part that somebody is making of a table as it is now, nil if
// nobody is.
func (t *stateTable) underWay(now int64) *StatePart {
	if t.making == nil || t.makingAt != t.changes || !t.shows(now) {
		return nil
	}
	return t.making
}

// shared returns the part that somebody has of a table as it is now, nil if nobody does.
func (t *stateTable) shared(now int64) *StatePart {
	if !t.everyone || t.partAt != t.changes || !t.shows(now) {
		return nil
	}
	return t.part.Value()
}

// partBytes is what a part of all of a table holds, at most.
func (t *stateTable) partBytes() int64 { return int64(t.used)*latestBytes + t.arena.Used() }

// plan begins a part: what is shared or small is taken at once, what may be long is
// copied later, as it is now.
func (t *stateTable) plan(stream int, q *Request, uid uint32, now int64) statePlan {
	bySubject := len(q.Filter.subjectSet) > 0
	if !bySubject && t.everyone {
		if part := t.shared(now); part != nil {
			return statePlan{part: part}
		}
		if part := t.underWay(now); part != nil {
			return statePlan{part: part}
		}
		t.making, t.makingAt = &StatePart{Bytes: t.partBytes(), made: make(chan struct{})}, t.changes
		return statePlan{t.making, t.copy(stream, 0, now)}
	}
	if !bySubject && t.owner(uid).count > StateRun {
		bytes := int64(t.owner(uid).count) * (latestBytes + t.arena.Used()/int64(max(t.used, 1)))
		return statePlan{&StatePart{Bytes: bytes}, t.copy(stream, uid, now)}
	}
	part := new(StatePart)
	if bySubject {
		part.Latest = t.ofSubjects(nil, stream, q, now)
	} else {
		part.Latest = t.ofUser(nil, stream, uid, now)
	}
	part.sort()
	for i := range part.Latest {
		part.Bytes += latestBytes + int64(len(part.Latest[i].Frame)+len(part.Latest[i].Subject))
	}
	return statePlan{part: part}
}

func (p *StatePart) sort() {
	slices.SortFunc(p.Latest, func(a, b Latest) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.rank, b.rank), cmp.Compare(a.Offset, b.Offset))
	})
}

// copyState makes the copies, a run under each hold of the lock, unless there is an error
// already. It is not whole where a table was emptied meanwhile.
func (h *Hub) copyState(ctx context.Context, plans []statePlan, err error) (whole bool, _ error) {
	whole = true
	for _, plan := range plans {
		c := plan.copy
		if c == nil {
			continue
		}
		for more := true; more; {
			more, err = h.copyRun(ctx, c, err)
			whole = whole && !c.broken
		}
	}
	good := err == nil && whole
	for _, plan := range plans {
		if c := plan.copy; c != nil {
			if good {
				plan.part.Latest = c.result()
				plan.part.sort()
			}
			h.share(plan, good)
		}
	}
	return good, err
}

// copyRun is one hold of the lock.
func (h *Hub) copyRun(ctx context.Context, c *stateCopy, err error) (more bool, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil || c.broken {
		c.end()
		return false, err
	}
	before := c.looked
	more = c.run()
	h.mu.did(c.looked - before)
	return more, nil
}

// share lets others have a part that is of all of a table: those who wait for it, and who
// comes as long as the table stays as it was. Where it came to nothing, one of those who
// wait makes it anew.
func (h *Hub) share(plan statePlan, good bool) {
	c, part := plan.copy, plan.part
	if part.made == nil { // a user's
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t := c.table
	if t.making == part {
		t.making = nil
	}
	if good && t.changes == c.changes {
		t.part, t.partAt = weak.Make(part), c.changes
	}
	part.failed = !good
	close(part.made)
}
