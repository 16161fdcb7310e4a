package server

import "net/http"

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
