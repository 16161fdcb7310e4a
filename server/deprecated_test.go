package server

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"sluice/server/cors"
	"sluice/server/deprecation"
)

// All places say the same of a deprecated stream: discovery, AsyncAPI of callers and of
// operators, sluice.hello, and the header of streams, states and polls.
func TestAllPlacesSayTheSameOfADeprecatedStream(t *testing.T) {
	since, sunset := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC)
	f := begin(t, func(c *Config) {
		c.Deprecated = deprecation.Streams{"orders": {Since: since, Sunset: sunset, Successor: "news"}}
		c.CORS = cors.Config{Origins: []string{"https://shop.example"}}
	})
	want := map[string]any{"since": "2026-11-01", "sunset": "2027-05-01", "successor": "news"}
	same := func(where string, got any) {
		t.Helper()
		if !reflect.DeepEqual(got, any(want)) {
			t.Errorf("%s says %v; want %v", where, got, want)
		}
	}

	var d struct{ Streams []map[string]any }
	w := inquire(f.Handler(), "/.well-known/sluice?user=alice")
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || len(d.Streams) != 2 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	for _, s := range d.Streams {
		if _, is := s["deprecated"]; is != (s["name"] == "orders") {
			t.Errorf("discovery: %v", s)
		}
	}
	same("discovery", d.Streams[0]["deprecated"])

	official := officialSchema(t)
	for where, h := range map[string]http.Handler{"AsyncAPI": f.Handler(), "the operators' AsyncAPI": f.Admin()} {
		var doc map[string]any
		if err := json.Unmarshal(inquire(h, "/asyncapi.json?user=alice").Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if err := official.Validate(doc); err != nil {
			t.Errorf("%s: %v", where, err)
		}
		channels := doc["channels"].(map[string]any)
		same(where, channels["orders"].(map[string]any)["x-deprecated"])
		if text := channels["orders"].(map[string]any)["description"].(string); !strings.HasSuffix(text, "Deprecated since 2026-11-01. It may be gone from 2027-05-01 on. Read news instead.") {
			t.Errorf("%s: %s", where, text)
		}
		if _, is := channels["news"].(map[string]any)["x-deprecated"]; is {
			t.Errorf("%s: news is deprecated", where)
		}
	}

	hello := func(query string) (deprecated any) {
		t.Helper()
		s := f.get("/events?user=alice" + query)
		defer s.cancel()
		var data map[string]any
		if err := json.Unmarshal([]byte(s.want("sluice.hello", "*").Data), &data); err != nil {
			t.Fatal(err)
		}
		return data["deprecated"]
	}
	same("sluice.hello", hello("&stream=orders").(map[string]any)["orders"])
	_, answer, err := f.dial("/ws?user=alice&stream=orders")
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Deprecated map[string]any }
	if err := json.Unmarshal(f.connect("/ws?user=alice&stream=orders").want("sluice.hello", "*").Data, &said); err != nil {
		t.Fatal(err)
	}
	same("sluice.hello of a WebSocket", said.Deprecated["orders"])
	if got := hello("&stream=news"); got != nil {
		t.Errorf("sluice.hello of news says %v", got)
	}

	state := struct{ Cursor string }{}
	if err := json.Unmarshal(inquire(f.Handler(), "/state?user=alice&stream=orders").Body.Bytes(), &state); err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{"Deprecation": "@1793491200", "Sunset": "Sat, 01 May 2027 00:00:00 GMT", "Link": `<?stream=news>; rel="successor-version"`}
	for name, want := range fields {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("the handshake's %s: %q; want %q", name, got, want)
		}
	}
	for _, tt := range []struct {
		method, path string
		want         map[string]string
	}{
		{"HEAD", "/events?user=alice&stream=orders", fields},
		{"GET", "/events?user=alice&stream=orders", fields},
		{"GET", "/events?user=alice", fields}, // orders and news
		{"GET", "/events?user=alice&stream=news", nil},
		{"GET", "/state?user=alice&stream=orders", fields},
		{"GET", "/state?user=alice&stream=orders&cursor=" + state.Cursor, fields},
		{"GET", "/events?stream=orders", nil}, // nobody: there is nothing to be told
	} {
		header := f.headerOf(tt.method, tt.path, "Origin", "https://shop.example")
		for name := range fields {
			if got := header.Get(name); got != tt.want[name] {
				t.Errorf("%s %s: %s: %q; want %q", tt.method, tt.path, name, got, tt.want[name])
			}
			if exposed := header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, name) {
				t.Errorf("a page of another origin can't read %s: %s", name, exposed)
			}
		}
	}
}

// A successor that a caller may not read isn't told, as no other stream is.
func TestASuccessorIsToldToItsReaders(t *testing.T) {
	f := begin(t, func(c *Config) {
		c.Auth = as{"alice": {User: "alice"}, "sam": {User: "sam", Roles: []string{"staff"}}, "guest": {Subject: "o-1", Streams: []string{"orders"}}}
		c.Access = map[string][]string{"news": {"staff"}}
		c.Deprecated = deprecation.Streams{"orders": {Since: time.Unix(1, 0), Successor: "news"}}
	})
	for name, told := range map[string]bool{"alice": false, "sam": true, "guest": false} {
		for _, path := range []string{"/.well-known/sluice", "/asyncapi.json"} {
			if text := inquire(f.Handler(), path, "X-Name", name).Body.String(); !strings.Contains(text, "1970-01-01T00:00:01Z") || strings.Contains(text, "news") != told {
				t.Errorf("%s of %s: %s", path, name, text)
			}
		}
		if got := f.headerOf(http.MethodHead, "/events?stream=orders", "X-Name", name); (got.Get("Link") != "") != told || got.Get("Deprecation") != "@1" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// headerOf is the header of an answer.
func (f *fixture) headerOf(method, path, name, value string) http.Header {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set(name, value)
	resp, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Header
}
