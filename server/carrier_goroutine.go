package server

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"sluice/server/metrics"
	"sluice/stream"
)

// goroutines carries each session as a ride, on a connection that net/http keeps. It
// works wherever that does: HTTP/1.0, 1.1 and 2, TLS, any system, any middleware that
// unwraps. The first turn is taken in carry, on the handler's goroutine; each later one
// has a goroutine that ends with it. Meanwhile the handler's goroutine only waits for the
// end: after carry has returned, in doLater, or in carry where there is none around it.
// While a session waits it holds no buffer of ours.
type goroutines struct {
	rides   streamsByToken
	waker   stream.WakerID
	terms   *terms
	lenders *lenders
	metrics *metrics.Metrics
	logger  *slog.Logger
	timeout time.Duration // a write may take
	ending  atomic.Int64  // 1 + the spread over which all sessions end from now on; 0: they don't
}

func newGoroutines(s *Server) *goroutines {
	g := &goroutines{terms: &s.terms, lenders: &s.lenders, metrics: s.cfg.Metrics, logger: s.cfg.Logger, timeout: s.cfg.WriteTimeout}
	g.waker = s.cfg.Hub.AddWaker(&g.rides)
	return g
}

func (g *goroutines) reserve() place { return place{waker: g.waker, token: g.rides.take()} }

func (g *goroutines) kind() carrierKind { return byGoroutine }

func (g *goroutines) release(p place) { g.rides.give(p.token) }

func (g *goroutines) drain(spread tick) {
	g.ending.CompareAndSwap(0, 1+int64(spread))
	g.rides.wakeAll()
}

func (g *goroutines) stop() {
	g.ending.Store(1)
	g.rides.wakeAll()
}

func (g *goroutines) close() {}

func (g *goroutines) carry(w http.ResponseWriter, r *http.Request, p place, s session, opening []byte) {
	setStreamHeader(w.Header(), r)
	l := leaverOf(w)
	if l != nil {
		w = l.ResponseWriter
	}
	ride := &goroutineStream{goroutines: g, session: s, place: p, opening: opening}
	ride.socket.init(w)
	ride.begin()
	if l != nil {
		l.then = ride
		return
	}
	over := make(chan any, 1)
	ride.leave(r.Context(), over)
	rethrow(<-over)
}

var batches = sync.Pool{New: func() any { return new(stream.Batch) }}
