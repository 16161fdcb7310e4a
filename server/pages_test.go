package server

import (
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/server/pages"
	"sluice/web"
)

func TestConsoleFiles(t *testing.T) {
	f := begin(t, func(c *Config) { c.AdminAuth.Token = "open sesame" })
	public, admin := f.Handler(), f.Admin()
	get := func(side http.Handler, path string, headers ...string) *http.Response {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		side.ServeHTTP(w, r)
		return w.Result()
	}
	for _, tt := range []struct {
		name string
		side http.Handler
		path string
		code int
		kind string
	}{
		{"the public page", public, "/console/", 200, "text/html; charset=utf-8"},
		{"the admin page needs no token: it holds nothing", admin, "/console/", 200, "text/html; charset=utf-8"},
		{"a module", public, "/console/try.js", 200, "text/javascript; charset=utf-8"},
		{"the style", admin, "/console/style.css", 200, "text/css; charset=utf-8"},
		{"the other address's page", public, "/console/admin.html", 404, "application/problem+json"},
		{"the other address's page", admin, "/console/public.html", 404, "application/problem+json"},
		{"a way out", public, "/console/../demo/app.js", 404, "application/problem+json"},
		{"no list of files", public, "/console/.", 404, "application/problem+json"},
		{"the admin's way to events, in public", public, "/console/events?user=alice", 404, "application/problem+json"},
		{"the slash", public, "/console", 307, ""},
		{"the admin address by itself", admin, "/", 307, ""},
	} {
		r := get(tt.side, tt.path)
		if r.StatusCode != tt.code || r.Header.Get("Content-Type") != tt.kind {
			t.Errorf("%s, %s: %d %q", tt.name, tt.path, r.StatusCode, r.Header.Get("Content-Type"))
		}
		if r.StatusCode == 307 && r.Header.Get("Location") != "console/" {
			t.Errorf("%s leads to %q", tt.path, r.Header.Get("Location"))
		}
		if policy := r.Header.Get("Content-Security-Policy"); r.StatusCode == 200 && (!strings.Contains(policy, "default-src 'self';") || !strings.Contains(policy, "require-trusted-types-for 'script'")) {
			t.Errorf("%s: policy %q", tt.path, policy)
		}
	}
	if r := get(public, "/"); r.StatusCode != http.StatusTemporaryRedirect || r.Header.Get("Location") != "docs/" {
		t.Errorf("the public address by itself: %d, to %q", r.StatusCode, r.Header.Get("Location"))
	}
	if r := get(admin, "/docs/"); !strings.Contains(r.Header.Get("Content-Security-Policy"), "img-src") {
		t.Errorf("the operators' description: policy %q", r.Header.Get("Content-Security-Policy"))
	}
	tag := get(public, "/console/").Header.Get("ETag")
	if other := get(admin, "/console/").Header.Get("ETag"); tag == "" || tag == other {
		t.Errorf("tags %q and %q", tag, other)
	}
	if r := get(public, "/console/", "If-None-Match", tag); r.StatusCode != http.StatusNotModified {
		t.Errorf("asked again: %d", r.StatusCode)
	}
}

// The console's stream on the admin address is a user's: who is an operator has no events
// by that.
func TestConsoleEventsNeedAUser(t *testing.T) {
	f := begin(t, func(c *Config) { c.AdminAuth.Token = "open sesame" })
	admin := httptest.NewServer(f.Admin())
	t.Cleanup(admin.Close)
	if s := f.getBy(admin.Client(), admin.URL+"/console/events", "Authorization", "Bearer open sesame"); s.StatusCode != http.StatusUnauthorized {
		t.Errorf("an operator: %d", s.StatusCode)
	}
	if s := f.getBy(admin.Client(), admin.URL+"/console/discovery"); !strings.Contains(s.body(), `"caller":null`) {
		t.Errorf("discovery without credentials: %d", s.StatusCode)
	}
	s := f.getBy(admin.Client(), admin.URL+"/console/events?user=alice")
	if s.StatusCode != http.StatusOK {
		t.Fatalf("alice: %d", s.StatusCode)
	}
	f.order("bob", "his")
	f.order("alice", "hers")
	s.want("sluice.hello", "*")
	s.want("message", "hers")
}

// TestDocsNameTheGatewaysEvents, all of them, in the same words.
func TestDocsNameTheGatewaysEvents(t *testing.T) {
	page, err := fs.ReadFile(web.Docs, pages.Portal)
	if err != nil {
		t.Fatal(err)
	}
	text := html.UnescapeString(string(page))
	for _, n := range notices {
		if row := fmt.Sprintf("<dt><code>%s</code></dt><dd>%s</dd>", n.Name, n.Says); !strings.Contains(text, row) {
			t.Errorf("the page lacks %s", row)
		}
	}
	if rows := strings.Count(text, "<dt><code>sluice."); rows != len(notices) {
		t.Errorf("%d rows for %d events", rows, len(notices))
	}
}
