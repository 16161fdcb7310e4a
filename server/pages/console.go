package pages

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"sluice/web"
)

// asset is one file of the console, ready to be sent.
type asset struct {
	content []byte
	kind    string // Content-Type
	tag     string // ETag: embedded files have no date to compare
}

var assetKinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".md":   "text/markdown; charset=utf-8",
	".txt":  "text/plain; charset=utf-8",
}

// consoleAssets are the console's files by name, but for the page of the other address.
// index is the one of this, which is known by the empty name.
func consoleAssets(index string) map[string]asset {
	assets := make(map[string]asset)
	names, err := fs.Glob(web.Console, "*.*")
	if err != nil {
		panic(err) // only for a bad pattern
	}
	for _, name := range names {
		content, err := fs.ReadFile(web.Console, name)
		if err != nil {
			panic(err) // it is embedded
		}
		sum := sha256.Sum256(content)
		a := asset{content, assetKinds[path.Ext(name)], `"` + hex.EncodeToString(sum[:8]) + `"`}
		switch {
		case name == index:
			assets[""] = a
		case path.Ext(name) != ".html":
			assets[name] = a
		}
	}
	return assets
}

// Console serves the console below /console/. On either address it is a page that
// asks that same address. The files hold nothing that isn't in everybody's binary, so
// they ask for no token: what the page shows, it has to ask for. missing answers for
// other names.
func Console(index string, missing http.HandlerFunc) http.Handler {
	assets := consoleAssets(index)
	return Headers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, name, _ := strings.Cut(r.URL.Path, "/console/")
		a, found := assets[name]
		if !found {
			missing(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; require-trusted-types-for 'script'; trusted-types 'none'")
		h.Set("Content-Type", a.kind)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", a.tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
	}))
}
