package server

import (
	"strings"
	"testing"

	"sluice/server/cors"
)

func TestAPageOfAnotherOriginReadsRetryAfter(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.CORS = cors.Config{Origins: []string{"https://shop.example"}} })
	w := inquire(f.Handler(), "/events?user=alice", "Origin", "https://shop.example") // cold: 503
	exposed := strings.ToLower(w.Header().Get("Access-Control-Expose-Headers"))
	if w.Header().Get("Retry-After") == "" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	for _, name := range []string{"etag", "retry-after", "www-authenticate", "x-request-id", "traceparent"} {
		if !strings.Contains(exposed, name) {
			t.Errorf("%s is not in %q", name, exposed)
		}
	}
}
