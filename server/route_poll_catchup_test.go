package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/server/listen"
	"sluice/stream"
)

// olderKafka has every order that was published, in one partition. It holds each reading
// until the test lets it go.
type olderKafka struct {
	reads chan chan struct{} // takes a channel for each reading: closed, the reading goes on

	mu     sync.Mutex // guards orders
	orders []stream.Event
}

func (k *olderKafka) Bounds(context.Context, int) (stream.Bounds, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return stream.Bounds{Epoch: "e", Start: []int64{0}, End: []int64{int64(len(k.orders))}}, nil
}

func (k *olderKafka) OffsetsAt(context.Context, int, int64) ([]int64, error) { return []int64{0}, nil }

func (k *olderKafka) Read(ctx context.Context, _ int, _ string, from, to []int64, emit func(stream.HistoryRun) error) error {
	goOn := make(chan struct{})
	select {
	case k.reads <- goOn:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-goOn:
	case <-ctx.Done():
		return ctx.Err()
	}
	k.mu.Lock()
	events := slices.Clone(k.orders[from[0]:to[0]])
	k.mu.Unlock()
	return emit(stream.HistoryRun{Events: events, Next: to[0], Leader: -1})
}

// beginOlder starts a gateway that keeps nothing of orders in memory.
func beginOlder(t *testing.T, patience time.Duration) (*fixture, *olderKafka) {
	t.Helper()
	k := &olderKafka{reads: make(chan chan struct{})}
	f := newFixture(t, func(c *Config) {
		c.OpenTimeout = patience
		c.Hub = stream.NewHub(stream.Config{History: k, Streams: []stream.Spec{
			{Name: "orders", ReplayBytes: 1}, {Name: "news", Audience: stream.AudienceEveryone, ReplayBytes: logBytes},
		}})
	})
	t.Cleanup(f.cfg.Hub.Close)
	f.hub = f.cfg.Hub
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)
	return f, k
}

// order publishes, and Kafka keeps it.
func (k *olderKafka) order(f *fixture, user, subject, data string) {
	e := stream.Event{Offset: f.next[orders], Users: [][]byte{[]byte(user)}, Subject: []byte(subject), Data: []byte(data)}
	k.mu.Lock()
	k.orders = append(k.orders, e)
	k.mu.Unlock()
	f.publish(orders, stream.Event{Subject: e.Subject, Data: e.Data}, user)
}

// pollAnswer is a poll's answer, whatever its status.
type pollAnswer struct {
	answered
	More   bool
	Type   string
	status int
	header http.Header
}

func (f *fixture) polled(path string) pollAnswer {
	s := f.get(path)
	a := pollAnswer{status: s.StatusCode, header: s.Header}
	if body := s.body(); json.Unmarshal([]byte(body), &a) != nil {
		f.t.Errorf("%s: %s", path, body)
	}
	return a
}

// A poll waits for its catch-up however short its own wait is, so that polls in a row get
// everything once.
func TestPollWithoutWaitGetsOn(t *testing.T) {
	for _, tt := range []struct{ name, query string }{
		{"no wait", "&stream=orders"},
		{"wait=0s", "&stream=orders&wait=0s"},
		{"wait=1ms", "&stream=orders&wait=1ms"},
		{"of a subject", "&stream=orders&subject=o-2"},
		{"beside a stream in memory", "&stream=orders&stream=news"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, k := beginOlder(t, time.Minute)
			var want []string
			for i := range 6 {
				data := fmt.Sprintf(`"%d"`, i)
				k.order(f, "alice", fmt.Sprint("o-", i%3), data)
				if tt.name != "of a subject" || i%3 == 2 {
					want = append(want, data)
				}
			}
			cursor := "orders@e:0"
			if tt.name == "of a subject" {
				cursor = f.filteredCursor("o-2")
			}
			var got []string
			for i := 0; len(got) < len(want); i++ {
				if i == 10 {
					t.Fatalf("10 polls gave %q; want %q", got, want)
				}
				f.publish(news, stream.Event{Data: []byte(`"news"`)}) // never an answer without the orders
				answer := make(chan pollAnswer, 1)
				go func() { answer <- f.polled("/state?user=alice&cursor=" + url.QueryEscape(cursor) + tt.query) }()
				a := k.letGo(t, answer)
				if a.status != http.StatusOK || a.Cursor == cursor {
					t.Fatalf("%d, cursor %s: %v", a.status, a.Cursor, a.data())
				}
				cursor = a.Cursor
				got = append(got, slices.DeleteFunc(a.data(), func(d string) bool { return d == `"news"` })...)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q; want %q", got, want)
			}
			eventually(t, "nothing is left", f.empty)
		})
	}
}

// filteredCursor returns the cursor before the first order, as one who follows a subject
// has it.
func (f *fixture) filteredCursor(subject string) string {
	f.t.Helper()
	sub, opening, err := f.hub.Open(f.t.Context(), stream.Request{Streams: []int{orders}, User: "alice", Filter: stream.About(subject), Waker: f.polls.waker})
	if err != nil {
		f.t.Fatal(err)
	}
	sub.Close()
	return strings.Replace(opening.ID, fmt.Sprint(":", f.next[orders]), ":0", 1)
}

// letGo lets every reading go on until there is an answer.
func (k *olderKafka) letGo(t *testing.T, answer <-chan pollAnswer) pollAnswer {
	t.Helper()
	for {
		select {
		case goOn := <-k.reads:
			close(goOn)
		case a := <-answer:
			return a
		case <-t.Context().Done():
			t.Fatal("no answer")
		}
	}
}

// A poll that Kafka doesn't answer in time is told to come back, and never that nothing
// happened.
func TestPollThatCatchUpDoesNotReachIsUnavailable(t *testing.T) {
	f, k := beginOlder(t, 20*time.Millisecond)
	k.order(f, "alice", "o-1", "1")
	for _, wait := range []string{"", "&wait=0s", "&wait=30ms"} {
		a := f.polled("/state?user=alice&stream=orders&cursor=orders@e:0" + wait)
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.Type != "urn:sluice:problem:unavailable" {
			t.Errorf("wait %q: %+v", wait, a)
		}
	}
	f.publish(news, stream.Event{Data: []byte(`"news"`)})
	a := f.polled("/state?user=alice&cursor=orders@e:0~news@e:0")
	if len(a.Events) != 2 || string(a.Events[0].Data) != `"news"` || a.Events[1].Event != "sluice.unavailable" || a.Cursor != "orders@e:0~news@e:1" {
		t.Errorf("with news: %+v", a)
	}
	eventually(t, "nothing is left", f.empty)
}

// A poll that waits for catch-up when the gateway shuts down is sent elsewhere.
func TestPollThatCatchesUpIsDrained(t *testing.T) {
	f, k := beginOlder(t, time.Minute)
	k.order(f, "alice", "o-1", "1")
	answer := make(chan pollAnswer, 1)
	go func() { answer <- f.polled("/state?user=alice&stream=orders&cursor=orders@e:0&wait=60s") }()
	<-k.reads
	if err := f.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := <-answer; a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("%+v", a)
	}
}

// A poll that the log overruns while it waits reads on from Kafka.
func TestPollOverrunByTheLogReadsOn(t *testing.T) {
	f, k := beginOlder(t, time.Minute)
	answer := make(chan pollAnswer, 1)
	go func() { answer <- f.polled("/state?user=alice&stream=orders&cursor=orders@e:0&wait=60s") }()
	eventually(t, "the poll waits", func() bool { return f.metric("sluice_polls") == 1 })
	k.order(f, "alice", "o-1", `"1"`) // the log keeps none of them
	k.order(f, "alice", "o-1", `"2"`)
	a := k.letGo(t, answer)
	for a.status == http.StatusOK && a.Cursor != "orders@e:2" {
		before := a.data()
		go func() { answer <- f.polled("/state?user=alice&stream=orders&cursor=" + a.Cursor) }()
		next := k.letGo(t, answer)
		a.Cursor, a.status, a.Events = next.Cursor, next.status, append(a.Events, next.Events...)
		if len(a.Events) == len(before) {
			t.Fatalf("%+v", next)
		}
	}
	if got := a.data(); !slices.Equal(got, []string{`"1"`, `"2"`}) {
		t.Errorf("%d %q", a.status, got)
	}
}

// A full page says "more", and only a full one does.
func TestPollSaysMore(t *testing.T) {
	f := begin(t, nil)
	for range 10 {
		f.order("alice", `"`+string(bytes.Repeat([]byte("x"), 50_000))+`"`)
	}
	a := f.polled(pollPath("orders@e:0", "60s"))
	if last := a.Events[len(a.Events)-1]; !a.More || a.Cursor != last.ID {
		t.Errorf("a full page: more %v, cursor %s after %s", a.More, a.Cursor, last.ID)
	}
	rest := f.polled(pollPath(a.Cursor, "0s"))
	if rest.More || len(a.Events)+len(rest.Events) != 10 || rest.Cursor != "orders@e:10" {
		t.Errorf("the rest: %d and %d events, more %v, cursor %s", len(a.Events), len(rest.Events), rest.More, rest.Cursor)
	}
}
