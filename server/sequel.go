package server

import (
	"context"
	"net/http"
)

// sequel is what a handler leaves to be done once everything around it has returned: routing, middleware and their frames. A
// goroutine that waits for hours keeps the stack of what it waits in, so it waits in little.
type sequel interface {
	do(w http.ResponseWriter, client context.Context)
}

// doLater runs next, and then what it left.
func doLater(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if then := before(next, w, r); then != nil {
			then.do(w, r.Context())
		}
	})
}

// before is a function of its own, so that nothing of it is left when it has returned.
func before(next http.Handler, w http.ResponseWriter, r *http.Request) sequel {
	l := leaver{ResponseWriter: w}
	next.ServeHTTP(&l, r)
	return l.then
}

// leaver is the ResponseWriter by which a handler finds where to leave it.
type leaver struct {
	http.ResponseWriter
	then sequel
}

// Unwrap is for http.ResponseController.
func (l *leaver) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// leave leaves something to be done; false: there is nobody to do it.
func leave(w http.ResponseWriter, then sequel) bool {
	for {
		switch v := w.(type) {
		case *leaver:
			v.then = then
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return false
		}
	}
}
