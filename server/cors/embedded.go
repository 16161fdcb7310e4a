package cors

import (
	"net/http"
	"strings"
)

// What a browser says of a request (Fetch Metadata, W3C). A page can't forge these, and
// other clients leave them out.
const (
	SecFetchSite = "Sec-Fetch-Site"
	SecFetchMode = "Sec-Fetch-Mode"
	SecFetchDest = "Sec-Fetch-Dest"
)

// Embedded reports whether another site has a browser make a request, without the page
// being able to read the answer. It is an image, a script, a frame or a prefetch. The
// browser sends the visitor's cookies along, so each would use up one of the visitor's
// streams. An EventSource and fetch() ask in the mode cors, which CORS decides about.
func Embedded(r *http.Request) bool {
	site, mode := r.Header.Get(SecFetchSite), r.Header.Get(SecFetchMode)
	if site == "" || site == "same-origin" || site == "none" { // none: a person typed the address
		return false
	}
	framed := mode == "navigate" && r.Header.Get(SecFetchDest) != "document"
	ahead := strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch")
	return mode == "no-cors" || mode == "websocket" || framed || ahead
}
