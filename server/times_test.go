package server

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/listen"
	"sluice/server/operators"
	"sluice/stream"
)

// extremeTimes are timestamps that a record may have from any producer.
func extremeTimes() []int64 {
	now := time.Now().UnixMilli()
	return []int64{math.MinInt64, math.MinInt64 / 1_000_000, -1, 0, 1, now / 1000, now, now + 3_600_000, now * 1000, 253402300800_000, math.MaxInt64 / 1_000_000, math.MaxInt64}
}

// extreme is a gateway whose streams have such records, more than its states can hold,
// and a caller whose identity ends in thirty thousand million years.
func extreme(t *testing.T) (*fixture, string) {
	secret := []byte("thirty-two bytes are long enough")
	f := newFixture(t, func(c *Config) {
		withEverything(c)
		c.AdminAuth = operators.Auth{}
		key, err := auth.SecretKey(secret)
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := auth.NewJWT(auth.JWTConfig{Keys: key})
		if err != nil {
			t.Fatal(err)
		}
		c.Auth = tokens
		bounds := stream.StateBounds{MaxBytes: 8 << 10}
		c.Hub.Close()
		c.Hub = stream.NewHub(stream.Config{Decisions: 1000, Streams: []stream.Spec{
			{Name: "orders", ReplayBytes: logBytes, State: bounds},
			{Name: "news", ReplayBytes: logBytes, Audience: stream.AudienceEveryone, State: bounds},
		}})
	})
	f.hub = f.cfg.Hub
	t.Cleanup(f.hub.Close)
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)
	for i, ms := range extremeTimes() {
		for n := range 10 {
			subject := fmt.Appendf(nil, "o-%d-%d", i, n)
			f.publish(orders, stream.Event{Timestamp: ms, Subject: subject, Key: subject, Data: []byte(`{"a":"` + strings.Repeat("x", 100) + `"}`)}, "alice")
			f.publish(news, stream.Event{Timestamp: ms, Subject: subject, Key: subject, Data: []byte("{}")})
		}
	}
	f.hub.SetStale(news, time.Unix(1<<60, 0)) // whatever a reader says
	token, err := jws.Sign([]byte(`{"sub":"alice","exp":1000000000000000000}`), jws.WithKey(jwa.HS256(), secret))
	if err != nil {
		t.Fatal(err)
	}
	return f, "Bearer " + string(token)
}

// TestNoTimeFailsARoute: each answers, each stream begins, and what is written of times
// any JSON reader can read.
func TestNoTimeFailsARoute(t *testing.T) {
	f, alice := extreme(t)
	held := f.get("/events?stream=orders", "Authorization", alice)
	held.want("sluice.hello", "*")
	queries := []string{
		"", "?user=alice", "?stream=orders&record=0/5", "?snapshot=1", "?cursor=orders@e:0&wait=0s", "?from=last:50", "?from=earliest",
		"?from=since:0000-01-01T00:00:00Z", "?from=since:9999-12-31T23:59:59Z", "?stream=orders&offset=3&partition=0",
	}
	for side, handler := range map[string]http.Handler{"public": f.routes(), "admin": f.adminRoutes()} {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		var paths []string
		routes := f.routes()
		if side == "admin" {
			routes = f.adminRoutes()
		}
		describe.Each(routes, func(method, pattern string) {
			if method == http.MethodGet && !strings.Contains(pattern, "pprof") && !strings.ContainsAny(pattern, "{*") {
				paths = append(paths, pattern)
			}
		})
		if len(paths) < 8 {
			t.Fatalf("%s has the routes %q", side, paths)
		}
		for _, path := range paths {
			for _, query := range queries {
				url := server.URL + path + query
				resp := f.getBy(server.Client(), url, "Authorization", alice)
				if resp.StatusCode >= 500 {
					t.Errorf("%s: %s", url, resp.Status)
				}
				if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
					for name := ""; name != "sluice.hello" && name != "sluice.unavailable"; {
						e, err := resp.events.Next()
						if err != nil {
							t.Errorf("%s: %v", url, err)
							break
						}
						name = e.Name
						wantTimes(t, url, []byte(e.Data))
					}
					resp.cancel()
					continue
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Errorf("%s: %v", url, err)
				}
				if strings.HasSuffix(resp.Header.Get("Content-Type"), "json") {
					wantTimes(t, url, body)
				}
			}
		}
	}
	held.cancel()
	if logs := f.logs.String(); strings.Contains(logs, "panic") {
		t.Errorf("logs: %.600s", logs[strings.Index(logs, "panic"):])
	}
}

// wantTimes expects JSON whose times lie in the years 1970 to 9999.
func wantTimes(t *testing.T, where string, text []byte) {
	t.Helper()
	var all any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Errorf("%s: %v in %.200s", where, err, text)
		return
	}
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				walk(name, inner)
			}
		case []any:
			for _, inner := range v {
				walk(name, inner)
			}
		case string:
			switch name {
			case "time", "timestamp", "since", "expires", "read", "at", "until", "newest", "oldest", "stale_since", "started":
				if at, err := time.Parse(time.RFC3339, v); err != nil || at.Year() != 1 && at.Year() < 1970 {
					t.Errorf("%s: %s is %q, %v", where, name, v, err)
				}
			}
		}
	}
	walk("", all)
}

// TestAnIdentityWithoutAnEndInSight has a stream that isn't ended, though no clock can
// count to its end.
func TestAnIdentityWithoutAnEndInSight(t *testing.T) {
	f, alice := extreme(t)
	s := f.get("/events?stream=orders", "Authorization", alice)
	s.want("sluice.hello", "*")
	f.publish(orders, stream.Event{Data: []byte("hello")}, "alice")
	s.want("message", "hello")
	for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, time.Until(time.Unix(1<<40, 0))} {
		if got := ticks(d); got < tick(d/time.Millisecond) {
			t.Errorf("%v are %d ms", d, got)
		}
	}
	for d, want := range map[time.Duration]tick{0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, -1: 0, -time.Millisecond: -1} {
		if got := ticks(d); got != want {
			t.Errorf("%v are %d ms, want %d", d, got, want)
		}
	}
}

// TestARevocationOfTheFutureIsNone: it would lock its user out until then.
func TestARevocationOfTheFutureIsNone(t *testing.T) {
	f := newFixture(t, nil)
	f.ApplyControlMessage([]byte(`{"user":"alice","at":"9999-01-01T00:00:00Z","until":"9999-01-02T00:00:00Z"}`))
	if f.revoked.refuses(auth.Principal{User: "alice", Issued: time.Now()}, time.Now()) || len(f.revoked.byKey) > 0 {
		t.Error("it is in force")
	}
	if logs := f.logs.String(); !strings.Contains(logs, "yet to come") {
		t.Errorf("logs: %s", logs)
	}
}

// TestAPanicEndsOneStream: it is logged, and others go on.
func TestAPanicEndsOneStream(t *testing.T) {
	var failing atomic.Bool
	f := newFixture(t, nil)
	random := f.rules.random
	f.rules.random = func(lo, hi tick) tick {
		if failing.Load() {
			panic("out of order")
		}
		return random(lo, hi)
	}
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)
	alice, bob := f.get("/events?user=alice"), f.get("/events?user=bob")
	alice.want("sluice.hello", "*")
	bob.want("sluice.hello", "*")
	failing.Store(true)
	f.order("alice", "never")
	if e, err := alice.events.Next(); err == nil {
		t.Errorf("alice got %v", e)
	}
	failing.Store(false)
	eventually(t, "alice's stream has left", func() bool { return f.hub.Subscribers() == 1 })
	f.order("bob", "third")
	bob.want("message", "third")
	if logs := f.logs.String(); !strings.Contains(logs, "request panicked") || !strings.Contains(logs, "out of order") {
		t.Errorf("logs: %s", logs)
	}
}
