package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/server/auth"
	"sluice/server/operators"
)

// oneKey is an APIKeys with one key, named shop.
type oneKey string

func (k oneKey) Check(r *http.Request, _ string) (auth.APIKey, error) {
	if r.Header.Get("Authorization") == "Bearer "+string(k) {
		return auth.APIKey{Name: "shop"}, nil
	}
	return auth.APIKey{}, &auth.Error{Reason: auth.ReasonMissing, Detail: "The request carries no API key.", Challenge: `Bearer realm="sluice"`}
}

func TestAdminAuth(t *testing.T) {
	const token = "a token for operators"
	f := newFixture(t, func(c *Config) {
		c.AdminAuth = operators.Auth{Token: token, APIKeys: true}
		c.APIKeys = oneKey("sluice_k")
	})
	for _, tt := range []struct {
		path  string
		as    func(r *http.Request)
		code  int
		about string
	}{
		{"/livez", nil, 200, "a probe"},
		{"/readyz", nil, 200, "a probe"},
		{"/metrics", nil, 401, "nobody"},
		{"/debug/pprof/", nil, 401, "nobody"},
		{"/debug/pprof/heap", nil, 401, "nobody"},
		{"/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, 200, "a bearer token"},
		{"/metrics", func(r *http.Request) { r.SetBasicAuth("prometheus", token) }, 200, "basic"},
		{"/metrics", func(r *http.Request) { r.SetBasicAuth(token, "") }, 401, "a token for a name"},
		{"/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token[1:]) }, 401, "part of a token"},
		{"/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401, "an empty token"},
		{"/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer sluice_k") }, 200, "an API key"},
		{"/metrics", func(r *http.Request) { r.Header.Set("Authorization", "Bearer sluice_other") }, 401, "another API key"},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, tt.path, nil)
		if tt.as != nil {
			tt.as(r)
		}
		f.Admin().ServeHTTP(w, r)
		if w.Code != tt.code {
			t.Errorf("%s, %s: %d, want %d", tt.path, tt.about, w.Code, tt.code)
		}
		if w.Code == 401 && (!strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") || strings.Contains(w.Body.String(), token)) {
			t.Errorf("%s, %s: %v %s", tt.path, tt.about, w.Header(), w.Body)
		}
	}
	if strings.Contains(f.logs.String(), token) {
		t.Error("the token is in the log")
	}
	cfg := f.cfg
	cfg.Metrics, cfg.APIKeys = nil, nil
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "needs APIKeys") {
		t.Errorf("API keys without any: %v", err)
	}
}
