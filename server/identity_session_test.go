package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"sluice/server/auth"
)

// cancelAfter looks at what a stream begins with, or at the whole of another answer.
func (o *opened) cancelAfter(look func(text string)) {
	o.t.Helper()
	if o.StatusCode != http.StatusOK {
		look(o.body())
		return
	}
	for {
		e, err := o.events.Next()
		if err != nil {
			o.t.Fatal(err)
		}
		look(e.ID + e.Name + e.Data)
		if e.Name == "sluice.hello" {
			o.cancel()
			return
		}
	}
}

// sessions is an app with sessions by cookie, over real HTTP.
type sessions struct {
	*httptest.Server
	mu    sync.Mutex // guards the rest
	users map[string]string
	down  bool
	n     int // questions
}

func (s *sessions) asks() (n int) {
	s.set(func() { n = s.n })
	return n
}

func newSessions(t *testing.T) *sessions {
	t.Helper()
	s := &sessions{users: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		user := s.users[r.Header.Get("Cookie")]
		s.n++
		switch {
		case s.down:
			w.WriteHeader(http.StatusBadGateway)
		case user == "":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			fmt.Fprintf(w, `{"id":%q}`, user)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sessions) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *sessions) asked(t *testing.T, cache, staleOK time.Duration) *auth.Forward {
	t.Helper()
	f, err := auth.NewForward(auth.ForwardConfig{URL: s.URL, User: "id", Cache: cache, StaleOK: &staleOK, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestASessionThatEndsEndsItsStreams(t *testing.T) {
	app := newSessions(t)
	app.users["s=1"], app.users["s=2"] = "alice", "alice"
	f := begin(t, func(c *Config) { c.Auth = app.asked(t, 20*time.Millisecond, time.Hour) })
	first, second, other := f.get("/events", "Cookie", "s=1"), f.get("/events", "Cookie", "s=1"), f.get("/events", "Cookie", "s=2")
	for _, s := range []*opened{first, second, other} {
		s.want("sluice.hello", "*")
	}
	app.set(func() { delete(app.users, "s=1") })
	for _, s := range []*opened{first, second} {
		s.want("sluice.closing", `{"reason":"revoked","retry_ms":1500}`)
		s.wantEnd()
	}
	f.order("alice", "for the other session")
	other.want("message", "for the other session")
	eventually(t, "refused, once the app has been asked", func() bool { return f.get("/events", "Cookie", "s=1").StatusCode == http.StatusUnauthorized })

	// The app is down: who is there stays, who comes waits.
	app.set(func() { app.down = true })
	eventually(t, "a new caller waits", func() bool {
		return f.get("/events", "Cookie", "s=2").StatusCode == http.StatusServiceUnavailable
	})
	late := f.get("/events", "Cookie", "s=3", "Accept", "text/event-stream")
	late.want("sluice.unavailable", `{"reason":"identity","retry_ms":1500}`)
	late.wantEnd()
	f.order("alice", "for who is there")
	other.want("message", "for who is there")

	// The session is somebody else's when it is back.
	app.set(func() { app.down = false; app.users["s=2"] = "bob" })
	bob := f.get("/events", "Cookie", "s=2", "Accept", "text/event-stream")
	bob.want("sluice.hello", "*")
	other.want("sluice.closing", "*")
	other.wantEnd()
	f.order("alice", "not for bob")
	f.order("bob", "for bob")
	bob.want("message", "for bob")
}

func TestStreamsEndWhenTheAppIsAwayForTooLong(t *testing.T) {
	app := newSessions(t)
	app.users["s=1"] = "alice"
	f := begin(t, func(c *Config) { c.Auth = app.asked(t, 20*time.Millisecond, 20*time.Millisecond) })
	s := f.get("/events", "Cookie", "s=1")
	s.want("sluice.hello", "*")
	app.set(func() { app.down = true })
	s.want("sluice.closing", `{"reason":"revoked","retry_ms":1500}`)
	s.wantEnd()
}

func TestARevokedSessionOfTheAppStaysOut(t *testing.T) {
	app := newSessions(t)
	app.users["s=1"], app.users["s=1; junk=1"], app.users["s=2"] = "alice", "alice", "bob"
	f := begin(t, func(c *Config) {
		c.Auth, c.APIKeys = app.asked(t, time.Millisecond, time.Hour), oneKey(apiKey)
	})
	s := f.get("/events", "Cookie", "s=1")
	s.want("sluice.hello", "*")
	if code, body := f.revoke(apiKey, `{"user":"alice","for":"12h"}`); code != 200 {
		t.Fatal(code, body)
	}
	s.want("sluice.closing", "*")
	asked := app.asks()
	eventually(t, "the app has been asked anew", func() bool {
		for _, cookie := range []string{"s=1", "s=1; junk=1"} {
			if code := f.get("/events", "Cookie", cookie).StatusCode; code != http.StatusUnauthorized {
				t.Errorf("%s: %d", cookie, code)
			}
		}
		return app.asks() > asked+4
	})
	f.get("/events", "Cookie", "s=2").want("sluice.hello", "*")
}
