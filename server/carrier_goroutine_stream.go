package server

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"sluice/stream"
)

// goroutineStream is a session on the ordinary carrier. What there is to do is done in
// turns, one at a time. The first is the handler's; each later one has a goroutine that
// ends with it. Writing takes 8 KB of stack, and a goroutine that has once had them
// keeps them.
type goroutineStream struct {
	*goroutines
	by      carrierKind
	session session
	target  wakeTarget
	opening []byte // nil, once written
	socket  socket
	alarm   *time.Timer
	rings   atomic.Int32  // what woke it since nobody took a turn; above 0, somebody does
	gone    atomic.Bool   // the client went away
	fault   any           // for the handler to panic with
	over    chan<- any    // its handler waits for the fault here, once it has been left
	parted  atomic.Int32  // left, and finished: when both are true it is over
	talk    *conversation // with a WebSocket's client; nil: it is none
}

// begin takes the first turn, and has the hub wake the stream for others.
func (r *goroutineStream) begin() {
	r.metrics.Opened(r.by.String())
	r.rings.Store(1)
	r.byToken.begin(r.target.token, r)
	r.turn()
}

// wake has somebody take a turn, or another one after the one that goes on.
func (r *goroutineStream) wake() {
	if r.rings.Add(1) == 1 {
		go r.turn()
	}
}

// turn writes until there is nothing to write, or to the session's end.
func (r *goroutineStream) turn() {
	defer r.catch()
	for {
		rings := r.rings.Load()
		if r.gone.Load() {
			r.finish(gone)
			return
		}
		switch next, why := r.write(); {
		case next == end:
			r.finish(why)
			return
		case next == wait && r.rings.CompareAndSwap(rings, 0):
			return
		}
	}
}

// catch ends a stream whose turn panicked.
func (r *goroutineStream) catch() {
	if fault := recover(); fault != nil {
		panicked(r.logger, fault)
		r.fault = http.ErrAbortHandler // the answer has begun: only a broken connection says that it is not whole
		r.finish(gone)
	}
}

// finish gives back what the session has. The turn it is called in is the last: its rings
// are never taken back.
func (r *goroutineStream) finish(why reason) {
	if r.alarm != nil {
		r.alarm.Stop()
	}
	r.lenders.end(r.session.sub, &r.session.lease, why.String(), func() {
		r.release(r.target) // now that the hub wakes nobody: another's session may have the token
		if r.talk != nil {
			r.talk.hangUp(r.socket.w)
		} else {
			r.socket.finish(time.Now().Add(r.timeout))
		}
		r.metrics.Closed(r.by.String(), why.String())
	})
	r.part()
}

// detach has the stream go on by itself, to its own end or the client's, and then say so.
func (r *goroutineStream) detach(client context.Context, over chan<- any) {
	r.over = over
	context.AfterFunc(client, func() {
		r.gone.Store(true)
		r.wake()
	})
	r.part()
}

// abandon ends the stream, and waits for that.
func (r *goroutineStream) abandon() {
	client, quit := context.WithCancel(context.Background())
	quit()
	over := make(chan any, 1)
	r.detach(client, over)
	<-over
}

func (r *goroutineStream) part() {
	if r.parted.Add(1) == 2 {
		r.over <- r.fault
	}
}

// write writes what there is, and sees to it that the session is woken when there is
// something to do again. At the end it says why.
func (r *goroutineStream) write() (next verdict, why reason) {
	now := r.rules.now()
	r.session.hurry(r.rules, now, r.ending.Load())
	out := batches.Get().(*stream.Batch)
	if r.opening != nil {
		out.Append(r.opening)
	}
	if r.talk == nil {
		next = r.session.fill(r.rules, now, out)
	} else {
		next = r.talk.fill(&r.session, r.rules, r.specs, now, out)
	}
	err := r.send(out)
	r.metrics.Wrote(out)
	out.Reset()
	batches.Put(out)
	switch {
	case err != nil:
		return end, r.socket.lost()
	case next == end:
		return end, r.session.why
	case next == wait:
		r.wakeIn((r.session.due() - r.rules.now()).duration())
	}
	return next, 0
}

// send sends a batch within the carrier's timeout: the alarm, which has nothing else to
// do meanwhile, says when that is over. An empty batch sends nothing.
func (r *goroutineStream) send(out *stream.Batch) error {
	if out.Bytes == 0 {
		return nil
	}
	if r.opening != nil {
		r.opening = nil
		if err := r.socket.open(); err != nil {
			return err
		}
	}
	r.socket.expect(time.Now().Add(r.timeout)) // before the alarm, which does nothing for a write that it doesn't know of
	r.wakeIn(r.timeout)
	return r.socket.write(out)
}

// wakeIn sets the alarm.
func (r *goroutineStream) wakeIn(d time.Duration) {
	if r.alarm == nil {
		r.alarm = time.AfterFunc(d, r.ring)
		return
	}
	r.alarm.Reset(d)
}

// ring is what the alarm does.
func (r *goroutineStream) ring() {
	if !r.socket.late(time.Now()) {
		r.wake()
	}
}
