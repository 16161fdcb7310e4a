package server

import (
	"context"
	"net/http"
	"time"

	"sluice/stream"
)

// ride is a session on its goroutine. What it needs stands here, once, and not on the stack: stacks come in powers of two,
// and the one of a goroutine that waits is to be a small one.
type ride struct {
	*goroutines
	session session
	place   place
	opening []byte // nil, once written
	socket  socket
	timer   *time.Timer
	hurried bool   // the end of all sessions is in session.end
	why     reason // it ended
}

// do carries the session to its end.
func (r *ride) do(w http.ResponseWriter, client context.Context) {
	defer r.leave()
	r.metrics.opened(byGoroutine)
	w.WriteHeader(http.StatusOK)
	r.socket = newSocket(w, r.timeout)
	r.why = r.follow(r.bells.ring(r.place.token), client.Done())
	r.socket.finish()
}

// leave gives back what the session has. It stands outside of guard, whose frame would be the one too many for a small stack.
func (r *ride) leave() {
	if r.timer != nil {
		r.timer.Stop()
	}
	r.session.sub.Leave(r.why.String()) // before the release: then nobody rings for another's session
	r.release(r.place)
	if r.session.tied {
		r.logins.detach(r.session.sub.Key())
	}
	r.limits.give(r.session.stake)
	r.metrics.closed(byGoroutine, r.why)
	r.gate.leave()
	if fault := recover(); fault != nil {
		panicked(r.logger, fault)
		panic(http.ErrAbortHandler)
	}
}

// follow writes until the session or the connection ends, and says which it was.
func (r *ride) follow(ring, client <-chan struct{}) reason {
	for {
		switch next, why := r.write(); next {
		case end:
			return why
		case more: // a client with much to read is asked too whether it is there
			select {
			case <-client:
				return gone
			default:
			}
		case wait:
			select {
			case <-ring:
			case <-client:
				return gone
			}
		}
	}
}

// write writes what there is, and sees to it that the bell rings when there is something to do again. At the end it says why.
func (r *ride) write() (next verdict, why reason) {
	now := r.terms.now()
	r.hurry(now)
	out := batches.Get().(*stream.Batch)
	if r.opening != nil {
		out.Append(r.opening)
		r.opening = nil
	}
	next = r.session.fill(r.terms, now, out)
	err := r.socket.write(out)
	r.metrics.wrote(out)
	out.Reset()
	batches.Put(out)
	switch {
	case err != nil:
		return end, r.socket.lost()
	case next == end:
		return end, r.session.why
	case next == wait:
		r.wakeIn(r.session.due() - r.terms.now())
	}
	return next, 0
}

// wakeIn rings the session's own bell after a while: one channel less than a timer that has one.
func (r *ride) wakeIn(d tick) {
	if r.timer == nil {
		bells, token := &r.bells, r.place.token
		r.timer = time.AfterFunc(d.duration(), func() { bells.Wake(token) })
		return
	}
	r.timer.Reset(d.duration())
}

// hurry sets the session's end once all are to end.
func (r *ride) hurry(now tick) {
	spread := tick(r.ending.Load() - 1)
	if spread < 0 || r.hurried && spread > 0 {
		return
	}
	r.hurried = true
	r.session.endBy(now+r.terms.random(0, spread), draining)
}
