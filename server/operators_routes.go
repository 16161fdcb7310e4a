package server

import (
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"

	"sluice/server/pages"
	"sluice/server/response"

	"github.com/go-chi/chi/v5"
)

// sameOrigin refuses what a page of another origin makes an operator's browser do, which
// has the operator's password, or is on a machine that needs none.
func (s *Server) sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.deny(w, r, response.NewProblem(http.StatusForbidden, "cross-origin", "Not for pages of another site", "A page of another origin may not do this."))
	}))
	return guard.Handler(next)
}

// knownHost refuses a request whose Host is no address and not localhost. Without a token
// the address is this machine's own, and a page whose name is made to lead there (DNS
// rebinding) would be of the same origin. /livez and /readyz tell nothing that such a
// page may not know.
func (s *Server) knownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, served := r.Context().Value(http.LocalAddrContextKey).(net.Addr) // else nobody has connected
		if served && !ownName(r.Host) && r.URL.Path != "/livez" && r.URL.Path != "/readyz" {
			s.deny(w, r, response.NewProblem(http.StatusForbidden, "host", "Wrong host name", "Without admin_auth the admin address is asked as localhost, or by its IP address."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownName reports whether a Host can't be a name that somebody else made lead here.
func ownName(host string) bool {
	name := strings.Trim(host, "[]")
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	_, err := netip.ParseAddr(name)
	return err == nil || name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") // RFC 6761
}

// adminRoutes are for operators. pprof's cmdline is left out: a command line may hold
// what a profile must not.
//
// /console/events is /events, for the console's "try a stream", and /console/discovery
// says what it takes: a page may read no other address than its own. Both take a user's
// identity as in public, and being an operator is none.
func (s *Server) adminRoutes() chi.Router {
	r := newRouter(s.cfg.Logger)
	r.Use(s.requests.middleware)
	if s.cfg.AdminAuth.open() {
		r.Use(s.knownHost)
	}
	get(r, "/livez", http.HandlerFunc(s.livez))
	get(r, "/readyz", http.HandlerFunc(s.readyz))
	mountPages(r, "admin.html", pages.API)
	get(r, "/", pages.Redirect("console/"))
	get(r, "/console/events", http.HandlerFunc(s.events))
	get(r, "/console/discovery", http.HandlerFunc(s.discover))
	r.Group(func(r chi.Router) {
		r.Use(s.operators)
		get(r, "/metrics", s.cfg.Metrics.Handler())
		get(r, "/live", http.HandlerFunc(s.live))
		get(r, "/openapi.json", &s.openapi.admin)
		get(r, "/asyncapi.json", http.HandlerFunc(s.asyncapiOfAll))
		get(r, "/decisions", http.HandlerFunc(s.decided))
		get(r, "/subscribers", http.HandlerFunc(s.listSubscribers))
		r.With(s.sameOrigin).Method(http.MethodDelete, "/subscribers/{id}", http.HandlerFunc(s.closeSubscriber))
		get(r, "/debug/pprof/", http.HandlerFunc(pprof.Index))
		get(r, "/debug/pprof/profile", http.HandlerFunc(pprof.Profile))
		get(r, "/debug/pprof/trace", http.HandlerFunc(pprof.Trace))
		get(r, "/debug/pprof/symbol", http.HandlerFunc(pprof.Symbol))
		get(r, "/debug/pprof/{name:goroutine|heap|allocs|threadcreate|block|mutex}", http.HandlerFunc(pprof.Index))
	})
	return r
}
