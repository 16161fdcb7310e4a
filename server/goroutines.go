package server

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sluice/stream"
)

// goroutines carries each session on its handler's goroutine. It works wherever
// net/http does: HTTP/1.0, 1.1 and 2, TLS, any system, any middleware that
// unwraps. While a session waits it holds no buffer of ours.
type goroutines struct {
	bells   bells
	waker   stream.WakerID
	terms   *terms
	gate    *gate
	limits  *limiter
	logins  *logins
	metrics *Metrics
	timeout time.Duration // a write may take

	drainOnce sync.Once
	draining  chan struct{}
	spread    atomic.Int64 // ticks; set before draining is closed
	stopOnce  sync.Once
	stopped   chan struct{}
}

func newGoroutines(s *Server) *goroutines {
	g := &goroutines{terms: &s.terms, gate: &s.gate, limits: s.limits, logins: s.logins, metrics: s.cfg.Metrics, timeout: s.cfg.WriteTimeout, draining: make(chan struct{}), stopped: make(chan struct{})}
	g.waker = s.cfg.Hub.AddWaker(&g.bells)
	return g
}

func (g *goroutines) reserve() place { return place{waker: g.waker, token: g.bells.take()} }

func (g *goroutines) release(p place) { g.bells.give(p.token) }

func (g *goroutines) drain(spread tick) {
	g.drainOnce.Do(func() {
		g.spread.Store(int64(spread))
		close(g.draining)
	})
}

func (g *goroutines) stop() { g.stopOnce.Do(func() { close(g.stopped) }) }

func (g *goroutines) close() {}

func (g *goroutines) carry(w http.ResponseWriter, r *http.Request, p place, s session, opening []byte) {
	defer g.gate.leave()
	defer g.limits.give(s.stake)
	if s.tied {
		defer g.logins.detach(s.sub.Key())
	}
	defer g.release(p)
	defer s.sub.Close() // before the release: then nobody rings for another's session
	g.metrics.opened()
	writeStreamHeader(w, r)
	sock := newSocket(w, g.timeout)
	why := g.follow(sock, r.Context(), g.bells.ring(p.token), &s, opening)
	sock.finish()
	g.metrics.closed(why)
}

// always is ready: to wait for it is not to wait.
var always = func() <-chan struct{} { c := make(chan struct{}); close(c); return c }()

// follow writes until the session or the connection ends, and says which it was.
func (g *goroutines) follow(sock *socket, client context.Context, ring <-chan struct{}, s *session, opening []byte) reason {
	timer := time.NewTimer(0)
	defer timer.Stop()
	drain, stop := g.draining, g.stopped
	for {
		out := batches.Get().(*stream.Batch)
		if opening != nil {
			out.Append(opening)
			opening = nil
		}
		next := s.fill(g.terms, g.terms.now(), out)
		err := sock.write(out)
		g.metrics.wrote(out)
		out.Reset()
		batches.Put(out)

		var again <-chan struct{}
		switch {
		case err != nil:
			return sock.lost()
		case next == end:
			return s.why
		case next == more:
			again = always // not continue: a client with much to read hears of the end too
		}
		timer.Reset((s.due() - g.terms.now()).duration())
		select {
		case <-ring:
		case <-timer.C:
		case <-again:
		case <-client.Done():
			return gone
		case <-drain:
			drain = nil
			s.endBy(g.terms.now()+g.terms.random(0, tick(g.spread.Load())), draining)
		case <-stop:
			stop = nil
			s.endBy(g.terms.now(), draining)
		}
	}
}

var batches = sync.Pool{New: func() any { return new(stream.Batch) }}
