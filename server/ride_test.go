package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRidePanics: a fault in one stream is logged, breaks its connection, and leaves nothing behind.
func TestRidePanics(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Goroutines = true })
	f.warm()
	func() {
		defer func() {
			if fault := recover(); fault != http.ErrAbortHandler {
				t.Errorf("panicked with %v", fault)
			}
		}()
		f.Handler().ServeHTTP(faulty{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/events?user=alice", nil))
	}()
	if logs := f.logs.String(); !strings.Contains(logs, "request panicked") || !strings.Contains(logs, "out of order") {
		t.Errorf("logged %q", logs)
	}
	if !f.empty() {
		t.Error("something is left of it")
	}
}

type faulty struct{ http.ResponseWriter }

func (faulty) WriteHeader(int) { panic("out of order") }

// TestSequel: what a handler leaves is done after everything around it has returned, with the writer that the server gave.
func TestSequel(t *testing.T) {
	var order []string
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !leave(w, noting{&order}) {
			t.Error("could not leave it")
		}
	})
	outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(wrapping{w}, r)
		order = append(order, "returned")
	})
	doLater(outer).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	if got := strings.Join(order, ", "); got != "returned, done" {
		t.Errorf("order: %s", got)
	}
	if leave(wrapping{httptest.NewRecorder()}, nil) {
		t.Error("left it to nobody")
	}
}

type wrapping struct{ http.ResponseWriter }

func (w wrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type noting struct{ order *[]string }

func (n noting) do(w http.ResponseWriter, _ context.Context) {
	if _, ok := w.(*httptest.ResponseRecorder); ok {
		*n.order = append(*n.order, "done")
	}
}
