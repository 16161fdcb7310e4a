package server

import (
	"cmp"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"sluice/server/auth"
	"sluice/server/openapi"
	"sluice/server/response"
)

// asker is who a route is for, which is what it asks for.
type asker uint8

const (
	anybody   asker = iota // asks for nothing
	caller                 // a user, or who holds a ticket
	anyCaller              // the same, but it answers others, too
	backEnd                // an API key
	operator               // what AdminAuth has
)

// described is a route as /openapi.json has it.
type described struct {
	openapi.Operation
	asks asker
}

// The tags that operations are shown under.
const (
	tagEvents    = "Events"
	tagBackEnds  = "Back ends"
	tagDiscovery = "Discovery"
	tagHealth    = "Health"
	tagSight     = "Operation"
	tagPages     = "Pages"
	tagProfiles  = "Profiles"
	tagHead      = "HEAD"
)

var tags = []openapi.Tag{
	{Name: tagEvents, Description: "Routes for pages."},
	{Name: tagBackEnds, Description: "Routes for back ends, which show an API key. A page never has one."},
	{Name: tagHealth, Description: "Routes for probes and load balancers."},
	{Name: tagSight, Description: "Routes for operators: what the gateway does."},
	{Name: tagPages, Description: "Pages for people. They are static files of the binary. A page asks the gateway for what it shows."},
	{Name: tagProfiles, Description: "Go's profiles, as `go tool pprof` reads them."},
	{Name: tagDiscovery, Description: "What the gateway says about itself."},
	{Name: tagHead, Description: "The GET routes without a body."},
}

// apiVersion is of the interface, and not of the gateway: which release runs is nobody's
// to know.
const apiVersion = "1"

// pagePattern is the route of Config.Page, which is files and no API.
const pagePattern = "/*"

// parameterPattern is what chi has for a path's parameter: {name}, or {name:regexp}.
var parameterPattern = regexp.MustCompile(`\{([^:}]+)(:[^}]*)?\}`)

// pathOf is a route as OpenAPI writes it.
func pathOf(pattern string) string {
	return strings.Replace(parameterPattern.ReplaceAllString(pattern, "{$1}"), "*", "{file}", 1)
}

// describeAll has the gateway describe the routes that it has.
func (s *Server) describeAll(public, admin chi.Routes) {
	schemes := s.credentials()
	info := func(title, about string) openapi.Info {
		return openapi.Info{Title: title, Version: apiVersion, Description: about, License: &openapi.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}}
	}
	s.openapi.public = response.NewDocument(jsonType, describe(public, publicRoutes, info("sluice", publicAbout), schemes, true))
	s.openapi.admin = response.NewDocument(jsonType, describe(admin, adminRoutes, info("sluice, admin address", adminAbout), schemes, false))
	routes := []discoveredRoute{}
	eachRoute(public, func(method, pattern string) {
		if method != http.MethodHead {
			routes = append(routes, discoveredRoute{method, pathOf(pattern)})
		}
	})
	slices.SortFunc(routes, func(a, b discoveredRoute) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	s.discovery = s.discoverable(routes)
}

// describe builds the OpenAPI document for the registered routes. A test fails for a
// route that is missing from the table. limited says that each route knows the limits of
// addresses.
func describe(routes chi.Routes, table map[string]described, info openapi.Info, schemes map[asker]schemes, limited bool) []byte {
	d := openapi.Document{OpenAPI: openapi.Version, Info: info, Servers: []openapi.Server{{URL: "."}}, Paths: map[string]openapi.Path{}}

	d.Components.Security = map[string]openapi.Security{}
	used := map[string]bool{}
	eachRoute(routes, func(method, pattern string) {
		known, ok := table[method+" "+pattern]
		ofGet := method == http.MethodHead && !ok
		if ofGet {
			known, ok = table[http.MethodGet+" "+pattern]
		}
		if limited {
			known.Operation = tooOften(known.Operation)
		}
		if ofGet {
			known.Operation = head(known.Operation)
		}
		if !ok {
			return
		}
		scheme := schemes[known.asks]
		known.Security = &scheme.ways
		maps.Copy(d.Components.Security, scheme.all)
		for _, tag := range known.Tags {
			used[tag] = true
		}
		path := pathOf(pattern)
		if d.Paths[path] == nil {
			d.Paths[path] = openapi.Path{}
		}
		d.Paths[path][strings.ToLower(method)] = known.Operation
	})
	for _, tag := range tags {
		if used[tag.Name] {
			d.Tags = append(d.Tags, tag)
		}
	}
	d.Components.Schemas = openapi.Used(d, schemas)
	return response.MustJSON(d)
}

// eachRoute calls do for the routes, but for those of Config.Page.
func eachRoute(routes chi.Routes, do func(method, pattern string)) {
	err := chi.Walk(routes, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if pattern != pagePattern {
			do(method, pattern)
		}
		return nil
	})
	if err != nil {
		panic(err) // do has none
	}
}

// tooOften adds the answer to an address that asks too often, where there is none for
// other limits.
func tooOften(op openapi.Operation) openapi.Operation {
	if _, ok := op.Responses[strconv.Itoa(http.StatusTooManyRequests)]; ok || op.Responses == nil {
		return op
	}
	all := answers(maps.Clone(op.Responses))
	op.Responses = all.problem(http.StatusTooManyRequests, "The address asks too often.", "unavailable")
	return op
}

// head is a GET without the bodies.
func head(get openapi.Operation) openapi.Operation {
	get.ID += "Head"
	get.Tags = []string{tagHead}
	get.Description = ""
	get.Responses = maps.Clone(get.Responses)
	for status, r := range get.Responses {
		r.Content = nil
		get.Responses[status] = r
	}
	return get
}

// schemes are what one kind of asker may show.
type schemes struct {
	ways []map[string][]string // one of these
	all  map[string]openapi.Security
}

func (s *schemes) add(name string, scheme openapi.Security) {
	if s.all == nil {
		s.all = map[string]openapi.Security{}
	}
	s.all[name] = scheme
	s.ways = append(s.ways, map[string][]string{name: {}})
}

// credentials are the ways of this configuration, by who shows them.
func (s *Server) credentials() map[asker]schemes {
	var callers, backEnds, operators schemes
	for _, way := range auth.Ways(s.cfg.Auth) {
		name := way.Kind
		if _, taken := callers.all[name]; taken {
			name += "-" + way.In
		}
		if _, taken := callers.all[name]; taken {
			name += "-" + way.Name
		}
		scheme := openapi.Security{Type: "apiKey", In: way.In, Name: way.Name, Description: kinds[way.Kind]}
		if way.Scheme != "" {
			scheme = openapi.Security{Type: "http", Scheme: strings.ToLower(way.Scheme), BearerFormat: "JWT", Description: kinds[way.Kind]}
		}
		callers.add(name, scheme)
	}
	if s.cfg.APIKeys != nil {
		backEnds.add("apiKey", openapi.Security{Type: "http", Scheme: "bearer", Description: "An API key, made by `sluice keys new`. Only back ends have one."})
	}
	if s.cfg.AdminAuth.Token != "" {
		operators.add("admin", openapi.Security{Type: "http", Scheme: "bearer", Description: "The admin token."})
		operators.add("adminBasic", openapi.Security{Type: "http", Scheme: "basic", Description: "The admin token as password, with any name."})
	}
	if s.cfg.AdminAuth.APIKeys {
		operators.add("adminKey", openapi.Security{Type: "http", Scheme: "bearer", Description: "An API key."})
	}
	anyone := schemes{append(slices.Clone(callers.ways), map[string][]string{}), callers.all}
	if s.forAnyone {
		callers.ways = anyone.ways // nothing is enough for what anyone may read
	}
	all := map[asker]schemes{anybody: {}, caller: callers, anyCaller: anyone, backEnd: backEnds, operator: operators}
	for who, one := range all {
		if one.ways == nil {
			one.ways = []map[string][]string{}
			all[who] = one
		}
	}
	return all
}

// kinds says of each kind of credential where it comes from.
var kinds = map[string]string{
	"none":    "This gateway believes the name in the request. It is for trying out.",
	"jwt":     "A signed token of your login.",
	"authjs":  "The session cookie that Auth.js (or NextAuth) set. Browsers send it by themselves. A long one comes in chunks, NAME.0, NAME.1 and so on.",
	"forward": "The session of the app, in whatever form. The gateway asks the app who it belongs to.",
	"ticket":  "A ticket that the page's back end obtained by `POST /tickets`.",
}
