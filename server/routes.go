package server

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"sluice/server/limit"
	"sluice/server/metrics"
	"sluice/server/operators"
	"sluice/server/pages"
	"sluice/server/response"
	"sluice/server/status"
)

// routes are the public ones.
func (s *Server) routes() chi.Router {
	r := newRouter(s.cfg.Logger)
	r.Use(s.requests.middleware)
	plain := make(plainPaths)
	r.Use(plain.middleware)
	publishes := func(path string) bool {
		return s.cfg.Publish.Publisher != nil && strings.HasPrefix(path, publishPath)
	}
	if allow := s.cfg.CORS.Middleware(publishes); allow != nil {
		r.Use(allow)
	}
	r.Use(s.limitRequests) // answers to preflights cost nothing, and a refusal is one that pages can read
	get(r, "/events", http.HandlerFunc(s.events))
	get(r, "/state", http.HandlerFunc(s.state))
	r.Method(http.MethodGet, "/ws", http.HandlerFunc(s.websocket))
	if s.cfg.Tickets != nil {
		r.Method(http.MethodPost, "/tickets", http.HandlerFunc(s.tickets))
	}
	if s.cfg.APIKeys != nil {
		r.Method(http.MethodPost, "/revoke", http.HandlerFunc(s.postRevoke))
	}
	if s.cfg.Portal != nil {
		s.cfg.Portal.Mount(r)
	}
	if s.cfg.Publish.Publisher != nil {
		r.Method(http.MethodPost, publishPath+"{stream}", http.HandlerFunc(s.postPublish))
	}
	get(r, "/.well-known/sluice", http.HandlerFunc(s.discover))
	if !s.cfg.NoPages {
		mountPages(r, "public.html", pages.Portal)
		get(r, "/openapi.json", &s.openapi.public)
		get(r, "/asyncapi.json", http.HandlerFunc(s.asyncapi))
	}
	switch {
	case s.cfg.Page != nil:
		get(r, "/*", pages.Headers(s.cfg.Page)) // the page, and the files it asks for
	case !s.cfg.NoPages:
		get(r, "/", pages.Redirect("docs/"))
	}
	for _, path := range []string{"/events", "/state", "/ws", "/.well-known/sluice", "/openapi.json", "/asyncapi.json"} {
		plain[path] = true
	}
	return r
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
	if s.cfg.AdminAuth.Open() {
		r.Use(s.operators.KnownHost)
	}
	get(r, "/livez", http.HandlerFunc(s.operators.Livez))
	get(r, "/readyz", http.HandlerFunc(s.operators.Readyz))
	mountPages(r, "admin.html", pages.API)
	get(r, "/", pages.Redirect("console/"))
	get(r, "/console/events", http.HandlerFunc(s.events))
	get(r, "/console/discovery", http.HandlerFunc(s.discover))
	r.Group(func(r chi.Router) {
		r.Use(s.operators.Only)
		get(r, "/metrics", s.cfg.Metrics.Handler())
		get(r, "/live", http.HandlerFunc(s.operators.Live))
		get(r, "/live/history", http.HandlerFunc(s.operators.LiveHistory))
		get(r, "/openapi.json", &s.openapi.admin)
		get(r, "/asyncapi.json", http.HandlerFunc(s.asyncapiOfAll))
		get(r, "/decisions", http.HandlerFunc(s.operators.Decisions))
		get(r, "/subscribers", http.HandlerFunc(s.operators.Subscribers))
		r.With(s.operators.SameOrigin).Method(http.MethodDelete, "/subscribers/{id}", http.HandlerFunc(s.operators.CloseSubscriber))
		s.operators.MountDeliveries(r)
		get(r, "/debug/pprof/", http.HandlerFunc(pprof.Index))
		get(r, "/debug/pprof/profile", http.HandlerFunc(pprof.Profile))
		get(r, "/debug/pprof/trace", http.HandlerFunc(pprof.Trace))
		get(r, "/debug/pprof/symbol", http.HandlerFunc(pprof.Symbol))
		get(r, "/debug/pprof/{name:goroutine|heap|allocs|threadcreate|block|mutex}", http.HandlerFunc(pprof.Index))
	})
	return r
}

// mountPages adds the console and the API's pages, each with the page that is its first.
func mountPages(r chi.Router, console, docs string) {
	get(r, "/console", pages.Redirect("console/"))
	get(r, "/console/*", pages.Console(console, nothingHere))
	get(r, "/docs", pages.Redirect("docs/"))
	get(r, "/docs/*", pages.Docs(docs, nothingHere))
}

// newRouter answers what no route does with problems.
func newRouter(logger *slog.Logger) *chi.Mux {
	r := chi.NewRouter()
	r.Use(guard(logger))
	r.NotFound(nothingHere)
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		allow := allowed(r)
		if r.Method == http.MethodOptions {
			w.Header().Set("Allow", allow)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		p := response.NewProblem(http.StatusMethodNotAllowed, "method-not-allowed", "The method is not allowed here", "")
		p.Allow = allow
		p.Write(w)
	})
	return r
}

func nothingHere(w http.ResponseWriter, _ *http.Request) {
	response.NewProblem(http.StatusNotFound, "not-found", "There is nothing here", "").Write(w)
}

// get registers what is only read.
func get(r chi.Router, pattern string, h http.Handler) {
	r.Method(http.MethodGet, pattern, h)
	r.Method(http.MethodHead, pattern, h)
}

// allowed lists the methods that the request's path has a route for.
func allowed(r *http.Request) string {
	routes := chi.RouteContext(r.Context()).Routes
	methods := []string{}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
		if routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
			methods = append(methods, method)
		}
	}
	return strings.Join(append(methods, http.MethodOptions), ", ")
}

// limitRequests has every route know the limit of requests.
func (s *Server) limitRequests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := s.limits.Request(s.cfg.Proxies.Client(r), time.Now()); why != "" {
			s.unavailable(w, r, why)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// DeliverAdmin is what the admin address of a process needs that only delivers.
type DeliverAdmin struct {
	Deliveries status.Deliveries
	Metrics    *metrics.Metrics
	Auth       operators.Auth // without keys of back ends
	Logger     *slog.Logger
}

// NewDeliverAdmin answers operators of a process that only delivers: /livez,
// /readyz, /metrics and /deliveries.
func NewDeliverAdmin(c DeliverAdmin) http.Handler {
	o := operators.New(operators.Config{
		Deliveries: c.Deliveries, Metrics: c.Metrics, Auth: c.Auth, Logger: c.Logger, Proxies: limit.Proxies{}, Began: time.Now(),
		Deny: func(w http.ResponseWriter, _ *http.Request, p *response.Problem) { p.Write(w) },
	})
	c.Metrics.WatchDeliveries(c.Deliveries)
	r := newRouter(c.Logger)
	if c.Auth.Open() {
		r.Use(o.KnownHost)
	}
	get(r, "/livez", http.HandlerFunc(o.Livez))
	get(r, "/readyz", http.HandlerFunc(o.ReadyzOfDeliveries))
	r.Group(func(r chi.Router) {
		r.Use(o.Only)
		get(r, "/metrics", c.Metrics.Handler())
		o.MountDeliveries(r)
	})
	return r
}
