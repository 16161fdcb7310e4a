// Package pages serves the gateway's own pages. These are the console (console.go), the
// API's pages (docs.go) and the documentation (manual.go). pages.go has what browsers are
// told of all, and how files are served. routes.go describes them for OpenAPI.
package pages

import (
	"io/fs"
	"net/http"
	"path"
	"strings"
)

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

// below serves files below a path. find returns one, with its policy, or nil. missing
// answers then.
func below(path string, missing http.HandlerFunc, find func(name string) (file http.Handler, policy string)) http.Handler {
	return Headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, name, _ := strings.Cut(r.URL.Path, path)
		file, policy := find(name)
		if file == nil {
			missing(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", policy)
		file.ServeHTTP(w, r)
	}))
}

// eachFile calls do for each of the files in the binary.
func eachFile(embedded fs.FS, do func(name string, content []byte)) {
	err := fs.WalkDir(embedded, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(embedded, name)
		if err == nil {
			do(name, content)
		}
		return err
	})
	if err != nil {
		panic(err) // they are embedded
	}
}

// document is a file as it is sent.
func document(name string, content []byte) http.Handler {
	return newPackable(kindOf(name), content)
}

var fileKinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".md":   "text/markdown; charset=utf-8",
	".txt":  "text/plain; charset=utf-8",
}

// kindOf is a file's Content-Type. Any other than these is a configuration to read.
func kindOf(name string) string {
	if kind, known := fileKinds[path.Ext(name)]; known {
		return kind
	}
	return fileKinds[".txt"]
}

// Redirect leads to a page, by a relative address: the gateway may stand below any path.
func Redirect(page string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", page)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
}
