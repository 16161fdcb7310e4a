package stream

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// passes read Kafka for those whose position is older than memory. Who waits for a stream when a
// pass begins is served by it, however many they are.
type passes struct {
	hub    *Hub
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{} // as many passes at once
	ageing chan struct{} // as many readings at once that only ask how old a position is

	// guarded by the hub's lock
	waiting [][]*cold // by stream, who waits for a pass, the first who came first
	running []bool    // by stream: a goroutine serves waiting
	reading []int     // by stream, subscribers that wait or take from a lane
	shared  [][]*lane // by stream, the lanes that who comes later may take from too
	newest  *lane     // the lane that was used last; older ones are linked
	oldest  *lane     //
	bytes   int       // in all lanes
	looking [][]*look // by stream: who asks for the newest of its older events
	seeking []bool    // by stream: a goroutine serves looking

	seen seenLog // has a lock of its own
}

var errNobody = errors.New("stream: nobody is left in the pass")

func (ps *passes) init(h *Hub, streams int) {
	ps.hub = h
	ps.ctx, ps.cancel = context.WithCancel(context.Background())
	ps.slots = make(chan struct{}, h.catchup.Concurrency)
	ps.ageing = make(chan struct{}, h.catchup.Concurrency)
	ps.waiting = make([][]*cold, streams)
	ps.running = make([]bool, streams)
	ps.reading = make([]int, streams)
	ps.shared = make([][]*lane, streams)
	ps.looking = make([][]*look, streams)
	ps.seeking = make([]bool, streams)
}

func (ps *passes) close() {
	ps.cancel()
	ps.wg.Wait()
}

// enqueue has a subscriber served: by a lane that has what it needs, or by the next pass. The
// hub's lock is held.
func (ps *passes) enqueue(stream int, c *cold) {
	ps.reading[stream]++
	if la := ps.sharedFor(stream, c); la != nil {
		la.join(c)
		ps.touch(la)
		return
	}
	ps.waiting[stream] = append(ps.waiting[stream], c)
	if ps.running[stream] || ps.hub.closed {
		return
	}
	ps.running[stream] = true
	ps.wg.Go(func() { ps.run(stream) })
}

// sharedFor returns a lane that has the events from a subscriber's position on; nil: none has.
func (ps *passes) sharedFor(stream int, c *cold) *lane {
	for _, la := range slices.Backward(ps.shared[stream]) {
		p := la.pass
		ps.hub.mu.did(1)
		if la.key == c.key && p.epoch == c.epoch && p.gen == ps.hub.logs[stream].gen && !p.failed() &&
			covers(c.own.pos, la.begins) && (la.open() || !covers(c.own.pos, la.reached())) {
			return la
		}
	}
	return nil
}

// unshare takes a lane from those that who comes later may take from.
func (ps *passes) unshare(la *lane) {
	stream := la.pass.stream
	ps.shared[stream] = slices.DeleteFunc(ps.shared[stream], func(other *lane) bool { return other == la })
	la.shared = false
}

// maxShared is how many lanes of a stream are kept for who comes later.
const maxShared = 16

// share keeps a new lane for who comes later: it may have several takers.
func (ps *passes) share(la *lane) {
	if la.shared {
		return
	}
	la.shared, la.begins = true, slices.Clone(la.begins) // which were its only taker's
	stream := la.pass.stream
	if shared := ps.shared[stream]; len(shared) >= maxShared {
		if i := slices.IndexFunc(shared, func(old *lane) bool { return old.members == 0 }); i >= 0 {
			ps.giveUp(shared[i])
		} else {
			ps.unshare(shared[0])
		}
	}
	ps.shared[stream] = append(ps.shared[stream], la)
}

// leave takes a subscriber that has gone out of what it waits for. The hub's lock is held.
func (ps *passes) leave(id uint32) {
	for i := range ps.hub.private[id].streams {
		if c := ps.hub.private[id].streams[i].cold; c != nil {
			c.close(ps)
		}
	}
}

// run makes passes over a stream until nobody waits for it.
func (ps *passes) run(stream int) {
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
