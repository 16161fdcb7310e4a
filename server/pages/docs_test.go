package pages

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice"
)

// ask asks for a page of the public address, or with API as index of the admin address.
func ask(index, path string, headers ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	Docs(index, http.NotFound).ServeHTTP(w, r)
	return w
}

// TestDocsFiles: what a page asks for is there, and says how it may be kept and what it
// may do.
func TestDocsFiles(t *testing.T) {
	for name, tt := range map[string]struct{ policy, holds string }{
		"":                          {policy, "How to use sluice"},
		"api.html":                  {viewerPolicy, "swagger-ui-bundle.js"},
		"api.js":                    {policy, "SwaggerUIBundle"},
		"keys.html":                 {policy, "Your keys"},
		"keys.js":                   {policy, "../portal/"},
		"docs.js":                   {policy, ".well-known"},
		"follow.js":                 {policy, "export function follow("},
		"client.js":                 {policy, "// @sluice/client in one file."},
		"style.css":                 {policy, "--ground"},
		"quickstart.md":             {policy, "# Quick start"},
		"config.md":                 {policy, "`streams.<name>.topic`"},
		"llms.txt":                  {policy, "(quickstart.md)"},
		"SECURITY.md":               {policy, "# Security"},
		"deploy/proxies/nginx.conf": {policy, "proxy_buffering off"},
		"icon.svg":                  {policy, "<svg"},
		"swagger-ui-bundle.js":      {policy, "SwaggerUIBundle"},
		"swagger-ui.css":            {policy, ".swagger-ui"},
	} {
		w := ask(Portal, "/docs/"+name)
		h := w.Header()
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), tt.holds) || h.Get("Content-Type") == "" || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d %v %.100s", name, w.Code, h, w.Body)
		}
		if h.Get("Content-Security-Policy") != tt.policy || strings.Contains(tt.policy, "unsafe") {
			t.Errorf("%s: %s", name, h.Get("Content-Security-Policy"))
		}
		if again := ask(Portal, "/docs/"+name, "If-None-Match", h.Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s, again: %d", name, again.Code)
		}
	}
	for _, name := range []string{"index.html", "LICENSE", "swagger-ui/swagger-ui.css.gz", "swagger-ui-bundle.js.gz", "../docs.go", "docs.go", "console.png", "docs/quickstart.md", "deploy", "deploy/", "manual.go", "web/docs.js"} {
		if w := ask(Portal, "/docs/"+name); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := ask(API, "/docs/"); !strings.Contains(w.Body.String(), "swagger-ui-bundle.js") || w.Header().Get("Content-Security-Policy") != viewerPolicy {
		t.Errorf("admin: %v %.100s", w.Header(), w.Body)
	}
}

// TestLinksOfTheManual: a link leads to where its file is served. If it isn't served, the
// text of the link is left. Code stays as it is.
func TestLinksOfTheManual(t *testing.T) {
	for _, tt := range []struct{ file, text, want string }{
		{"docs/running.md", "[a](config.md#keys)", "[a](config.md#keys)"},
		{"docs/running.md", "see [the\npage](../SECURITY.md), [b](../deploy/proxies/README.md#x)", "see [the\npage](SECURITY.md), [b](deploy/proxies/README.md#x)"},
		{"docs/running.md", "[`f`](../web/docs/follow.js)", "[`f`](follow.js)"},
		{"SECURITY.md", "[a](docs/running.md)", "[a](running.md)"},
		{"web/client/README.md", "[a](../../docs/client.md) [b](../docs/follow.js) [c](../../deploy/proxies/nginx.conf)", "[a](../../client.md) [b](../../follow.js) [c](../../deploy/proxies/nginx.conf)"},
		{"docs/running.md", "[code](../stream/log.go), [folder](../deploy)", "code, folder"},
		{"docs/running.md", "[w](https://a.example/x.md) [m](mailto:a@b.example) [h](#deploys)", "[w](https://a.example/x.md) [m](mailto:a@b.example) [h](#deploys)"},
		{"docs/running.md", "`on[a](b)`\n```js\non[a](b);\n```\n[a](../b)", "`on[a](b)`\n```js\non[a](b);\n```\na"},
	} {
		if got := string(linkToServed(tt.file, []byte(tt.text))); got != tt.want {
			t.Errorf("%s: %q\nbecomes %q\nwant    %q", tt.file, tt.text, got, tt.want)
		}
	}
}

// TestThePagesOfDocsLinkToWhatIsServed: the pages of docs lose no link. What they link to
// belongs into sluice.Manual.
func TestThePagesOfDocsLinkToWhatIsServed(t *testing.T) {
	names, err := fs.Glob(sluice.Manual, "docs/*")
	if err != nil || len(names) < 10 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(sluice.Manual, name)
		if err != nil {
			t.Fatal(err)
		}
		if before, after := bytes.Count(text, []byte("](")), bytes.Count(linkToServed(name, text), []byte("](")); before != after {
			t.Errorf("%s has %d links, and %d of them where it is served", name, before, after)
		}
	}
}

// TestDocsAreSentCompressed: compressed to clients that take that, and the same text
// to others, each with a different tag.
func TestDocsAreSentCompressed(t *testing.T) {
	for _, path := range []string{"/docs/swagger-ui.css", "/docs/client.js"} {
		testPacked(t, path)
	}
}

func testPacked(t *testing.T, path string) {
	plain := ask(Portal, path)
	for accept, want := range map[string]string{"gzip": "gzip", "br, gzip;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.0": "", "identity": "", "GZIP": "gzip"} {
		w := ask(Portal, path, "Accept-Encoding", accept)
		if again := ask(Portal, path, "Accept-Encoding", accept, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s, %s, again: %d", path, accept, again.Code)
		}
		if got := w.Header().Get("Content-Encoding"); got != want || w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s, %s: %q, %v", path, accept, got, w.Header())
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
			t.Errorf("%s, %s: %d bytes, %v, %v", path, accept, len(text), err, w.Header())
		}
	}
}
