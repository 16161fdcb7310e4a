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

// goroutines carries each session as a stream, on a connection that net/http keeps. It
// works wherever that does: HTTP/1.0, 1.1 and 2, TLS, any system, any middleware that
// unwraps. The first turn is taken in carry, on the handler's goroutine; each later one
// has a goroutine that ends with it. Meanwhile the handler's goroutine only waits for the
// end: after carry has returned, in doLater, or in carry where there is none around it.
// While a session waits it holds no buffer of ours.
type goroutines struct {
	byToken streamsByToken
	waker   stream.WakerID
	rules   *sessionRules
	lenders *lenders
	metrics *metrics.Metrics
	logger  *slog.Logger
	timeout time.Duration // a write may take
	specs   []stream.Spec
	ending  atomic.Int64 // 1 + the spread over which all sessions end from now on; 0: they don't

	listeners sync.WaitGroup // what reads from WebSockets
}

func newGoroutines(s *Server) *goroutines {
	g := &goroutines{rules: &s.rules, lenders: &s.lenders, metrics: s.cfg.Metrics, logger: s.cfg.Logger, timeout: s.cfg.WriteTimeout, specs: s.cfg.Hub.Specs()}
	g.waker = s.cfg.Hub.AddWaker(&g.byToken)
	return g
}

func (g *goroutines) reserve() wakeTarget { return wakeTarget{waker: g.waker, token: g.byToken.take()} }

func (g *goroutines) kind() carrierKind { return byGoroutine }

func (g *goroutines) release(p wakeTarget) { g.byToken.give(p.token) }

func (g *goroutines) drain(spread tick) {
	g.ending.CompareAndSwap(0, 1+int64(spread))
	g.byToken.wakeAll()
}

func (g *goroutines) stop() {
	g.ending.Store(1)
	g.byToken.wakeAll()
}

func (g *goroutines) close() { g.listeners.Wait() }

func (g *goroutines) carry(w http.ResponseWriter, r *http.Request, p wakeTarget, s session, opening []byte) {
	setStreamHeader(w.Header(), r)
	l := detachWriterOf(w)
	if l != nil {
		w = l.ResponseWriter
	}
	one := &goroutineStream{goroutines: g, by: byGoroutine, session: s, target: p, opening: opening}
	one.socket.init(w)
	one.begin()
	if l != nil {
		l.stream = one
		return
	}
	over := make(chan any, 1)
	one.detach(r.Context(), over)
	rethrow(<-over)
}

var batches = sync.Pool{New: func() any { return new(stream.Batch) }}
