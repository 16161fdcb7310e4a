package demo

import (
	"io/fs"
	"net/http"
)

// page serves the files of the live page.
func page(files fs.FS) http.Handler {
	serve := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache") // embedded files have no date to compare
		serve.ServeHTTP(w, r)
	})
}
