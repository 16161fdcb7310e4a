package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/cors"
	"sluice/server/describe"
	"sluice/server/limit"
)

// as lets in who a request names, with roles.
type as map[string]auth.Principal

func (a as) Authenticate(r *http.Request) (auth.Principal, error) {
	name := r.Header.Get("X-Name")
	if name == "" {
		return auth.Principal{}, &auth.Error{Reason: auth.ReasonMissing, Challenge: "X"}
	}
	p, ok := a[name]
	if !ok {
		return p, &auth.Error{Reason: auth.ReasonSignature, Detail: "No.", Challenge: "X"}
	}
	return p, nil
}

// TestDiscoveryIsTheCallersOwn: each is told of the streams that it may read, and of no
// other.
func TestDiscoveryIsTheCallersOwn(t *testing.T) {
	expires := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	people := as{
		"alice":  {User: "alice"},
		"sam":    {User: "sam", Roles: []string{"staff"}, Expires: expires},
		"guest":  {Subject: "o-1", Streams: []string{"orders"}},
		"narrow": {User: "alice", Roles: []string{"staff"}, Streams: []string{"news"}},
	}
	f := newFixture(t, func(c *Config) {
		c.Auth, c.Access, c.Subjects = people, map[string][]string{"news": {"staff"}}, []string{"orders"}
	})
	for name, want := range map[string]struct{ streams, caller string }{
		"":       {"[]", "null"},
		"alice":  {"[orders]", `{"user":"alice"}`},
		"sam":    {"[orders news]", `{"user":"sam","roles":["staff"],"expires":"2100-01-01T00:00:00Z"}`},
		"guest":  {"[orders]", `{"subject":"o-1"}`},
		"narrow": {"[news]", `{"user":"alice","roles":["staff"]}`},
	} {
		w := inquire(f.Handler(), "/.well-known/sluice", "X-Name", name)
		var d struct {
			Version int
			Caller  json.RawMessage
			Streams []discoveredView
		}
		if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%q: %d %s %v", name, w.Code, w.Body, err)
		}
		names := []string{}
		for _, v := range d.Streams {
			names = append(names, v.Name)
		}
		if got := "[" + strings.Join(names, " ") + "]"; got != want.streams || string(d.Caller) != want.caller || d.Version != 1 {
			t.Errorf("%q: %s %s, want %+v", name, got, d.Caller, want)
		}
		if h := w.Header(); h.Get("Cache-Control") != "private, no-cache" || h.Get("Vary") != "Authorization, Cookie" {
			t.Errorf("%q: %v", name, h)
		}
		if name == "sam" && d.Streams[0] != (discoveredView{Name: "orders", Audience: "user", Subject: true, State: true}) {
			t.Errorf("%+v", d.Streams[0])
		}
	}
	if w := inquire(f.Handler(), "/.well-known/sluice", "X-Name", "mallory"); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "orders") {
		t.Errorf("refused credentials: %d %s", w.Code, w.Body)
	}
	failures := func(why auth.Reason) float64 {
		return f.scraped()[fmt.Sprintf("sluice_auth_failures_total{reason=%q}", why)]
	}
	if missing, forged := failures(auth.ReasonMissing), failures(auth.ReasonSignature); missing != 0 || forged != 1 {
		t.Errorf("%v were refused for showing nothing, %v for what they showed", missing, forged)
	}
	if w := inquire(f.Handler(), "/events"); w.Code != http.StatusUnauthorized || failures(auth.ReasonMissing) != 1 {
		t.Errorf("a stream without credentials: %d, %v counted", w.Code, failures(auth.ReasonMissing))
	}
}

// TestDiscoveryWithoutCredentials: what is for anyone, and how one says who one is.
func TestDiscoveryWithoutCredentials(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		withEverything(c)
		c.Access, c.Limits = map[string][]string{"news": {auth.Anyone}}, limit.Limits{PerUser: 12}
		c.MaxAge = time.Hour
		c.CORS = cors.Config{Origins: []string{"https://shop.example"}, Credentials: true}
	})
	w := inquire(f.Handler(), "/.well-known/sluice", "Origin", "https://shop.example")
	var d discovery
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Streams) != 1 || d.Streams[0].Name != "news" || d.Streams[0].Audience != "everyone" || d.Caller != nil {
		t.Errorf("%+v", d)
	}
	if want := []auth.Way{{Kind: "key", In: "header", Name: "Authorization", Scheme: "Bearer"}, {Kind: "ticket", In: "query", Name: "ticket"}, {Kind: "none", In: "query", Name: "user"}}; !reflect.DeepEqual(d.Auth, want) {
		t.Errorf("%+v", d.Auth)
	}
	for _, route := range []discoveredRoute{{"GET", "/events"}, {"POST", "/tickets"}, {"GET", "/.well-known/sluice"}} {
		found := false
		for _, r := range d.Routes {
			found = found || r == route
		}
		if !found {
			t.Errorf("%v is not in %v", route, d.Routes)
		}
	}
	if *d.Limits.PerUser != 12 || *d.Events.MaxAge != 3_600_000 || d.Events.Heartbeat != 9_000 || d.Resume.Header != "Last-Event-ID" {
		t.Errorf("%s", w.Body)
	}
	if h := w.Header(); h.Get("Access-Control-Allow-Origin") != "https://shop.example" || h.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("%v", h)
	}
	if w := inquire(f.Handler(), "/.well-known/sluice", "Origin", "https://other.example"); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %v", w.Header())
	}
}

// TestDiscoveryWaits where who is asking can't be told.
func TestDiscoveryWaits(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Auth = away{} })
	if w := inquire(f.Handler(), "/.well-known/sluice", "Accept", describe.StreamType); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// away can't tell.
type away struct{}

func (away) Authenticate(*http.Request) (auth.Principal, error) {
	return auth.Principal{}, auth.ErrUnavailable
}
