package server

import (
	"net/http"
	"net/http/pprof"

	"github.com/go-chi/chi/v5"
)

// sameOrigin refuses what a page of another origin makes an operator's browser do, which has the operator's password, or is on a machine that
// needs none.
func sameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		newProblem(http.StatusForbidden, "cross-origin", "Not from another site", "A page of another origin may not do this.").write(w)
	}))
	return guard.Handler(next)
}

// adminRoutes are for operators. pprof's cmdline is left out: a command line may hold what a
// profile must not.
//
// /console/events is /events, for the console's "try a stream", and /console/discovery says what it takes: a page may read no other
// address than its own. Both take a user's identity as in public, and being an operator is none.
func (s *Server) adminRoutes() chi.Router {
	r := newRouter(s.cfg.Logger)
	get(r, "/livez", http.HandlerFunc(s.livez))
	get(r, "/readyz", http.HandlerFunc(s.readyz))
	mountConsole(r, "admin.html")
	mountDocs(r, apiPage)
	get(r, "/", leadTo("console/"))
	get(r, "/console/events", http.HandlerFunc(s.events))
	get(r, "/console/discovery", http.HandlerFunc(s.discover))
	r.Group(func(r chi.Router) {
		r.Use(s.operators)
		get(r, "/metrics", s.cfg.Metrics.handler())
		get(r, "/live", http.HandlerFunc(s.live))
		get(r, "/openapi.json", &s.openapi.admin)
		get(r, "/asyncapi.json", http.HandlerFunc(s.asyncapiOfAll))
		get(r, "/decisions", http.HandlerFunc(s.decided))
		get(r, "/subscribers", http.HandlerFunc(s.listSubscribers))
		r.With(sameOrigin).Method(http.MethodDelete, "/subscribers/{id}", http.HandlerFunc(s.closeSubscriber))
		get(r, "/debug/pprof/", http.HandlerFunc(pprof.Index))
		get(r, "/debug/pprof/profile", http.HandlerFunc(pprof.Profile))
		get(r, "/debug/pprof/trace", http.HandlerFunc(pprof.Trace))
		get(r, "/debug/pprof/symbol", http.HandlerFunc(pprof.Symbol))
		get(r, "/debug/pprof/{name:goroutine|heap|allocs|threadcreate|block|mutex}", http.HandlerFunc(pprof.Index))
	})
	return r
}
