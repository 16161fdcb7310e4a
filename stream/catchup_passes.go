package stream

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// catchupPasses read Kafka for subscribers whose position is older than memory. A pass
// serves all that wait for its stream when it begins, however many they are.
type catchupPasses struct {
	hub    *Hub
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{} // as many passes at once
	ageing chan struct{} // as many readings at once that only ask how old a position is

	// guarded by the hub's lock
	streams []streamPasses
	newest  *lane // the lane that was used last; older ones are linked
	oldest  *lane //
	bytes   int   // in all lanes

	answers newestCache // has its own lock
}

// streamPasses is what the passes over one stream have.
type streamPasses struct {
	members queue[*catchupMember] // that wait for a pass
	queries queue[*newestQuery]   // for the newest of its older events
	reading int                   // subscribers that wait or take from a lane
	shared  []*lane               // the lanes that later members may take from too
}

// queue is a line that a goroutine serves, first come first served. The goroutine is
// there while anybody is in the line.
type queue[T any] struct {
	waiting []T
	served  bool // the goroutine is there
}

// add puts one at the end. start: the caller starts the goroutine.
func (q *queue[T]) add(one T) (start bool) {
	q.waiting = append(q.waiting, one)
	start, q.served = !q.served, true
	return start
}

// take takes the first out; false: the line is empty.
func (q *queue[T]) take() (one T, ok bool) {
	if len(q.waiting) == 0 {
		return one, false
	}
	one, q.waiting[0] = q.waiting[0], one
	q.waiting = q.waiting[1:]
	return one, true
}

// put makes the line these. The goroutine ends if they are none, unless stay says that it
// has others to serve.
func (q *queue[T]) put(waiting []T, stay bool) {
	q.waiting, q.served = waiting, stay || len(waiting) > 0
}

// errNobody ends a pass that nobody needs any more.
var errNobody = errors.New("stream: nobody is left in the pass")

func (ps *catchupPasses) init(h *Hub, streams int) {
	ps.hub = h
	ps.ctx, ps.cancel = context.WithCancel(context.Background())
	ps.slots = make(chan struct{}, h.catchup.Concurrency)
	ps.ageing = make(chan struct{}, h.catchup.Concurrency)
	ps.streams = make([]streamPasses, streams)
}

func (ps *catchupPasses) close() {
	ps.cancel()
	ps.wg.Wait()
}

// enqueue has a subscriber served: by a lane that has what it needs, or by the next pass.
// The hub's lock is held.
func (ps *catchupPasses) enqueue(stream int, c *catchupMember) {
	s := &ps.streams[stream]
	s.reading++
	if la := ps.sharedFor(stream, c); la != nil {
		la.join(c)
		ps.touch(la)
		return
	}
	if !ps.hub.closed && s.members.add(c) {
		ps.wg.Go(func() { ps.run(stream) })
	}
}

// sharedFor returns a lane that has the events from a subscriber's position on; nil: none
// has.
func (ps *catchupPasses) sharedFor(stream int, c *catchupMember) *lane {
	for _, la := range slices.Backward(ps.streams[stream].shared) {
		p := la.pass
		ps.hub.mu.did(1)
		if la.key == c.key && p.epoch == c.epoch && p.gen == ps.hub.logs[stream].gen && !p.overtaken() && !p.failed() &&
			covers(c.own.pos, la.begins) && (la.open() || !covers(c.own.pos, la.reached())) {
			return la
		}
	}
	return nil
}

// unshare takes a lane from those that who comes later may take from.
func (ps *catchupPasses) unshare(la *lane) {
	s := &ps.streams[la.pass.stream]
	s.shared = slices.DeleteFunc(s.shared, func(other *lane) bool { return other == la })
	la.shared = false
}

// maxShared is how many lanes of a stream are kept for who comes later.
const maxShared = 16

// share keeps a new lane for who comes later: it may have several members.
func (ps *catchupPasses) share(la *lane) {
	if la.shared {
		return
	}
	la.shared, la.begins = true, slices.Clone(la.begins) // which were its only member's
	s := &ps.streams[la.pass.stream]
	if len(s.shared) >= maxShared {
		if i := slices.IndexFunc(s.shared, func(old *lane) bool { return old.members == 0 }); i >= 0 {
			ps.giveUp(s.shared[i])
		} else {
			ps.unshare(s.shared[0])
		}
	}
	s.shared = append(s.shared, la)
}

// forgetMember takes a subscriber that has gone out of what it waits for. The hub's lock
// is held.
func (ps *catchupPasses) forgetMember(id uint32) {
	for i := range ps.hub.own[id].streams {
		if c := ps.hub.own[id].streams[i].catchup; c != nil {
			c.close(ps)
		}
	}
}

// run makes passes over a stream until nobody waits for it.
func (ps *catchupPasses) run(stream int) {
	for {
		select {
		case ps.slots <- struct{}{}:
		case <-ps.ctx.Done():
			return
		}
		p := ps.begin(stream)
		if p != nil {
			p.end(ps.hub.history.Read(ps.ctx, stream, p.epoch, p.from, p.to, p.emit))
		}
		<-ps.slots
		if p == nil {
			return
		}
	}
}
