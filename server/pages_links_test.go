package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var (
	linkInHTML     = regexp.MustCompile(`(?:href|src)="([^"]+)"`)
	linkInMarkdown = regexp.MustCompile(`(?m)\]\(([^)\s]+)\)|^\[[^\]]+\]: *(\S+)`)
	codeInMarkdown = regexp.MustCompile("(?ms)^ *```.*?^ *```|`[^`]*`")
)

// On either address, each link of each page that the gateway serves leads to something
// that it serves.
func TestEveryLinkOfAPageIsServed(t *testing.T) {
	f := begin(t, nil)
	for address, tt := range map[string]struct {
		handler http.Handler
		passed  []string // some of the pages that a reader comes by
	}{
		"public": {f.Handler(), []string{"/docs/api.html", "/docs/config.md", "/docs/SECURITY.md", "/docs/deploy/proxies/apache/sluice.conf", "/console/public.js", "/openapi.json"}},
		"admin":  {f.Admin(), []string{"/docs/config.md", "/docs/web/client/README.md", "/console/admin.js"}},
	} {
		t.Run(address, func(t *testing.T) {
			seen := walkLinks(t, tt.handler, "/", "/docs", "/docs/README.md", "/docs/llms.txt", "/console")
			for _, page := range tt.passed {
				if !seen[page] {
					t.Errorf("nothing leads to %s", page)
				}
			}
		})
	}
}

// walkLinks asks for the pages and all that they lead to, and returns the paths.
func walkLinks(t *testing.T, handler http.Handler, from ...string) (seen map[string]bool) {
	t.Helper()
	seen = make(map[string]bool)
	var visit func(path, from string)
	visit = func(path, from string) {
		if seen[path] {
			return
		}
		seen[path] = true
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code >= http.StatusBadRequest {
			t.Errorf("%s leads to %s: %d", from, path, w.Code)
			return
		}
		for _, link := range links(t, path, w.Result().Header, w.Body.String()) {
			visit(link, path)
		}
	}
	for _, path := range from {
		visit(path, "the test")
	}
	return seen
}

// links are the paths of this gateway that an answer leads to.
func links(t *testing.T, from string, h http.Header, text string) (paths []string) {
	t.Helper()
	found := h.Values("Location")
	var matches [][]string
	switch kind, _, _ := strings.Cut(h.Get("Content-Type"), ";"); {
	case kind == "text/html":
		matches = linkInHTML.FindAllStringSubmatch(text, -1)
	case kind == "text/markdown", strings.HasSuffix(from, "/llms.txt"):
		matches = linkInMarkdown.FindAllStringSubmatch(codeInMarkdown.ReplaceAllString(text, ""), -1)
	}
	for _, m := range matches {
		found = append(found, strings.Join(m[1:], ""))
	}
	base, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range found {
		to, err := base.Parse(link)
		switch {
		case err != nil:
			t.Errorf("%s: %v", from, err)
		case to.Host == "" && to.Opaque == "":
			paths = append(paths, to.EscapedPath())
		}
	}
	return paths
}
