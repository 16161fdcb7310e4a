// Package describe builds the OpenAPI document of the routes that a router has
// (document.go). What is known of a route stands with its handler (route.go).
// parameters.go and responses.go have the words for it, problems.go examples of problems,
// and credentials.go what callers show.
package describe

import (
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"sluice/server/openapi"
	"sluice/server/response"
)

// FilesPattern is the route of Config.Page, which is files and no API.
const FilesPattern = "/*"

// parameterPattern is what chi has for a path's parameter: {name}, or {name:regexp}.
var parameterPattern = regexp.MustCompile(`\{([^:}]+)(:[^}]*)?\}`)

// Path is a route as OpenAPI writes it.
func Path(pattern string) string {
	return strings.Replace(parameterPattern.ReplaceAllString(pattern, "{$1}"), "*", "{file}", 1)
}

// Document builds the OpenAPI document for the registered routes. A test fails for a
// route that is missing from the table. limited says that each route knows the limits
// of addresses. schemas are those that operations may refer to.
func Document(routes chi.Routes, table map[string]Route, info openapi.Info, shown Credentials, schemas openapi.Properties, limited bool) []byte {
	d := openapi.Document{OpenAPI: openapi.Version, Info: info, Servers: []openapi.Server{{URL: "."}}, Paths: map[string]openapi.Path{}}
	schemes := shown.schemes()
	d.Components.Security = map[string]openapi.Security{}
	used := map[string]bool{}
	Each(routes, func(method, pattern string) {
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
		scheme := schemes[known.Asks]
		known.Security = &scheme.ways
		maps.Copy(d.Components.Security, scheme.all)
		for _, tag := range known.Tags {
			used[tag] = true
		}
		path := Path(pattern)
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

// Each calls do for the routes, but for those of Config.Page.
func Each(routes chi.Routes, do func(method, pattern string)) {
	err := chi.Walk(routes, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if pattern != FilesPattern {
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
	all := Responses(maps.Clone(op.Responses))
	op.Responses = all.Problem(http.StatusTooManyRequests, "The address asks too often.", "unavailable")
	return op
}

// head is a GET without the bodies.
func head(get openapi.Operation) openapi.Operation {
	get.ID += "Head"
	get.Tags = []string{TagHead}
	get.Description = ""
	get.Responses = maps.Clone(get.Responses)
	for status, r := range get.Responses {
		r.Content = nil
		get.Responses[status] = r
	}
	return get
}
