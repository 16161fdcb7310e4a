package server

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"sluice/server/describe"
	"sluice/server/openapi"
	"sluice/server/operators"
	"sluice/server/pages"
	"sluice/server/response"
)

// apiVersion is of the interface, and not of the gateway: which release runs is nobody's
// to know.
const apiVersion = "1"

const publicAbout = `Events of Kafka topics as Server-Sent Events, each to the users it belongs to.

Errors come before the first byte, as RFC 9457 problems. ` + "`type`" + ` says which one it is.
After the first byte, the gateway reports what happens by events of the stream. Their names begin with ` + "`sluice.`" + `.

A browser's EventSource never comes back after a status other than 200. So the gateway answers 200 to a request that accepts
` + "`text/event-stream`" + ` and only has to wait. The answer says when to come back, sends ` + "`sluice.unavailable`" + ` and ends. Other
clients get a 503 or 429. A proxy may have dropped ` + "`Accept`" + `. So a request for a stream with ` + "`Sec-Fetch-Mode: cors`" + ` or
` + "`Last-Event-ID`" + ` counts as one that accepts it.

A method that a path doesn't have is answered 405 with ` + "`Allow`" + `, an unknown path 404, both as problems. What is no HTTP
request is answered 400, and a header that is too long 431. These come in plain text.`

// publicRoutes describes what the public port can have.
var publicRoutes = allOf(pages.Routes("Redirects to the page on how to use the gateway"), map[string]describe.Route{
	"GET /events":             {Asks: describe.Caller, Operation: eventsOperation("events", describe.TagEvents)},
	"GET /state":              stateRoute,
	"GET /ws":                 websocketRoute,
	"POST /tickets":           ticketsRoute,
	"POST /revoke":            revokeRoute,
	"GET /.well-known/sluice": {Asks: describe.AnyCaller, Operation: discoveryOperation("discover", describe.TagDiscovery)},
	"GET /asyncapi.json":      asyncapiRoute,
	"GET /openapi.json": {Operation: openapi.Operation{
		ID: "openapi", Tags: []string{describe.TagDiscovery}, Summary: "This document, in OpenAPI",
		Responses: describe.Responses{}.Revalidated("OpenAPI 3.1.", describe.JSONType, &openapi.Schema{Type: "object"}),
	}},
})

const adminAbout = "For operators. Never make this address public. It listens on 127.0.0.1, or demands `admin_auth` for all but `/livez` and `/readyz`. " +
	"A method that a path doesn't have is answered 405 with `Allow`, an unknown path 404, both as RFC 9457 problems."

// adminRoutes describes what the admin address can have.
var adminRoutes = allOf(pages.Routes("Redirects to the console"), operators.Routes, map[string]describe.Route{
	"GET /console/events":    {Asks: describe.Caller, Operation: eventsOperation("consoleEvents", describe.TagPages)},
	"GET /console/discovery": {Asks: describe.AnyCaller, Operation: discoveryOperation("consoleDiscovery", describe.TagPages)},
	"GET /asyncapi.json":     asyncapiOfAllRoute,
	"GET /openapi.json": {Asks: describe.Operator, Operation: openapi.Operation{
		ID: "openapi", Tags: []string{describe.TagDiscovery}, Summary: "This document, in OpenAPI",
		Responses: describe.Responses{}.Revalidated("OpenAPI 3.1.", describe.JSONType, &openapi.Schema{Type: "object"}).NotOperator(),
	}},
})

// allOf is what several tables describe.
func allOf(tables ...map[string]describe.Route) map[string]describe.Route {
	all := map[string]describe.Route{}
	for _, table := range tables {
		maps.Copy(all, table)
	}
	return all
}

// describeAll has the gateway describe the routes that it has.
func (s *Server) describeAll(public, admin chi.Routes) {
	shown := describe.Credentials{
		Callers: s.cfg.Auth, ForAnyone: s.forAnyone, APIKeys: s.cfg.APIKeys != nil,
		AdminToken: s.cfg.AdminAuth.Token != "", AdminKeys: s.cfg.AdminAuth.APIKeys,
	}
	info := func(title, about string) openapi.Info {
		return openapi.Info{Title: title, Version: apiVersion, Description: about, License: &openapi.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}}
	}
	s.openapi.public = response.NewDocument(describe.JSONType, describe.Document(public, publicRoutes, info("sluice", publicAbout), shown, schemas, true))
	s.openapi.admin = response.NewDocument(describe.JSONType, describe.Document(admin, adminRoutes, info("sluice, admin address", adminAbout), shown, schemas, false))
	routes := []discoveredRoute{}
	describe.Each(public, func(method, pattern string) {
		if method != http.MethodHead {
			routes = append(routes, discoveredRoute{method, describe.Path(pattern)})
		}
	})
	slices.SortFunc(routes, func(a, b discoveredRoute) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	s.discovery = s.discoverable(routes)
}
