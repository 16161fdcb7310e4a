// Package pages serves the gateway's own pages. These are the console (console.go), the
// API's pages (docs.go) and the documentation (manual.go). pages.go has what browsers are
// told of all. routes.go describes them for OpenAPI.
package pages

import "net/http"

// policy is what the gateway's own pages never do: they name no other host, have
// nothing inline, send no form, and stand in no frame.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

// Headers tells browsers so.
func Headers(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		page.ServeHTTP(w, r)
	})
}

// Redirect leads to a page, by a relative address: the gateway may stand below any path.
func Redirect(page string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", page)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
}
