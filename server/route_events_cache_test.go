package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sluice/server/cors"
	"sluice/server/limit"
)

// Whatever /events and polls answer, no cache keeps it for somebody else.
func TestNoAnswerOfAStreamOrPollIsForASharedCache(t *testing.T) {
	limits := limitedBy(limit.Limits{PerIPRequests: limit.Rate{N: 1, Per: time.Hour}})
	f := begin(t, func(c *Config) {
		limits(c)
		c.CORS = cors.Config{Origins: []string{"https://shop.example"}}
	})
	f.warm()
	clear := new(http.Protocols)
	clear.SetUnencryptedHTTP2(true)
	second := &http.Transport{Protocols: clear}
	t.Cleanup(second.CloseIdleConnections)
	f.get("/events?user=alice", address("203.0.113.1")...).cancel() // all that this address may
	for version, client := range map[int]*http.Client{1: f.client, 2: {Transport: second}} {
		for _, tt := range []struct {
			status       int
			method, path string
			headers      []string
		}{
			{200, "GET", "/events?user=alice", nil},
			{200, "HEAD", "/events?user=alice", nil},
			{200, "GET", "/events?user=alice&probe=1x0@10ms", nil},
			{401, "GET", "/events", nil},
			{401, "GET", "/events", []string{"Accept", eventStream, "Origin", "https://shop.example"}},
			{403, "GET", "/events?user=alice&stream=secret", nil},
			{403, "GET", "/events?user=alice", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}},
			{400, "GET", "/events?user=alice&from=nowhere", nil},
			{400, "GET", "/events?user=alice&user=bob", nil},
			{400, "GET", "/events?user=alice&probe=x", nil},
			{405, "POST", "/events", nil},
			{404, "GET", "/events/none", nil},
			{429, "GET", "/events?user=alice", address("203.0.113.1")},
			{200, "GET", "/events?user=alice", append(address("203.0.113.1"), "Accept", eventStream)}, // told to wait
			{401, "GET", "/state?cursor=x", nil},
			{400, "GET", "/state?user=alice&cursor=x&wait=1h", nil},
			{200, "GET", "/state?user=alice", nil},
			{200, "GET", "/state?user=alice&cursor=x", nil},
			{429, "GET", "/state?user=alice&cursor=x", address("203.0.113.1")},
			{404, "GET", "/wss", nil},
			{426, "GET", "/ws?user=alice", nil},
		} {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, f.url+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(tt.headers); i += 2 {
				r.Header.Set(tt.headers[i], tt.headers[i+1])
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			cache, vary := strings.Join(resp.Header.Values("Cache-Control"), ", "), strings.Join(resp.Header.Values("Vary"), ", ")
			kept := !strings.Contains(cache, "private, no-store") && !strings.HasPrefix(tt.path, "/state") || !strings.Contains(cache, "private")
			if resp.StatusCode != tt.status || resp.ProtoMajor != version || kept || !strings.Contains(vary, "Authorization, Cookie") {
				t.Errorf("HTTP/%d %s %s %q: %d, Cache-Control %q, Vary %q", version, tt.method, tt.path, tt.headers, resp.StatusCode, cache, vary)
			}
		}
	}
	f.gate.shut()
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/events?user=alice", nil))
	if h := w.Header(); w.Code != http.StatusServiceUnavailable || h.Get("Cache-Control") != "private, no-store" || !strings.Contains(strings.Join(h.Values("Vary"), ", "), "Cookie") {
		t.Errorf("draining: %d %v", w.Code, h)
	}
}
