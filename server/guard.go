package server

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"sluice/server/auth"
	"sluice/server/cors"
	"sluice/server/limit"
	"sluice/server/metrics"
	"sluice/server/response"
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
				// net/http would read a body that nobody wants, before it answers, to use
				// the connection again.
				http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
				if !endsEmpty(w, r) && r.ProtoMajor == 1 {
					w.Header().Set("Connection", "close")
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// endsEmpty reports whether a request to read something has a body in its framing only,
// and makes it one without. Envoy, Linkerd and other proxies write Transfer-Encoding:
// chunked into a GET that has none, and over HTTP/2 the end may come in a separate frame.
func endsEmpty(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.ContentLength > 0 {
		return false
	}
	if n, err := io.ReadFull(r.Body, make([]byte, 1)); n > 0 || err != io.EOF {
		return false
	}
	r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
	bodyTaken(w)
	return true
}

// ofBackEnd returns the body of a back end's request, which shows an API key for this
// action. Its connection may serve the next: a back end asks for many tickets. code is of
// the problem with a body that can't be read.
func (s *Server) ofBackEnd(w http.ResponseWriter, r *http.Request, action, code string, most int64) (key auth.APIKey, body []byte, refused *response.Problem) {
	var err error = &auth.Error{Reason: auth.ReasonKey, Detail: "The API key is not known.", Challenge: `Bearer realm="sluice"`}
	if s.cfg.APIKeys != nil {
		key, err = s.cfg.APIKeys.Check(r, action)
	}
	switch {
	case errors.Is(err, auth.ErrScope):
		return key, nil, outOfScope("The API key is not for this.")
	case err != nil:
		s.refused(r, err)
		return key, nil, response.Unidentified(err)
	}
	body, refused = wholeBody(w, r, code, most)
	return key, body, refused
}

// countedKeys counts the uses of keys.
type countedKeys struct {
	APIKeys
	metrics *metrics.Metrics
}

// Check implements [APIKeys].
func (k countedKeys) Check(r *http.Request, action string) (key auth.APIKey, err error) {
	if key, err = k.APIKeys.Check(r, action); err == nil {
		k.metrics.KeyUsed(key.Name)
	}
	return key, err
}

// wholeBody reads a body of so many bytes at most. code is of the problem with one that
// can't be read.
func wholeBody(w http.ResponseWriter, r *http.Request, code string, most int64) (body []byte, refused *response.Problem) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		return nil, response.BadRequest(code, "The body must be JSON, and is too long or can't be read.")
	}
	bodyTaken(w)
	w.Header().Del("Connection")
	return body, nil
}

// identifyToChange is identify for a request that changes something. What a browser adds
// to a request by itself counts only for pages that [cors.Config.CookieCounts] lets.
func (s *Server) identifyToChange(r *http.Request) (auth.Principal, *response.Problem) {
	if s.cfg.CORS.CookieCounts(r, s.proxied(r)) {
		return s.identify(r)
	}
	bare, had := cors.WithoutCookies(r)
	principal, refused := s.identify(bare)
	if refused != nil && refused.Anonymous && had {
		return principal, response.NewProblem(http.StatusForbidden, "cross-origin", "Not for pages of another site",
			"A cookie counts here only with an Origin that is this host or one of cors.origins, and with Content-Type: application/json.")
	}
	return principal, refused
}

// proxied reports whether a request comes from a proxy that is believed.
func (s *Server) proxied(r *http.Request) bool {
	return s.cfg.Proxies.Believes(limit.PeerAddr(r.RemoteAddr))
}

// bodyTaken takes back the deadline of a body that has been read.
func bodyTaken(w http.ResponseWriter) {
	http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// plainPaths are routes that are found however a client or a proxy has joined and escaped
// their path.
type plainPaths map[string]bool

// middleware writes /events for /events/, //events and /%65vents. A redirect would not
// do: an EventSource that has followed one asks there again for as long as it lives.
// Routes that change something are found by their own path only, so that a rule of a
// proxy for that path holds.
func (p plainPaths) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := "/" + strings.Trim(r.URL.Path, "/")
		for strings.Contains(path, "//") {
			path = strings.ReplaceAll(path, "//", "/")
		}
		if p[path] {
			r.URL.Path, r.URL.RawPath = path, ""
		}
		next.ServeHTTP(w, r)
	})
}
