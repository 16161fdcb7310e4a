// Package logins ends streams when what let their caller in is over (logins.go): a
// session of the app, or a ticket.
package logins

import (
	"container/heap"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"sluice/server/auth"
	"sluice/stream"
)

const (
	// renewals is how many logins are asked after at a time.
	renewals = 64

	// renewPause is about how long after a question without an answer the next one comes.
	renewPause = 5 * time.Second
)

// Logins knows the streams that depend on something that may end at any time: a session
// that an app may end, a ticket that may be revoked. One loop asks after each login when
// that is due, however many streams depend on it. A login that is over ends its streams
// through the hub. Its subscriptions outlive no carrier, so it doesn't matter how they
// are carried. Streams of other kinds of identity are not in here and cost nothing.
type Logins struct {
	hub    *stream.Hub
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // the loop and its questions
	slots  chan struct{}  // as many questions at once
	sooner chan struct{}  // one slot: something is due earlier than the loop knows

	mu    sync.Mutex // guards the rest; no other lock is taken under it
	byKey map[auth.LoginKey]*login
	bySub map[uint64]*login     // by stream.Sub's key
	made  map[auth.LoginKey]int // how many logins were made with such a one
	queue dueQueue              // those to be asked after, the next first
}

// login is what some streams depend on.
type login struct {
	auth.Login
	user  string
	roles []string
	subs  []uint64
	due   time.Time // to be asked after
	index int       // in the queue; -1: it isn't
}

// New begins the loop, which Close ends.
func New(hub *stream.Hub) *Logins {
	ls := &Logins{
		hub: hub, slots: make(chan struct{}, renewals), sooner: make(chan struct{}, 1),
		byKey: make(map[auth.LoginKey]*login), bySub: make(map[uint64]*login), made: make(map[auth.LoginKey]int),
	}
	ls.ctx, ls.cancel = context.WithCancel(context.Background())
	ls.wg.Go(ls.run)
	return ls
}

// Close waits for the loop and for its questions.
func (ls *Logins) Close() {
	ls.cancel()
	ls.wg.Wait()
}

// Attach has a stream depend on its principal's login. The caller that attaches detaches.
func (ls *Logins) Attach(sub stream.Sub, p auth.Principal) {
	ls.mu.Lock()
	l := ls.byKey[p.Login.Key]
	var others []uint64
	switch {
	case l == nil:
		l = &login{index: -1}
		ls.byKey[p.Login.Key] = l
		if p.Login.Of != (auth.LoginKey{}) {
			ls.made[p.Login.Of]++
		}
		ls.take(l, p)
	case !l.still(p): // the same session is somebody else's now
		others, l.subs = l.subs, nil
		for _, key := range others {
			delete(ls.bySub, key)
		}
		ls.take(l, p)
	case p.Login.Due.After(l.Due): // it was asked after for this stream
		ls.take(l, p)
	}
	l.subs = append(l.subs, sub.Key())
	ls.bySub[sub.Key()] = l
	ls.mu.Unlock()
	ls.endStreams(others)
}

// still reports whether p is who the login's streams were opened for, with the same
// roles: what else a caller may read is found out when it comes back.
func (l *login) still(p auth.Principal) bool {
	return p.User == l.user && slices.Equal(p.Roles, l.roles)
}

// take takes over what the latest answer says, and queues the login for the next
// question. The lock is held.
func (ls *Logins) take(l *login, p auth.Principal) {
	l.Login, l.user, l.roles = *p.Login, p.User, p.Roles
	if l.Renew != nil {
		ls.schedule(l, l.Due)
	}
}

// schedule queues a login. The lock is held.
func (ls *Logins) schedule(l *login, due time.Time) {
	l.due = due
	if l.index < 0 {
		heap.Push(&ls.queue, l)
	} else {
		heap.Fix(&ls.queue, l.index)
	}
	if l.index == 0 {
		select {
		case ls.sooner <- struct{}{}:
		default:
		}
	}
}

// Len is how many streams depend on logins.
func (ls *Logins) Len() int {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return len(ls.bySub)
}

// Detach forgets a stream that has ended. It may have been forgotten already.
func (ls *Logins) Detach(key uint64) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.bySub[key]
	if l == nil {
		return
	}
	delete(ls.bySub, key)
	l.subs = slices.DeleteFunc(l.subs, func(other uint64) bool { return other == key })
	if len(l.subs) == 0 {
		ls.drop(l)
	}
}

// drop forgets a login, and returns the streams that depended on it. The lock is held.
func (ls *Logins) drop(l *login) (subs []uint64) {
	if ls.byKey[l.Key] == l {
		delete(ls.byKey, l.Key)
		if ls.made[l.Of]--; ls.made[l.Of] <= 0 { // also of those that were made with none
			delete(ls.made, l.Of)
		}
	}
	if l.index >= 0 {
		heap.Remove(&ls.queue, l.index)
	}
	for _, key := range l.subs {
		delete(ls.bySub, key)
	}
	subs, l.subs = l.subs, nil
	return subs
}

// endStreams ends streams. Their carriers say so and close them.
func (ls *Logins) endStreams(subs []uint64) int {
	for _, key := range subs {
		ls.hub.Sub(key).End()
	}
	return len(subs)
}

// End ends the streams that depend on a login, or on one that was made with it, and says
// how many.
func (ls *Logins) End(key auth.LoginKey) int {
	ls.mu.Lock()
	var subs []uint64
	if l := ls.byKey[key]; l != nil {
		subs = ls.drop(l)
	}
	if ls.made[key] > 0 {
		for _, l := range ls.byKey {
			if l.Of == key {
				subs = append(subs, ls.drop(l)...)
			}
		}
	}
	ls.mu.Unlock()
	return ls.endStreams(subs)
}

// run asks after logins as they are due.
func (ls *Logins) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l, wait := ls.next()
		if l == nil {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ls.sooner:
			case <-ls.ctx.Done():
				return
			}
			continue
		}
		select {
		case ls.slots <- struct{}{}:
		case <-ls.ctx.Done():
			return
		}
		ls.wg.Go(func() {
			defer func() { <-ls.slots }()
			ls.renew(l)
		})
	}
}

// next takes the next login that is due out of the queue, or says how long there is none.
func (ls *Logins) next() (*login, time.Duration) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(ls.queue) == 0 {
		return nil, time.Hour
	}
	l := ls.queue[0]
	if wait := time.Until(l.due); wait > 0 {
		return nil, wait
	}
	heap.Pop(&ls.queue)
	return l, 0
}

// renew asks after a login, and ends its streams when it is over, or when there was no
// answer for too long.
func (ls *Logins) renew(l *login) {
	ls.mu.Lock()
	ask := l.Renew
	ls.mu.Unlock()
	p, err := ask(ls.ctx)
	if ls.ctx.Err() != nil {
		return
	}
	var refused *auth.Error
	ls.mu.Lock()
	switch {
	case len(l.subs) == 0: // they have all gone meanwhile
		ls.mu.Unlock()
		return
	case err == nil && p.Login != nil && l.still(p):
		ls.take(l, p)
	case err == nil, errors.As(err, &refused), !time.Now().Before(l.Until):
		subs := ls.drop(l)
		ls.mu.Unlock()
		ls.endStreams(subs)
		return
	default:
		again := time.Now().Add(renewPause/2 + rand.N(renewPause))
		if again.After(l.Until) {
			again = l.Until
		}
		ls.schedule(l, again)
	}
	ls.mu.Unlock()
}

// dueQueue is a heap of logins.
type dueQueue []*login

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *dueQueue) Push(x any) {
	l := x.(*login)
	l.index = len(*q)
	*q = append(*q, l)
}

// Pop implements heap.Interface.
func (q *dueQueue) Pop() any {
	last := len(*q) - 1
	l := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	l.index = -1
	return l
}
