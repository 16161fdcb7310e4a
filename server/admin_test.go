package server

import (
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
