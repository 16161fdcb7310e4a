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
// end: after carry has returned, in detachHandler, or in carry where there is none around
// it. While a session waits it holds no buffer of ours.
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

// detachHandler serves next. It waits for the stream that next may have left, once
// everything around it has returned: routing, middleware and their frames. A goroutine
// that waits for hours keeps the stack of what it has done. Therefore it does little.
type detachHandler struct{ next http.Handler }

// ServeHTTP is careful with its own stack. Over HTTP/2 the goroutine is only the
// handler's. One that never calls anything deep keeps the 2 KB it was born with, of which
// net/http has used a quarter by now and the runtime reserves half. So next has another
// goroutine, for as long as it takes. This one waits at one channel and no more: a select
// would be too deep.
func (d *detachHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rethrow(<-d.start(w, r))
}

// start has next answer, and returns where it is said that all is over.
func (d *detachHandler) start(w http.ResponseWriter, r *http.Request) <-chan any {
	over := make(chan any, 1)
	if r.ProtoMajor == 1 {
		serve(d.next, w, r, over)
	} else {
		go serve(d.next, w, r, over)
	}
	return over
}

func rethrow(fault any) {
	if fault != nil {
		panic(fault)
	}
}

// serve has next answer, and says when all is over: nil, or what panicked. A stream that
// was left says it instead.
func serve(next http.Handler, w http.ResponseWriter, r *http.Request, over chan<- any) {
	l := detachWriter{ResponseWriter: w}
	defer func() {
		switch fault := recover(); {
		case l.stream == nil:
			over <- fault
		case fault != nil: // of what is around the stream: it ends first, since it writes to what the server is to take back
			l.stream.abandon()
			over <- fault
		default:
			l.stream.detach(r.Context(), over)
		}
	}()
	next.ServeHTTP(&l, r)
}

// detachWriter is the ResponseWriter by which a handler finds where to leave its stream.
type detachWriter struct {
	http.ResponseWriter
	stream *goroutineStream
}

// Unwrap is for http.ResponseController.
func (l *detachWriter) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// detachWriterOf returns nil where nobody waits for what is left.
func detachWriterOf(w http.ResponseWriter) *detachWriter {
	for {
		switch v := w.(type) {
		case *detachWriter:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}
