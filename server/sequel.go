package server

import "net/http"

// doLater serves next, and waits for the ride that next may have left, once everything around it has returned: routing,
// middleware and their frames. A goroutine that waits for hours keeps the stack of what it has done, so it does little.
type doLater struct{ next http.Handler }

// ServeHTTP is careful with its own stack. Over HTTP/2 the goroutine is only the handler's, and one that never calls
// anything deep keeps the 2 KB it was born with; so next has a goroutine of its own, for as long as it takes.
func (d *doLater) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var then *ride
	if r.ProtoMajor == 1 {
		then = before(d.next, w, r)
	} else {
		then = aside(d.next, w, r)
	}
	if then == nil {
		return
	}
	select {
	case <-then.over:
	case <-r.Context().Done():
		then.abandon()
	}
	then.check()
}

// before is a function of its own, so that nothing of it is left when it has returned.
func before(next http.Handler, w http.ResponseWriter, r *http.Request) *ride {
	l := leaver{ResponseWriter: w}
	next.ServeHTTP(&l, r)
	return l.then
}

// aside is before on a goroutine of its own.
func aside(next http.Handler, w http.ResponseWriter, r *http.Request) (then *ride) {
	over := make(chan any) // next's panic, or nil
	go func() {
		defer func() { over <- recover() }()
		then = before(next, w, r)
	}()
	if fault := <-over; fault != nil {
		panic(fault)
	}
	return then
}

// leaver is the ResponseWriter by which a handler finds where to leave its ride.
type leaver struct {
	http.ResponseWriter
	then *ride
}

// Unwrap is for http.ResponseController.
func (l *leaver) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// leaverOf returns nil where nobody waits for what is left.
func leaverOf(w http.ResponseWriter) *leaver {
	for {
		switch v := w.(type) {
		case *leaver:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}
