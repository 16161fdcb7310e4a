package server

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"sluice/server/status"
)

// changing is a Source that a test changes.
type changing struct{ atomic.Pointer[statuses] }

func (c *changing) Status() []status.Stream { return *c.Load() }

func TestNoFaultOfOneStreamTakesAGatewayOutThatWasReady(t *testing.T) {
	source := new(changing)
	source.Store(&statuses{{Name: "orders", Warm: true}, {Name: "news"}})
	f := begin(t, func(c *Config) { c.Source = source })
	ask := func(query string) int {
		w := httptest.NewRecorder()
		f.Admin().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz"+query, nil))
		return w.Code
	}
	if got := ask(""); got != 503 {
		t.Errorf("a stream is still being read: %d", got)
	}
	source.Store(&statuses{{Name: "orders", Warm: true}, {Name: "news", Warm: true}})
	if got := ask(""); got != 200 {
		t.Errorf("all are read: %d", got)
	}
	long := time.Now().Add(-time.Hour)
	source.Store(&statuses{{Name: "orders", Warm: true}, {Name: "news", StaleSince: long, UnreadableSince: long}})
	for query, want := range map[string]int{"": 200, "?stream=orders": 200, "?stream=news": 503, "?stream=orders,news": 503, "?stream=other": 404, "?stream=": 404} {
		if got := ask(query); got != want {
			t.Errorf("/readyz%s: %d, want %d", query, got, want)
		}
	}
	source.Store(&statuses{{Name: "orders", Warm: true, StaleSince: long}, {Name: "news", StaleSince: long}})
	if got := ask(""); got != 503 {
		t.Errorf("Kafka answers for no stream: %d", got)
	}
}
