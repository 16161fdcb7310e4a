package server

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/listen"
	"sluice/server/metrics"
	"sluice/server/status"
	"sluice/stream"
	"sluice/stream/cursor"
	"sluice/stream/ssetest"
)

// fixture is a gateway on loopback with a real hub: the streams orders (each event its
// user's) and news (everyone's), of one partition each.
type fixture struct {
	*Server
	t      testing.TB
	hub    *stream.Hub
	url    string
	addr   string
	client *http.Client
	logs   *safeBuffer
	level  *slog.LevelVar // of logs: debug
	next   [2]int64       // offsets, by stream

	headerTimeout time.Duration // how long a request's header may take; 0: as long as it does
}

const (
	orders = 0
	news   = 1

	logBytes = 32 << 20 // of each; more than any socket's buffers
)

// stateBounds are of each stream's state, without an age: the tests' events are of any
// time.
var stateBounds = stream.StateBounds{MaxBytes: logBytes}

// begin starts one; change may alter the config, cold leaves the streams unwarmed.
func begin(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	f := newFixture(t, change)
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)
	return f
}

// sized is a size that is promised, or a fifth of it.
func sized(n int) int {
	if os.Getenv("SLUICE_TEST_FULL") != "" {
		return n
	}
	return n / 5
}

// newFixture is one that is neither warm nor listening.
func newFixture(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	return newFixtureOf(t, cursor.Plain, change)
}

// newFixtureOf is one that writes ids so.
func newFixtureOf(t testing.TB, ids cursor.Codec, change func(*Config)) *fixture {
	t.Helper()
	f := &fixture{t: t, logs: new(safeBuffer), level: new(slog.LevelVar)}
	f.level.Set(slog.LevelDebug)
	f.hub = stream.NewHub(stream.Config{IDs: ids, Streams: []stream.Spec{
		{Name: "orders", ReplayBytes: logBytes, State: stateBounds},
		{Name: "news", ReplayBytes: logBytes, Audience: stream.AudienceEveryone, State: stateBounds},
	}})
	cfg := Config{
		Hub:      f.hub,
		Auth:     auth.None{},
		Source:   statuses{{Name: "orders", Topic: "order-topic", Warm: true, Fetching: true}},
		Logger:   slog.New(slog.NewTextHandler(f.logs, &slog.HandlerOptions{Level: f.level})),
		RetryMin: 1500 * time.Millisecond,
		RetryMax: 1500 * time.Millisecond,

		DrainSpread: 100 * time.Millisecond,

		Goroutines: everythingOnGoroutines,
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if f.Server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.hub.Close)
	t.Cleanup(f.Close)
	return f
}

func (f *fixture) warm() {
	for i := range f.next {
		f.hub.Begin(i, "e", []int64{0})
		f.hub.SetWarm(i)
	}
}

// serve serves on l until the test ends; nothing of it outlives the test.
func (f *fixture) serve(l net.Listener) {
	f.addr = l.Addr().String()
	f.url = "http://" + f.addr
	h := listen.NewHTTP(f.Handler(), f.cfg.Logger)
	h.ReadHeaderTimeout = cmp.Or(f.headerTimeout, h.ReadHeaderTimeout)
	done := make(chan error)
	go func() { done <- h.Serve(l) }()
	f.client = &http.Client{Transport: &http.Transport{DisableCompression: true}}
	f.t.Cleanup(func() {
		f.client.CloseIdleConnections()
		h.Close()
		f.Close()
		if err := <-done; err != http.ErrServerClosed {
			f.t.Error(err)
		}
	})
}

// publish adds an event to a stream.
func (f *fixture) publish(to int, e stream.Event, users ...string) {
	for _, u := range users {
		e.Users = append(e.Users, []byte(u))
	}
	e.Offset = f.next[to]
	f.next[to]++
	f.hub.Publish(to, []stream.Event{e})
}

// order publishes an order event of a user's.
func (f *fixture) order(user, data string) {
	f.publish(orders, stream.Event{Data: []byte(data)}, user)
}

// get opens a stream and closes it when the test ends. headers are pairs.
func (f *fixture) get(path string, headers ...string) *opened {
	f.t.Helper()
	return f.getBy(f.client, f.url+path, headers...)
}

func (f *fixture) getBy(client *http.Client, url string, headers ...string) *opened {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		cancel()
		resp.Body.Close()
	})
	return &opened{Response: resp, t: f.t, events: ssetest.NewReader(resp.Body), cancel: cancel}
}

// opened is an answer, read as a stream.
type opened struct {
	*http.Response
	t      testing.TB
	events *ssetest.Reader
	cancel context.CancelFunc
}

// want reads one event and compares name and data; * is any data.
func (o *opened) want(name, data string) ssetest.Event {
	o.t.Helper()
	e, err := o.events.Next()
	if err != nil {
		o.t.Fatalf("no event, want %s %s: %v", name, data, err)
	}
	if e.Name != name || data != "*" && e.Data != data {
		o.t.Fatalf("got %s %s, want %s %s", e.Name, e.Data, name, data)
	}
	return e
}

func (o *opened) wantEnd() {
	o.t.Helper()
	if e, err := o.events.Next(); err != io.EOF {
		o.t.Fatalf("got %v, %v, want the clean end", e, err)
	}
}

// body reads the rest as text.
func (o *opened) body() string {
	o.t.Helper()
	b, err := io.ReadAll(o.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(b)
}

// eventually waits for a condition that no channel tells of.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("never: " + what)
		}
	}
}

// metric is the value of a metric, the sum where it has labels.
func (f *fixture) metric(name string) float64 {
	f.t.Helper()
	return f.metrics().One(name)
}

// metricOf is the value of a metric for a reason, or whatever its label is.
func (f *fixture) metricOf(name, reason string) float64 {
	f.t.Helper()
	label := "reason"
	if name == "sluice_sockets_turned_away_total" {
		label = "limit"
	}
	return f.metrics().Where(name, label, reason).One(name)
}

func (f *fixture) metrics() metrics.Values {
	f.t.Helper()
	v, err := f.cfg.Metrics.Values()
	if err != nil {
		f.t.Fatal(err)
	}
	return v
}

// closings is how many streams ended for a reason.
func (f *fixture) closings(why reason) float64 {
	return f.metricOf("sluice_streams_closed_total", why.String())
}

// empty reports whether nothing is left of any stream: no handler, no slot that the hub
// wakes, no subscription.
func (f *fixture) empty() bool {
	if f.held != nil && f.held.holder.InUse() > 0 || f.metric("sluice_connections") > 0 {
		return false
	}
	streams := &f.ordinary.byToken
	streams.mu.Lock()
	defer streams.mu.Unlock()
	f.gate.mu.Lock()
	defer f.gate.mu.Unlock()
	return f.hub.Subscribers() == 0 && f.gate.inside == 0 && len(streams.free) == len(streams.list)
}

// statuses is a Source that says always the same.
type statuses []status.Stream

func (s statuses) Status() []status.Stream { return s }

// safeBuffer is a buffer that may be written and read at once.
type safeBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// raw sends a request as it stands and returns the connection.
func (f *fixture) raw(request string) net.Conn {
	f.t.Helper()
	conn, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		f.t.Fatal(err)
	}
	return conn
}
