package stream

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// passes read Kafka for those whose position is older than memory. All who wait for a stream
// when a pass begins are served by it, however many they are.
type passes struct {
	hub    *Hub
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	slots  chan struct{} // as many passes at once

	// guarded by the hub's lock
	waiting [][]*waiter // by stream
	running []bool      // by stream: a goroutine serves waiting
	looking [][]*look   // by stream: who asks for the newest of its older events
	seeking []bool      // by stream: a goroutine serves looking
	bytes   int         // found for all and not taken
}

// waiter is a subscriber's stream in the queue or in a pass.
type waiter struct {
	id      uint32
	epoch   string
	user    []byte
	subject []byte
	anyUser bool
	cold    *cold
}

var errNobody = errors.New("stream: nobody is left in the pass")

func (ps *passes) init(h *Hub, streams int) {
	ps.hub = h
	ps.ctx, ps.cancel = context.WithCancel(context.Background())
	ps.slots = make(chan struct{}, h.catchup.Concurrency)
	ps.waiting = make([][]*waiter, streams)
	ps.running = make([]bool, streams)
	ps.looking = make([][]*look, streams)
	ps.seeking = make([]bool, streams)
}

func (ps *passes) close() {
	ps.cancel()
	ps.wg.Wait()
}

// enqueue adds a waiter and sees to it that a goroutine serves the stream. The hub's lock is held.
func (ps *passes) enqueue(stream int, w *waiter) {
	ps.waiting[stream] = append(ps.waiting[stream], w)
	if ps.running[stream] || ps.hub.closed {
		return
	}
	ps.running[stream] = true
	ps.wg.Go(func() { ps.run(stream) })
}

// leave takes a subscriber that has gone out of what it waits for. The hub's lock is held.
func (ps *passes) leave(id uint32) {
	for i := range ps.hub.private[id].streams {
		if c := ps.hub.private[id].streams[i].cold; c != nil {
			c.close()
			ps.bytes -= c.bytes
			c.found, c.bytes = nil, 0
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

// pass is one reading of a stream from the lowest position waited for up to where the log was when it began.
type pass struct {
	hub      *Hub
	stream   int
	epoch    string
	from, to []int64
	everyone bool
	members  []*waiter
	byUser   map[string][]*waiter
	anyUser  map[string][]*waiter // by subject, those who follow it for any user

	reached []int64 // what has been read of each partition, for all members at once: there may be 100,000
	left    int     // members that have left it
}

// begin takes all who wait into a pass; nil if nobody does.
func (ps *passes) begin(stream int) *pass {
	h := ps.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	p := &pass{hub: h, stream: stream, epoch: l.epoch, to: slices.Clone(l.head), byUser: make(map[string][]*waiter), anyUser: make(map[string][]*waiter)}
	p.everyone = l.spec.Audience == AudienceEveryone
	p.from, p.reached = slices.Clone(p.to), make([]int64, len(p.to))
	floor := l.floor()
	for _, w := range ps.waiting[stream] {
		if w.cold.closed || w.epoch != l.epoch { // the latter learns of the new topic by its next pull
			continue
		}
		for q, from := range p.from {
			if next := at(w.cold.at, q); next < at(floor, q) { // memory has the rest
				p.from[q] = min(from, next)
			}
		}
		w.cold.in = p
		p.members = append(p.members, w)
		switch {
		case p.everyone:
		case w.anyUser:
			p.anyUser[string(w.subject)] = append(p.anyUser[string(w.subject)], w)
		case len(w.user) > 0: // without an identity nothing is anybody's
			p.byUser[string(w.user)] = append(p.byUser[string(w.user)], w)
		}
	}
	for q := range p.to {
		if p.from[q] == p.to[q] { // nobody needs it: nothing is read, and no position moves
			p.to[q] = 0
		}
	}
	ps.waiting[stream] = nil
	if len(p.members) == 0 {
		ps.running[stream] = false
		return nil
	}
	return p
}

// emit gives one partition's run to those it is for.
func (p *pass) emit(partition int32, events []Event, next int64) error {
	p.hub.mu.Lock()
	defer p.hub.mu.Unlock()
	for i := range events {
		ev := &events[i]
		var body []byte // framed once, for the first who gets it
		if p.everyone {
			for _, w := range p.members {
				body = p.give(w, ev, body)
			}
			continue
		}
		for _, user := range ev.Users {
			for _, w := range p.byUser[string(user)] {
				body = p.give(w, ev, body)
			}
		}
		for _, w := range p.anyUser[string(ev.Subject)] {
			body = p.give(w, ev, body)
		}
	}
	p.reached[partition] = max(p.reached[partition], next)
	if p.left == len(p.members) {
		return errNobody
	}
	return nil
}

// give adds an event to what was found for w, if it isn't past it.
func (p *pass) give(w *waiter, ev *Event, body []byte) []byte {
	c := w.cold
	if c.in != p || ev.Offset < at(c.at, int(ev.Partition)) ||
		len(w.subject) > 0 && string(w.subject) != string(ev.Subject) {
		return body
	}
	if c.bytes >= coldBytes || c.bytes > 0 && p.hub.passes.bytes >= coldTotal { // one event fits always, else nobody would get on
		c.leave() // at its position; it queues again from there
		c.state = coldLeft
		p.hub.wake(w.id, p.hub.seq+1)
		return body
	}
	if body == nil {
		body = appendBody(make([]byte, 0, frameSize(ev.Name, ev.Data)), ev.Name, ev.Data)
	}
	p.put(w, found{partition: ev.Partition, next: ev.Offset + 1, body: body})
	return body
}

func (p *pass) put(w *waiter, f found) {
	c := w.cold
	c.at = grow(c.at, int(f.partition)+1)
	c.at[f.partition] = f.next
	c.found = append(c.found, f)
	c.bytes += len(f.body)
	p.hub.passes.bytes += len(f.body)
	p.hub.wake(w.id, p.hub.seq+1)
}

// end tells those still in the pass how it ended.
func (p *pass) end(err error) {
	h := p.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	var gone *GoneError
	for _, w := range p.members {
		c := w.cold
		if c.in != p {
			continue
		}
		c.leave()
		switch {
		case err == nil:
			c.at = raise(c.at, p.to)
			c.state = coldDone
		case errors.As(err, &gone):
			l := h.logs[p.stream]
			to := min(gone.Start, at(l.floor(), int(gone.Partition))) // memory may have older than Kafka
			if from := at(c.at, int(gone.Partition)); from < to {
				r := Reset{Reason: ReasonRetention, Stream: l.spec.Name, Partitions: []Moved{{gone.Partition, from, to}}}
				p.put(w, found{partition: gone.Partition, next: to, reset: true, body: h.resetBody(r)})
			}
			h.passes.waiting[p.stream] = append(h.passes.waiting[p.stream], w)
		case errors.Is(err, ErrRecreated) && h.logs[p.stream].epoch != p.epoch:
			// its next pull takes it into the new topic
		default: // also recreated, and our reader hasn't noticed yet: coming back is the simplest way to wait for that
			c.state = coldFailed
		}
		h.wake(w.id, h.seq+1)
	}
}
