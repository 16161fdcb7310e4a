package server

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAdmin(t *testing.T) {
	f := begin(t, nil)
	answer := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		f.Admin().ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Code, w.Body.String()
	}
	for _, tt := range []struct {
		path string
		code int
		body string // to be in it
	}{
		{"/livez", 200, `{"live":true}`},
		{"/readyz", 200, `"topic":"order-topic"`},
		{"/metrics", 200, "sluice_connections 0"},
		{"/debug/pprof/", 200, "goroutine"},
		{"/debug/pprof/heap?debug=1", 200, "heap profile"},
		{"/debug/pprof/cmdline", 404, "not-found"},
		{"/events?user=alice", 404, "not-found"},
	} {
		if code, body := answer(http.MethodGet, tt.path); code != tt.code || !strings.Contains(body, tt.body) {
			t.Errorf("%s: %d %.300s", tt.path, code, body)
		}
	}
	if code, _ := answer(http.MethodPost, "/livez"); code != http.StatusMethodNotAllowed {
		t.Errorf("POST /livez: %d", code)
	}
	w := httptest.NewRecorder()
	f.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodOptions, "/debug/pprof/", nil))
	if allow := w.Header().Get("Allow"); allow != "GET, HEAD, OPTIONS" {
		t.Errorf("/debug/pprof/ allows %s", allow)
	}
	for _, path := range []string{"/readyz", "/metrics", "/debug/pprof/"} {
		if s := f.get(path); s.StatusCode != http.StatusNotFound {
			t.Errorf("%s is public: %d", path, s.StatusCode)
		}
	}
	f.Close()
	if code, body := answer(http.MethodGet, "/readyz"); code != 503 || !strings.Contains(body, `"draining":true`) {
		t.Errorf("closed, /readyz: %d %s", code, body)
	}
	if code, _ := answer(http.MethodGet, "/livez"); code != 200 {
		t.Errorf("closed, /livez: %d", code)
	}
}

// A page whose own name leads to this machine is of the same origin as what it asks
// there.
func TestAnAdminAddressWithoutATokenIsAskedByItsOwnName(t *testing.T) {
	f := newFixture(t, nil)
	guarded := newFixture(t, func(c *Config) { c.AdminAuth.Token = "a token for operators" })
	for host, ok := range map[string]bool{
		"localhost:9090": true, "LOCALHOST": true, "127.0.0.1:9090": true, "[::1]:9090": true, "[::1]": true, "console.localhost:1": true, "": true,
		"evil.example:9090": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "evillocalhost": false,
	} {
		for _, path := range []string{"/metrics", "/console/discovery", "/console/events?user=alice", "/subscribers", "/readyz"} {
			ask := func(f *fixture) int {
				r := httptest.NewRequest(http.MethodHead, path, nil)
				r.Host = host
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{}))
				w := httptest.NewRecorder()
				f.Admin().ServeHTTP(w, r)
				return w.Code
			}
			if code := ask(f); (code == http.StatusForbidden) == (ok || path == "/readyz") {
				t.Errorf("%q %s: %d", host, path, code)
			}
			if code := ask(guarded); code == http.StatusForbidden {
				t.Errorf("%q %s, with a token: %d", host, path, code)
			}
		}
	}
}
