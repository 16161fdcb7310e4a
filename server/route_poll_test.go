package server

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/listen"
	"sluice/stream"
)

func pollPath(cursor, wait string) string {
	return "/state?user=alice&stream=orders&wait=" + wait + "&cursor=" + url.QueryEscape(cursor)
}

// waiting asks in the background and returns when the poll waits.
func (f *fixture) waiting(ctx context.Context, path string) <-chan answered {
	f.t.Helper()
	before := f.metric("sluice_polls")
	got := make(chan answered, 1)
	go func() {
		defer close(got)
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, f.url+path, nil)
		resp, err := f.client.Do(r)
		if err != nil {
			return
		}
		resp.Body.Close()
		got <- answered{Cursor: resp.Status}
	}()
	eventually(f.t, "the poll waits", func() bool { return f.metric("sluice_polls") > before })
	return got
}

func TestPollWaitsForAnEvent(t *testing.T) {
	f := begin(t, nil)
	cursor := f.readState("/state?user=alice&stream=orders").Cursor
	got := make(chan answered)
	go func() { got <- f.readState(pollPath(cursor, "60s")) }()
	eventually(t, "the poll waits", func() bool { return f.metric("sluice_polls") == 1 })
	f.order("bob", "not hers")
	f.about(orders, 1, "o-1", "order.placed", `{"n":1}`, "alice")
	a := <-got
	if len(a.Events) != 1 || a.Events[0].Event != "order.placed" || string(a.Events[0].Data) != `{"n":1}` || a.Events[0].ID != a.Cursor {
		t.Fatalf("%+v", a)
	}
	f.order("alice", "2")
	f.order("alice", "3")
	if b := f.readState(pollPath(a.Cursor, "60s")); !slices.Equal(b.data(), []string{"2", "3"}) {
		t.Errorf("%q", b.data())
	}
	if b := f.readState(pollPath(a.Cursor, "60s")); !slices.Equal(b.data(), []string{"2", "3"}) {
		t.Errorf("asked again: %q", b.data()) // an answer may get lost
	}
	eventually(t, "nothing is left", f.empty)
	if n := f.metric("sluice_polls"); n != 0 {
		t.Errorf("%v polls", n)
	}
}

// A position is carried on without events, so that a page that polls for hours doesn't
// fall behind memory.
func TestPollCarriesThePositionOn(t *testing.T) {
	f := begin(t, nil)
	cursor := f.readState("/state?user=alice&stream=orders").Cursor
	f.order("bob", "not hers")
	if a := f.readState(pollPath(cursor, "0s")); len(a.Events) != 0 || a.Cursor != "orders@e:1" {
		t.Errorf("%+v", a)
	}
}

func TestPollPages(t *testing.T) {
	f := begin(t, nil)
	cursor := f.readState("/state?user=alice&stream=orders").Cursor
	var want, got []string
	for i := range 100 {
		data := fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", 10_000))
		want = append(want, data)
		f.order("alice", data)
	}
	pages := 0
	for ; len(got) < len(want); pages++ {
		a := f.readState(pollPath(cursor, "60s"))
		for i, e := range a.Events { // each id is a place to go on from
			if i == len(a.Events)/2 && pages%2 == 0 {
				cursor = e.ID
				got = append(got, a.data()[:i+1]...)
				break
			}
			if i == len(a.Events)-1 {
				cursor = a.Cursor
				got = append(got, a.data()...)
			}
		}
	}
	if !slices.Equal(got, want) || pages < 4 {
		t.Errorf("%d events in %d pages; want %d", len(got), pages, len(want))
	}
}

// TestPollEnds: a poll that waits holds up nothing.
func TestPollEnds(t *testing.T) {
	for name, end := range map[string]func(f *fixture, hangUp func()){
		"drain":     func(f *fixture, _ func()) { f.Drain(f.t.Context()) },
		"hub":       func(f *fixture, _ func()) { f.hub.Close() },
		"client":    func(_ *fixture, hangUp func()) { hangUp() },
		"user ends": func(f *fixture, _ func()) { f.hub.EndUser("alice") },
	} {
		t.Run(name, func(t *testing.T) {
			f := begin(t, nil)
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			got := f.waiting(ctx, pollPath("orders@e:0", "60s"))
			end(f, hangUp)
			a, answered := <-got
			if answered != (name != "client") || answered && a.Cursor != "200 OK" {
				t.Errorf("%v %+v", answered, a)
			}
			eventually(t, "nothing is left", f.empty)
		})
	}
}

func TestPollEndsWithTheIdentity(t *testing.T) {
	f := begin(t, func(c *Config) { c.Auth = expiringSoon{} })
	if a := f.readState(pollPath("orders@e:0", "60s")); len(a.Events) != 0 || a.Cursor != "orders@e:0" {
		t.Errorf("%+v", a)
	}
}

// expiringSoon knows everybody for a moment.
type expiringSoon struct{}

func (expiringSoon) Authenticate(*http.Request) (auth.Principal, error) {
	return auth.Principal{User: "alice", Expires: time.Now().Add(20 * time.Millisecond)}, nil
}

func TestPollSaysThatKafkaIsAway(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.Hub = stream.NewHub(stream.Config{Streams: []stream.Spec{{Name: "orders", ReplayBytes: 1}}, History: half{}})
	})
	t.Cleanup(f.cfg.Hub.Close)
	f.hub = f.cfg.Hub
	f.hub.Begin(orders, "e", []int64{0})
	f.hub.SetWarm(orders)
	for range 3 {
		f.order("alice", "gone from memory")
	}
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)
	a := f.readState(pollPath("orders@e:0", "60s"))
	if len(a.Events) != 1 || a.Events[0].Event != "sluice.unavailable" || a.Cursor != "orders@e:0" || a.Events[0].ID != a.Cursor {
		t.Errorf("%+v", a)
	}
}

// half is a Kafka that answers where the log stands, and then no more.
type half struct{}

func (half) Bounds(context.Context, int) (stream.Bounds, error) {
	return stream.Bounds{Epoch: "e", Start: []int64{0}, End: []int64{3}}, nil
}

func (half) OffsetsAt(context.Context, int, int64) ([]int64, error) { return []int64{0}, nil }

func (half) Read(context.Context, int, string, []int64, []int64, func(stream.HistoryRun) error) error {
	return stream.ErrUnavailable
}

func TestPollCountsAgainstLimits(t *testing.T) {
	f := begin(t, func(c *Config) { c.Limits.PerUser = 1 })
	ctx, hangUp := context.WithCancel(t.Context())
	got := f.waiting(ctx, pollPath("orders@e:0", "60s"))
	s := f.get(pollPath("orders@e:0", "0s"))
	if body := s.body(); s.StatusCode != http.StatusTooManyRequests || !bytes.Contains([]byte(body), []byte("urn:sluice:problem:unavailable")) {
		t.Errorf("a second one: %d %s", s.StatusCode, body)
	}
	hangUp()
	<-got
	eventually(t, "nothing is left", f.empty)
}
