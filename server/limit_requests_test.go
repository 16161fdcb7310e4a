package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/cors"
	"sluice/server/describe"
	"sluice/server/limit"
)

// countingAuth counts the requests that it is asked to identify.
type countingAuth struct{ asked int }

func (a *countingAuth) Authenticate(*http.Request) (auth.Principal, error) {
	a.asked++
	return auth.Principal{User: "alice"}, nil
}

// Every public route refuses an address that asks too often, before it looks who is
// asking, and says which limit it was.
func TestEveryPublicRouteLimitsAnAddress(t *testing.T) {
	who := new(countingAuth)
	limits := limitedBy(limit.Limits{PerIPRequests: limit.Rate{N: 3, Per: time.Hour}})
	f := begin(t, func(c *Config) {
		limits(c)
		c.Auth = who
		c.CORS = cors.Config{Origins: []string{"https://shop.example"}}
	})
	ask := func(method, path, ip string, headers ...string) *http.Response {
		r, err := http.NewRequest(method, f.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", ip)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := f.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	for range 3 {
		if resp := ask("GET", "/.well-known/sluice", "203.0.113.1"); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
	identified, refused := who.asked, 0
	routes := map[string]bool{"GET /nowhere": true, "PUT /state": true, "GET /state?cursor=x": true}
	describe.Each(f.routes(), func(method, pattern string) { routes[method+" "+describe.Path(pattern)] = true })
	for route := range routes {
		method, path, _ := strings.Cut(route, " ")
		resp := ask(method, path, "203.0.113.1", "Origin", "https://shop.example")
		if refused++; resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") != "15" {
			t.Errorf("%s: %s, Retry-After %q", route, resp.Status, resp.Header.Get("Retry-After"))
		}
		if resp.Header.Get("Access-Control-Allow-Origin") == "" && method == http.MethodGet {
			t.Errorf("%s: a page can't read the refusal", route)
		}
	}
	// Only a stream that has to wait is answered 200: a POST would seem to be carried out.
	for _, path := range []string{"/tickets", "/revoke"} {
		resp := ask("POST", path, "203.0.113.1", "Accept", "text/event-stream")
		if refused++; resp.StatusCode != http.StatusTooManyRequests {
			t.Errorf("POST %s that accepts a stream: %s", path, resp.Status)
		}
	}
	if who.asked != identified {
		t.Errorf("%d of those refused were identified", who.asked-identified)
	}
	if n := f.metricOf("sluice_unavailable_total", limit.PerIPRequests); n != float64(refused) {
		t.Errorf("counted %v of %d", n, refused)
	}
	browser := f.get("/events", append(address("203.0.113.1"), "Accept", eventStream)...)
	if text := browser.body(); browser.StatusCode != 200 || !strings.Contains(text, `{"reason":"per_ip_requests","retry_ms":15000}`) {
		t.Errorf("a browser was told %d %s", browser.StatusCode, text)
	}
	preflight := ask("OPTIONS", "/state", "203.0.113.1", "Origin", "https://shop.example", "Access-Control-Request-Method", "GET")
	if preflight.StatusCode != http.StatusOK {
		t.Errorf("a preflight: %s", preflight.Status)
	}
	for _, ip := range []string{"203.0.113.2", "127.0.0.1", ""} { // another; this machine; the proxy itself, a load balancer's probe
		if resp := ask("GET", "/.well-known/sluice", ip); resp.StatusCode != http.StatusOK {
			t.Errorf("%q: %s", ip, resp.Status)
		}
	}
}

// What a page and its assets ask for at once is far below the default.
func TestRequestsAndConnectsAreCountedApart(t *testing.T) {
	f := begin(t, limitedBy(limit.Limits{PerIPRequests: limit.Rate{N: 4, Per: time.Hour}, PerIPConnects: limit.Rate{N: 1, Per: time.Hour}}))
	f.get("/events?user=alice", address("203.0.113.1")...).want("sluice.hello", "*")
	if s := f.get("/events?user=alice", address("203.0.113.1")...); s.StatusCode != 429 || !strings.Contains(s.body(), "begins streams too often") {
		t.Errorf("a second stream: %d", s.StatusCode)
	}
	for range 2 {
		if s := f.get("/state?user=alice", address("203.0.113.1")...); s.StatusCode != 200 {
			t.Errorf("a state: %d", s.StatusCode)
		}
	}
	if s := f.get("/state?user=alice", address("203.0.113.1")...); s.StatusCode != 429 || !strings.Contains(s.body(), "asks too often") {
		t.Errorf("a third state: %d", s.StatusCode)
	}
}
