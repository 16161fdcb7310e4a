package server

import (
	"net/http"
	"strings"
)

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
