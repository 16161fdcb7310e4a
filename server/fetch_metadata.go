package server

import (
	"mime"
	"net/http"
	"strings"
)

// What a browser says of a request (Fetch Metadata, W3C). A page can't forge these, and
// other clients leave them out.
const (
	secFetchSite = "Sec-Fetch-Site"
	secFetchMode = "Sec-Fetch-Mode"
	secFetchDest = "Sec-Fetch-Dest"
)

// embedded returns the problem of a request that another site has a browser make, without
// the page being able to read the answer. It is an image, a script, a frame or a
// prefetch. The browser sends the visitor's cookies along, so each would use up one of
// the visitor's streams. An EventSource and fetch() ask in the mode cors, which CORS
// decides about.
func embedded(r *http.Request) *problem {
	site, mode := r.Header.Get(secFetchSite), r.Header.Get(secFetchMode)
	if site == "" || site == "same-origin" || site == "none" { // none: a person typed the address
		return nil
	}
	framed := mode == "navigate" && r.Header.Get(secFetchDest) != "document"
	ahead := strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch")
	if mode != "no-cors" && mode != "websocket" && !framed && !ahead {
		return nil
	}
	return newProblem(http.StatusForbidden, "cross-origin", "Not for pages of another site", "A page of another origin may not embed this: it can read it as an EventSource or by fetch().")
}

// waitsAsStream reports whether a caller that has only to wait is told so in an event
// stream, after which an EventSource comes back. That is who accepts one.
//
// A proxy may drop Accept, or put */* there. On the route of streams an EventSource is
// then still known by what a browser says of each request of a page, or by Last-Event-ID.
// What is fetched by a page without naming what it accepts is taken for one.
func waitsAsStream(r *http.Request) bool {
	named, anything := acceptOf(r)
	if named || !anything || !strings.HasSuffix(r.URL.Path, "/events") {
		return named
	}
	if r.Header.Get("Last-Event-ID") != "" {
		return true
	}
	mode, dest := r.Header.Get(secFetchMode), r.Header.Get(secFetchDest)
	return (mode == "cors" || mode == "same-origin") && (dest == "" || dest == "empty")
}

// acceptOf reads Accept. stream: it names text/event-stream, which a browser's
// EventSource does. anything: it isn't there, or names nothing else than */*.
func acceptOf(r *http.Request) (stream, anything bool) {
	anything = true
	for _, line := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(line, ",") {
			switch kind, _, err := mime.ParseMediaType(part); {
			case err != nil: // an empty part is none
			case kind == "text/event-stream":
				return true, false
			case kind != "*/*":
				anything = false
			}
		}
	}
	return false, anything
}
