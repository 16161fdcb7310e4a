package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/server/cors"
	"sluice/server/listen"
	"sluice/stream"
)

// about publishes an event about a subject, of the second of its time.
func (f *fixture) about(to int, second int, subject, name, data string, users ...string) {
	f.publish(to, stream.Event{
		Timestamp: time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC).UnixMilli(),
		Key:       []byte(subject), Subject: []byte(subject), Name: name, Data: []byte(data),
	}, users...)
}

var anyTag = regexp.MustCompile(`(?m)^Etag: "[\w-]+"\r$`)

// TestStateWire compares whole answers with transcripts.
func TestStateWire(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request string
		cold    bool
	}{
		{name: "state", request: "GET /state?user=alice HTTP/1.1\nHost: x\nOrigin: https://shop.example\nConnection: close\n\n"},
		{name: "state-subject", request: "GET /state?user=alice&stream=orders&subject=o-1 HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "state-empty", request: "GET /state?user=nobody&stream=orders HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "state-head", request: "HEAD /state?user=alice HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "state-any-tag", request: "GET /state?user=alice HTTP/1.1\nHost: x\nIf-None-Match: *\nConnection: close\n\n"},
		{name: "state-not-yours", request: "GET /state?user=alice&stream=payments HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "state-no-identity", request: "GET /state HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "state-post", request: "POST /state HTTP/1.1\nHost: x\nContent-Length: 0\nConnection: close\n\n"},
		{name: "state-warming", cold: true, request: "GET /state?user=alice HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "poll", request: "GET /state?user=alice&cursor=orders@e:1~news@e:0 HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "poll-head", request: "HEAD /state?user=alice&cursor=orders@e:1~news@e:0&wait=60s HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "poll-reset", request: "GET /state?user=alice&stream=orders&cursor=orders@other:1&wait=60s HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "poll-nothing", request: "GET /state?user=alice&stream=orders&cursor=orders@e:5&wait=1ms HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "poll-too-long", request: "GET /state?user=alice&cursor=orders@e:1&wait=61s HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "poll-no-cursor", request: "GET /state?user=alice&wait=25s HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "poll-warming", cold: true, request: "GET /state?user=alice&cursor=orders@e:1 HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "snapshot-from", request: "GET /events?user=alice&snapshot=1&from=live HTTP/1.1\nHost: x\nConnection: close\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, func(c *Config) { c.CORS = cors.Config{Origins: []string{"https://shop.example"}, Credentials: true} })
			if !tt.cold {
				f.warm()
				f.story()
			}
			l, err := listen.Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			f.serve(l)
			got, err := io.ReadAll(f.raw(tt.request))
			if err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, anyTag.ReplaceAllString(string(got), "Etag: …\r"))
			eventually(t, "nothing is left", f.empty)
		})
	}
}

// story is five orders' events and one of the news.
func (f *fixture) story() {
	f.about(orders, 1, "o-1", "order.placed", `{"orderId":"o-1"}`, "alice")
	f.about(orders, 2, "o-2", "", "no JSON: <é>\r\nid: forged", "alice", "shop")
	f.about(orders, 3, "o-3", "order.placed", `{"orderId":"o-3"}`, "bob")
	f.about(orders, 4, "o-1", "order.confirmed", "{\"orderId\": \"o-1\",\n \"total\": 1.50}", "alice")
	f.publish(orders, stream.Event{Name: "hint", Data: []byte(`"about nothing"`)}, "alice")
	f.about(news, 5, "sale", "", `[1,2]`)
}

// TestStateTag: the tag follows what the caller is shown, and neither the cursor nor
// others' events.
func TestStateTag(t *testing.T) {
	f := begin(t, nil)
	f.story()
	first := f.get("/state?user=alice")
	tag := first.Header.Get("ETag")
	first.body()
	ask := func(tag string) (int, string) {
		s := f.get("/state?user=alice", "If-None-Match", tag)
		s.body()
		if s.Header.Get("Cache-Control") != "private, no-cache" || s.Header.Get("Vary") != "Authorization, Cookie" {
			t.Errorf("%d: headers %v", s.StatusCode, s.Header)
		}
		return s.StatusCode, s.Header.Get("ETag")
	}
	f.about(orders, 6, "o-4", "order.placed", "{}", "bob")
	same := func(tag string) {
		t.Helper()
		if status, got := ask(tag); status != http.StatusNotModified && got == first.Header.Get("ETag") {
			t.Errorf("%s: %d %s; want a 304", tag, status, got)
		}
	}
	same(tag)
	same(`"other", W/` + tag)
	if status, _ := ask(`"other"`); status != http.StatusOK {
		t.Errorf("another's tag: %d", status)
	}
	f.about(orders, 7, "o-1", "order.shipped", "{}", "alice")
	if status, got := ask(tag); status != http.StatusOK || got == tag {
		t.Errorf("after an event of hers: %d %s", status, got)
	}
	s := f.get("/state?user=bob", "If-None-Match", tag)
	if s.body(); s.StatusCode != http.StatusOK {
		t.Errorf("bob with alice's tag: %d", s.StatusCode)
	}

	// A page that is told of a reset loads the state for its cursor: no cache may give it
	// the one of before.
	_, tag = ask("")
	f.hub.Jump(news, 0, stream.ReasonRetention, 1)
	if status, _ := ask(tag); status != http.StatusOK {
		t.Errorf("after a reset: %d", status)
	}
	now := time.Unix(1_800_000_000, 0)
	if etag(&stream.State{}, nil, now) == etag(&stream.State{}, nil, now.Add(etagLife)) {
		t.Error("a cursor may be cached for good")
	}
}

// TestStateOfStreamsWithout: what has no state is left out, and its place is in the
// cursor all the same.
func TestStateOfStreamsWithout(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.Hub = stream.NewHub(stream.Config{Streams: []stream.Spec{{Name: "orders"}, {Name: "news", Audience: stream.AudienceEveryone, State: stream.StateBounds{MaxBytes: 1 << 20}}}})
	})
	f.hub = f.cfg.Hub
	t.Cleanup(f.hub.Close)
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)
	f.story()
	if s := f.get("/state?user=alice&stream=orders"); s.StatusCode != http.StatusNotFound || !strings.Contains(s.body(), "urn:sluice:problem:state") {
		t.Errorf("a stream without: %d", s.StatusCode)
	}
	if s := f.get("/events?user=alice&stream=orders&snapshot=1"); s.StatusCode != http.StatusNotFound {
		t.Errorf("a snapshot of a stream without: %d", s.StatusCode)
	}
	got := f.readState("/state?user=alice")
	if got.Cursor != "orders@e:5~news@e:1" || len(got.Events) != 1 || got.Events[0].Stream != "news" {
		t.Errorf("%+v", got)
	}
}

// answered is a /state or poll answer.
type answered struct {
	Cursor   string
	Streams  []string
	Since    *time.Time
	Complete bool
	Stale    *time.Time
	Events   []struct {
		ID, Stream, Subject, Event string
		Time                       *time.Time
		Data                       json.RawMessage
		Text                       *string
	}
}

// readState gets and reads one.
func (f *fixture) readState(path string, headers ...string) (a answered) {
	f.t.Helper()
	s := f.get(path, headers...)
	body := s.body()
	if s.StatusCode != http.StatusOK {
		f.t.Fatalf("%s: %d %s", path, s.StatusCode, body)
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		f.t.Fatalf("%s: %v: %s", path, err, body)
	}
	return a
}

func (a answered) data() (all []string) {
	for _, e := range a.Events {
		all = append(all, string(e.Data))
	}
	return all
}

// A page gets back the payload that was produced: text and a JSON string are told apart,
// in a state and in a poll.
func TestTextIsNotAJSONString(t *testing.T) {
	f := begin(t, nil)
	start := f.readState("/state?user=alice&stream=orders").Cursor
	payloads := []string{`hello`, `"hello"`, ``, `""`, `null`, `"5"`, `5`, `05`, `{"text":"hello"}`, `{"text":"hello"`}
	for i, payload := range payloads {
		f.about(orders, i, fmt.Sprint("o-", i), "order.noted", payload, "alice")
	}
	for _, path := range []string{"/state?user=alice&stream=orders", pollPath(start, "60s")} {
		var got []string
		for _, e := range f.readState(path).Events {
			if (e.Text == nil) == (e.Data == nil) {
				t.Fatalf("%s: neither or both of text and data: %+v", path, e)
			}
			if e.Text != nil {
				got = append(got, *e.Text)
			} else {
				got = append(got, string(e.Data))
			}
		}
		if !slices.Equal(got, payloads) {
			t.Errorf("%s: %q; want %q", path, got, payloads)
		}
	}
}

// TestStateThenEvents: a stream opened at the state's cursor begins right after it.
func TestStateThenEvents(t *testing.T) {
	f := begin(t, nil)
	f.story()
	state := f.readState("/state?user=alice&stream=orders")
	f.about(orders, 6, "o-1", "order.shipped", `{"n":1}`, "alice")
	s := f.get("/events?user=alice&stream=orders&lastEventId=" + url.QueryEscape(state.Cursor))
	if hello := s.want("sluice.hello", `{"resume":"resumed","heartbeat":9000,"streams":["orders"]}`); hello.ID != state.Cursor {
		t.Errorf("begins at %s; want %s", hello.ID, state.Cursor)
	}
	s.want("order.shipped", `{"n":1}`)
	f.about(orders, 7, "o-1", "order.returned", `{"n":2}`, "alice")
	s.want("order.returned", `{"n":2}`)
}

func TestStateSaysThatKafkaIsAway(t *testing.T) {
	f := begin(t, nil)
	f.story()
	since := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	f.hub.SetStale(news, since)
	for _, path := range []string{"/state?user=alice", "/state?user=alice&cursor=orders@e:0~news@e:0"} {
		if a := f.readState(path); a.Stale == nil || !a.Stale.Equal(since) {
			t.Errorf("%s: stale %v; want %v", path, a.Stale, since)
		}
	}
}

func TestSnapshot(t *testing.T) {
	f := begin(t, nil)
	f.story()
	s := f.get("/events?user=alice&snapshot=1")
	begun := s.want("sluice.snapshot", `{"since":null,"complete":true,"subjects":3}`)
	events := []string{begun.ID}
	for range 3 {
		e, err := s.events.Next()
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, fmt.Sprint(e.ID, " ", e.Name, " ", e.Data))
	}
	if got, want := strings.Join(events, "\n"), "\n message no JSON: <é>\nid: forged\n order.confirmed {\"orderId\": \"o-1\",\n \"total\": 1.50}\n message [1,2]"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	hello := s.want("sluice.hello", `{"resume":"snapshot","heartbeat":9000,"streams":["orders","news"]}`)
	if hello.ID != "orders@e:5~news@e:1" {
		t.Errorf("the state is true at %s", hello.ID)
	}
	f.about(orders, 6, "o-1", "order.shipped", `{}`, "alice")
	s.want("order.shipped", `{}`)

	again := f.get("/events?user=alice&snapshot=1", "Last-Event-ID", hello.ID)
	again.want("sluice.hello", `{"resume":"resumed","heartbeat":9000,"streams":["orders","news"]}`)
	again.want("order.shipped", `{}`)

	lost := f.get("/events?user=alice&stream=orders&snapshot=1", "Last-Event-ID", "orders@other:9")
	if e := lost.want(stream.ResetEvent, "*"); e.ID != "" {
		t.Errorf("the reset has the id %s, and what it makes necessary hasn't come yet", e.ID)
	}
	lost.want("sluice.snapshot", `{"since":null,"complete":true,"subjects":2}`)
	lost.want("message", "*")
	lost.want("order.shipped", `{}`)
	lost.want("sluice.hello", `{"resume":"snapshot","heartbeat":9000,"streams":["orders"]}`)
}

// A snapshot larger than any socket's buffers arrives whole, on whatever carries it.
func TestLargeSnapshot(t *testing.T) {
	f := begin(t, nil)
	const n = 100
	for i := range n {
		f.about(orders, 1, fmt.Sprint("o-", i), "", fmt.Sprintf("%d %s", i, strings.Repeat("x", 50_000)), "alice")
	}
	s := f.get("/events?user=alice&stream=orders&snapshot=1")
	s.want("sluice.snapshot", "*")
	for i := range n {
		if e, err := s.events.Next(); err != nil || !strings.HasPrefix(e.Data, fmt.Sprint(i, " ")) || e.ID != "" {
			t.Fatalf("%d: %.20q with id %q, %v", i, e.Data, e.ID, err)
		}
	}
	s.want("sluice.hello", "*")
	f.order("alice", "live")
	s.want("message", "live")
}
