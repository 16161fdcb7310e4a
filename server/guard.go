package server

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"
)

// bodyTimeout bounds how long net/http waits for a body that nobody wants, before it
// gives the connection up.
const bodyTimeout = 5 * time.Second

// panicked says so in the log. What is caught by name is no fault.
func panicked(logger *slog.Logger, fault any) {
	if fault != http.ErrAbortHandler {
		logger.Error("request panicked", "panic", fault, "stack", string(debug.Stack()))
	}
}

// guard keeps a request from harming more than itself.
func guard(logger *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				fault := recover()
				if fault == nil {
					return
				}
				panicked(logger.With("path", r.URL.Path), fault)
				panic(http.ErrAbortHandler) // the answer may have begun: only a broken connection says that it is not whole
			}()
			if r.ContentLength != 0 {
				// No route here reads one. net/http would, before it answers, to use the connection again.
				http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
				if r.ProtoMajor == 1 {
					w.Header().Set("Connection", "close")
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}
