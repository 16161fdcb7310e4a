package demo

import (
	"io/fs"
	"net/http"

	"sluice/web"
)

// page serves the files of the live page, and leads from /operator to the console, which
// has another address. console says which, for the number of a gateway ("": any). It is
// asked once a browser can ask. The page follows its stream by the file that /docs offers
// to every page.
func page(files fs.FS, console func(gateway string) string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.Handle("/follow.js", http.FileServerFS(web.Docs))
	mux.HandleFunc("/operator", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", console(r.URL.Query().Get("gateway")))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // embedded files have no date to compare
		mux.ServeHTTP(w, r)
	})
}
