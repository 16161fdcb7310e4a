package server

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"sluice/server/limit"
	"sluice/server/response"
	"sluice/stream"
)

// forwardedPause is how often the log says that a proxy isn't believed, at most.
const forwardedPause = time.Hour

// requestLog is what the log says of requests and streams. Except for a proxy that isn't
// believed, that is on the level debug only. It names users, addresses, streams of the
// configuration and causes. It never has what a request shows: no query, no header.
type requestLog struct {
	logger *slog.Logger
	server *Server
	lines  *limit.LogLines // by cause

	forwarded atomic.Int64 // the second from which on a proxy that isn't believed may be said again
}

func newRequestLog(s *Server) *requestLog {
	return &requestLog{logger: s.cfg.Logger, server: s, lines: limit.NewLogLines(limit.DebugLines)}
}

// room reports whether there is room in the log for a line of a kind, and how many before
// it had none.
func (l *requestLog) room(kind string) (room bool, unlogged int) {
	if !l.on() {
		return false, 0
	}
	return l.lines.Take(kind, time.Now())
}

// on reports whether anything but warnings is logged.
func (l *requestLog) on() bool { return l.logger.Enabled(context.Background(), slog.LevelDebug) }

// knownCaller is who a request turned out to come from.
type knownCaller struct{ user string }

type callerKey struct{}

// middleware has the caller of a request remembered until it is answered.
func (l *requestLog) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.lookForProxy(r)
		if l.on() {
			r = r.WithContext(context.WithValue(r.Context(), callerKey{}, new(knownCaller)))
		}
		next.ServeHTTP(w, r)
	})
}

// caller notes who a request comes from.
func (l *requestLog) caller(r *http.Request, user string) {
	if known, _ := r.Context().Value(callerKey{}).(*knownCaller); known != nil {
		known.user = user
	}
}

// refused logs an answer that lets nobody in. cause is the code of the problem, or why
// the caller has to wait.
func (l *requestLog) refused(r *http.Request, p *response.Problem, cause string) {
	room, unlogged := l.room(cause)
	if !room {
		return
	}
	said := []any{"status", p.Status, "cause", cause, "detail", p.Detail, "address", l.server.cfg.Proxies.Address(r)}
	if known, _ := r.Context().Value(callerKey{}).(*knownCaller); known != nil && known.user != "" {
		said = append(said, "user", known.user)
	}
	if names := l.server.namedStreams(r); len(names) > 0 {
		said = append(said, "streams", names)
	}
	if route := chi.RouteContext(r.Context()); route != nil && route.RoutePattern() != "" {
		said = append(said, "route", route.RoutePattern())
	}
	l.logger.Debug("a request was refused", append(said, "unlogged", unlogged)...)
}

// undecided logs why it can't be told now who is asking. Anybody can have that asked.
func (l *requestLog) undecided(err error) {
	if room, unlogged := l.room("undecided"); room {
		l.logger.Debug("identity can't be told now", "error", err, "unlogged", unlogged)
	}
}

// namedStreams are the configured streams that a request's query names.
func (s *Server) namedStreams(r *http.Request) (names []string) {
	asked := r.URL.Query()["stream"]
	for _, spec := range s.cfg.Hub.Specs() {
		if slices.ContainsFunc(asked, func(list string) bool { return inList(list, spec.Name) }) {
			names = append(names, spec.Name)
		}
	}
	return names
}

// opened logs a stream that begins.
func (l *requestLog) opened(sub stream.Sub, outcome stream.Outcome) {
	l.ofStream("a stream has begun", "begun", sub, "resume", string(outcome))
}

// ended logs a stream that ends. Its subscription is still open.
func (l *requestLog) ended(sub stream.Sub, why string) {
	l.ofStream("a stream has ended", "ended "+why, sub, "reason", why)
}

// ofStream logs what happens to a stream.
func (l *requestLog) ofStream(what, kind string, sub stream.Sub, key, value string) {
	room, unlogged := l.room(kind)
	if !room {
		return
	}
	who, open := sub.Describe()
	one, known := l.server.operators.Subscriber(who)
	if !open || !known {
		return
	}
	l.logger.Debug(what, "user", one.User, "address", one.Address, "streams", one.Streams, key, value,
		"since", one.Since, "carrier", one.Carrier, "subscriber", one.ID, "unlogged", unlogged)
}

// lookForProxy says so once an hour if a header names the client and isn't read: all
// clients of that proxy then count as one.
func (l *requestLog) lookForProxy(r *http.Request) {
	header := l.server.cfg.Proxies.Ignored(r)
	if header == "" {
		return
	}
	now, next := time.Now(), l.forwarded.Load()
	if now.Unix() < next || !l.forwarded.CompareAndSwap(next, now.Add(forwardedPause).Unix()) {
		return
	}
	l.logger.Warn("a header that names the client is not read: limits by address do not tell this proxy's clients apart",
		"header", header, "address", r.RemoteAddr, "cure", l.forwardedCure(r, header))
}

// forwardedCure says which key has a proxy believed.
func (l *requestLog) forwardedCure(r *http.Request, header string) string {
	peer := limit.PeerAddr(r.RemoteAddr)
	switch {
	case l.server.cfg.Proxies.Believes(peer):
		return "forwarded_header: " + header + ", if your proxy writes this header itself"
	case !peer.IsValid():
		return "trusted_proxies: [unix], if your proxy connects to the socket"
	}
	return "trusted_proxies: [" + peer.String() + "], if that is your proxy"
}
