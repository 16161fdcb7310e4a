package server

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"html"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sluice/docs"
	"sluice/web"
)

// TestDocsFiles: what a page asks for is there, and says how it may be kept and what it
// may do.
func TestDocsFiles(t *testing.T) {
	f := newFixture(t, nil)
	for name, tt := range map[string]struct{ policy, holds string }{
		"":                     {pagePolicy, "How to use sluice"},
		"api.html":             {viewerPolicy, "swagger-ui-bundle.js"},
		"api.js":               {pagePolicy, "SwaggerUIBundle"},
		"docs.js":              {pagePolicy, ".well-known"},
		"follow.js":            {pagePolicy, "export function follow("},
		"style.css":            {pagePolicy, "--ground"},
		"quickstart.md":        {pagePolicy, "# Quick start"},
		"config.md":            {pagePolicy, "`streams.<name>.topic`"},
		"llms.txt":             {pagePolicy, "(quickstart.md)"},
		"icon.svg":             {pagePolicy, "<svg"},
		"swagger-ui-bundle.js": {pagePolicy, "SwaggerUIBundle"},
		"swagger-ui.css":       {pagePolicy, ".swagger-ui"},
	} {
		w := inquire(f.Handler(), "/docs/"+name)
		h := w.Header()
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), tt.holds) || h.Get("Content-Type") == "" || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v %.100s", name, w.Code, h, w.Body)
		}
		if h.Get("Content-Security-Policy") != tt.policy || strings.Contains(tt.policy, "unsafe") {
			t.Errorf("%s: %s", name, h.Get("Content-Security-Policy"))
		}
		if again := inquire(f.Handler(), "/docs/"+name, "If-None-Match", h.Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s, again: %d", name, again.Code)
		}
	}
	for _, name := range []string{"index.html", "LICENSE", "swagger-ui/swagger-ui.css.gz", "swagger-ui-bundle.js.gz", "../docs.go", "docs.go", "console.png"} {
		if w := inquire(f.Handler(), "/docs/"+name); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := inquire(f.Handler(), "/"); w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") != "docs/" {
		t.Errorf("/: %d %v", w.Code, w.Header())
	}
	if w := inquire(f.Admin(), "/docs/"); !strings.Contains(w.Body.String(), "swagger-ui-bundle.js") || w.Header().Get("Content-Security-Policy") != viewerPolicy {
		t.Errorf("admin: %v %.100s", w.Header(), w.Body)
	}
}

// TestDocsLinkToNothingThatIsNotServed: a link of a page leads to another page, or to a
// place on the web.
func TestDocsLinkToNothingThatIsNotServed(t *testing.T) {
	f := newFixture(t, nil)
	pages, err := fs.Glob(docs.Pages, "*")
	if err != nil || len(pages) < 10 {
		t.Fatal(pages, err)
	}
	for _, page := range pages {
		text := inquire(f.Handler(), "/docs/"+page).Body.String()
		for _, m := range regexp.MustCompile(`\]\(([^)#\s]+)`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if w := inquire(f.Handler(), "/docs/"+m[1]); w.Code != http.StatusOK {
				t.Errorf("%s: %s: %d", page, m[1], w.Code)
			}
		}
	}
}

// TestDocsAreSentAsTheyAreKept: compressed to clients that take that, and the same text
// to others, each with a different tag.
func TestDocsAreSentAsTheyAreKept(t *testing.T) {
	f := newFixture(t, nil)
	const path = "/docs/swagger-ui.css"
	plain := inquire(f.Handler(), path)
	for accept, want := range map[string]string{"gzip": "gzip", "br, gzip;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.0": "", "identity": "", "GZIP": "gzip"} {
		w := inquire(f.Handler(), path, "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding"); got != want || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %q, %v", accept, got, w.Header())
		}
		if want == "" {
			continue
		}
		r, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(text, plain.Body.Bytes()) || w.Header().Get("ETag") == plain.Header().Get("ETag") {
			t.Errorf("%s: %d bytes, %v, %v", accept, len(text), err, w.Header())
		}
	}
}

// TestDocsNameTheGatewaysEvents, all of them, in the same words.
func TestDocsNameTheGatewaysEvents(t *testing.T) {
	page, err := fs.ReadFile(web.Docs, portalPage)
	if err != nil {
		t.Fatal(err)
	}
	text := html.UnescapeString(string(page))
	for _, n := range notices {
		if row := fmt.Sprintf("<tr><td><code>%s</code></td><td>%s</td></tr>", n.Name, n.Says); !strings.Contains(text, row) {
			t.Errorf("the page lacks %s", row)
		}
	}
	if rows := strings.Count(text, "<tr><td>"); rows != len(notices) {
		t.Errorf("%d rows for %d events", rows, len(notices))
	}
}
