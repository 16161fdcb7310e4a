package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sluice/server/describe"
	"sluice/server/limit"
	"sluice/server/operators"
)

// On every route for operators, a failed login is counted and logged with the address
// that it came from, and never with what it showed.
func TestFailedAdminLoginsAreCountedAndLoggedWithTheirAddress(t *testing.T) {
	const token, guess = "a token for operators", "a-guess-at-the-token"
	closed := map[string]bool{}
	probe := newFixture(t, func(c *Config) { c.AdminAuth = operators.Auth{Token: token} })
	describe.Each(probe.adminRoutes(), func(method, pattern string) {
		w := httptest.NewRecorder()
		probe.Admin().ServeHTTP(w, httptest.NewRequest(method, describe.Path(pattern), nil))
		if w.Code == http.StatusUnauthorized && strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
			closed[method+" "+describe.Path(pattern)] = true
		}
	})
	if !closed["GET /metrics"] || !closed["GET /live"] || len(closed) < 10 {
		t.Fatalf("routes for operators: %v", closed)
	}
	for route := range closed {
		f := newFixture(t, func(c *Config) {
			c.AdminAuth = operators.Auth{Token: token}
			limitedBy(limit.Limits{})(c)
		})
		method, path, _ := strings.Cut(route, " ")
		ask := func(peer string, as func(r *http.Request)) {
			r := httptest.NewRequest(method, path, nil)
			r.RemoteAddr = peer
			as(r)
			w := httptest.NewRecorder()
			f.Admin().ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized {
				t.Errorf("%s: %d", route, w.Code)
			}
		}
		ask("203.0.113.1:1", func(*http.Request) {})
		ask("203.0.113.2:1", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+guess) })
		ask("203.0.113.3:1", func(r *http.Request) { r.SetBasicAuth(guess, guess) })
		ask("@", func(r *http.Request) { r.Header.Set("Authorization", guess) })
		logged := f.logs.String()
		for _, want := range []string{"reason=missing address=203.0.113.1 ", "reason=wrong address=203.0.113.2 ", "reason=wrong address=203.0.113.3 ", "reason=wrong address=@ "} {
			if !strings.Contains(logged, want) {
				t.Errorf("%s: no %q in %s", route, want, logged)
			}
		}
		if strings.Contains(logged, guess) || strings.Contains(logged, token) {
			t.Errorf("%s: a secret in %s", route, logged)
		}
		for why, want := range map[string]float64{"missing": 1, "wrong": 3} {
			if got := f.metricOf("sluice_admin_login_failures_total", why); got != want {
				t.Errorf("%s: %v %s", route, got, why)
			}
		}
	}
}
