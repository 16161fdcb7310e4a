package auth

import (
	"net/netip"
	"slices"
	"time"
)

const (
	// appQuestions is how many questions of callers the app is asked at a time, appRenewals
	// how many about the logins of open streams. They are apart, so that strangers keep no
	// ended session alive.
	appQuestions = 48
	appRenewals  = 16

	// callerQuestions is how many of appQuestions one address has at most. What is left is
	// for a login in between.
	callerQuestions = appQuestions / 3

	// maxWaiting is how many questions of callers wait for a turn.
	maxWaiting = 1024

	// callerWait and renewalWait are how long one waits for its turn before it is given up.
	// The app's own time comes on top, at most askTimeout.
	callerWait  = 5 * time.Second
	renewalWait = 2 * time.Second
)

// question is one for the app, until its answer is there. Forward.mu guards it.
type question struct {
	key LoginKey
	credentials
	answer  *answer
	address netip.Addr // of who asked first
	renewal bool       // about open streams
	askers  int        // how many wait for the answer
	asked   bool       // it has had its turn
}

// line is the order in which the app is asked. Renewals go by themselves, first come,
// first served. Callers take turns by address, however many questions an address has.
// Nothing in it blocks. Forward.mu guards it.
type line struct {
	renewals []*question
	renewing int

	callers map[netip.Addr]*callerLine
	turns   []*callerLine // those with questions that wait, the next first
	waiting int           // questions of callers
	asking  int
}

// callerLine is what one address wants to know.
type callerLine struct {
	address netip.Addr
	waiting []*question
	asking  int
}

// most is how many questions of an address are asked at a time. Callers without an
// address, as behind a proxy that isn't configured, have no such limit.
func (c *callerLine) most() int {
	if c.address.IsValid() {
		return callerQuestions
	}
	return appQuestions
}

// add lets a question wait. Where the line is full, one has to go: the newest of the
// address that has most waiting. It is returned, nil if there was room.
func (l *line) add(q *question) (dropped *question) {
	if q.renewal {
		l.renewals = append(l.renewals, q)
		return nil
	}
	c := l.callers[q.address]
	if c == nil {
		c = &callerLine{address: q.address}
		l.callers[q.address] = c
	}
	if len(c.waiting) == 0 {
		l.turns = append(l.turns, c)
	}
	c.waiting = append(c.waiting, q)
	l.waiting++
	if l.waiting <= maxWaiting {
		return nil
	}
	longest := slices.MaxFunc(l.turns, func(a, b *callerLine) int { return len(a.waiting) - len(b.waiting) })
	dropped = longest.waiting[len(longest.waiting)-1]
	l.remove(dropped)
	return dropped
}

// remove takes a question out that has not had its turn.
func (l *line) remove(q *question) {
	is := func(other *question) bool { return other == q }
	if q.renewal {
		l.renewals = slices.DeleteFunc(l.renewals, is)
		return
	}
	c := l.callers[q.address]
	c.waiting = slices.DeleteFunc(c.waiting, is)
	l.waiting--
	if len(c.waiting) == 0 {
		l.turns = slices.DeleteFunc(l.turns, func(other *callerLine) bool { return other == c })
	}
	l.forget(c)
}

// promote makes the question of a caller one about open streams.
func (l *line) promote(q *question) {
	if !q.asked && !q.renewal {
		l.remove(q)
		q.renewal = true
		l.add(q)
	}
}

// next returns a question whose turn it is, nil if none may be asked now.
func (l *line) next() *question {
	if len(l.renewals) > 0 && l.renewing < appRenewals {
		q := l.renewals[0]
		l.renewals[0] = nil
		l.renewals = l.renewals[1:]
		l.renewing++
		q.asked = true
		return q
	}
	if l.asking == appQuestions {
		return nil
	}
	at := slices.IndexFunc(l.turns, func(c *callerLine) bool { return c.asking < c.most() })
	if at < 0 {
		return nil
	}
	c := l.turns[at]
	q := c.waiting[0]
	c.waiting[0] = nil
	c.waiting = c.waiting[1:]
	l.turns = slices.Delete(l.turns, at, at+1)
	if len(c.waiting) > 0 {
		l.turns = append(l.turns, c)
	}
	l.waiting--
	l.asking++
	c.asking++
	q.asked = true
	return q
}

// done says that a question has been asked.
func (l *line) done(q *question) {
	if q.renewal {
		l.renewing--
		return
	}
	l.asking--
	c := l.callers[q.address]
	c.asking--
	l.forget(c)
}

// forget drops an address that wants to know nothing more.
func (l *line) forget(c *callerLine) {
	if len(c.waiting) == 0 && c.asking == 0 {
		delete(l.callers, c.address)
	}
}
