package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/stream"
)

// TestRidePanics: a fault in one stream is logged, breaks its connection, and leaves
// nothing behind.
func TestRidePanics(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Goroutines = true })
	f.warm()
	func() {
		defer func() {
			if fault := recover(); fault != http.ErrAbortHandler {
				t.Errorf("panicked with %v", fault)
			}
		}()
		f.Handler().ServeHTTP(faulty{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/events?user=alice", nil))
	}()
	if logs := f.logs.String(); !strings.Contains(logs, "request panicked") || !strings.Contains(logs, "out of order") {
		t.Errorf("logged %q", logs)
	}
	if !f.empty() {
		t.Error("something is left of it")
	}
}

type faulty struct{ http.ResponseWriter }

func (faulty) WriteHeader(int) { panic("out of order") }

// TestDoLater: a handler's stream is waited for after everything around the handler has
// returned, and writes to the writer that the server gave.
func TestDoLater(t *testing.T) {
	for proto := 1; proto <= 2; proto++ {
		given := httptest.NewRecorder()
		left := new(goroutineStream)
		left.rings.Store(1) // nobody is to take a turn
		outer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			l := detachWriterOf(wrapping{w})
			if l == nil || l.ResponseWriter != given {
				t.Fatalf("HTTP/%d: leaver %+v", proto, l)
			}
			l.stream = left
			left.part() // it is finished before it is left, and still the handler waits for both
			if left.parted.Load() != 1 {
				t.Errorf("HTTP/%d: over already", proto)
			}
		})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.ProtoMajor = proto
		(&detachHandler{outer}).ServeHTTP(given, r)
	}
	if detachWriterOf(wrapping{httptest.NewRecorder()}) != nil {
		t.Error("left it to nobody")
	}
}

// TestDoLaterPanics: a handler's panic is its server's to see, whatever goroutine it was
// on.
func TestDoLaterPanics(t *testing.T) {
	for proto := 1; proto <= 2; proto++ {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.ProtoMajor = proto
		func() {
			defer func() {
				if fault := recover(); fault != http.ErrAbortHandler {
					t.Errorf("HTTP/%d: panicked with %v", proto, fault)
				}
			}()
			(&detachHandler{http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })}).ServeHTTP(httptest.NewRecorder(), r)
		}()
	}
}

// TestDoLaterPanicsAround: where what is around a stream panics, nothing is written any
// more when the server takes its writer back.
func TestDoLaterPanicsAround(t *testing.T) {
	for proto := 1; proto <= 2; proto++ {
		f := newFixture(t, func(c *Config) { c.Goroutines = true })
		f.warm()
		r := httptest.NewRequest(http.MethodGet, "/events?user=alice", nil)
		r.ProtoMajor = proto
		var fault any
		func() {
			defer func() { fault = recover() }()
			(&detachHandler{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				f.routes().ServeHTTP(w, r)
				if detachWriterOf(w).stream == nil {
					t.Error("no stream was left")
				}
				panic("too late")
			})}).ServeHTTP(patient{httptest.NewRecorder()}, r)
		}()
		if fault != "too late" {
			t.Errorf("HTTP/%d: panicked with %v", proto, fault)
		}
		if !f.empty() {
			t.Errorf("HTTP/%d: the stream goes on", proto)
		}
	}
}

// patient is a recorder that has deadlines, as a stream needs.
type patient struct{ *httptest.ResponseRecorder }

func (patient) SetWriteDeadline(time.Time) error { return nil }

type wrapping struct{ http.ResponseWriter }

func (w wrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestSlowStream: over HTTP/2 too, a client that takes nothing is found by the time a
// write takes, and only its stream is ended.
func TestSlowStream(t *testing.T) {
	t.Parallel()
	f := begin(t, func(c *Config) { c.WriteTimeout = 250 * time.Millisecond })
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	t.Cleanup(client.CloseIdleConnections)
	stuck := f.getBy(client, f.url+"/events?user=alice")
	stuck.want("sluice.hello", "*")
	large := strings.Repeat("x", 1<<20) // the client takes 4 MB a stream before it is read, and more a connection
	// One at a time: a log that is overrun would end the stream for another reason.
	for n := 1.0; f.closings(slow) == 0; n++ {
		f.order("alice", large)
		eventually(t, "taken, or given up as slow", func() bool {
			return f.metric("sluice_events_written_total") >= n || f.closings(slow) > 0
		})
	}
	eventually(t, "nobody is left", f.empty)
	f.getBy(client, f.url+"/events?user=bob").want("sluice.hello", "*") // on the same connection
}

// TestRidesComeAndGo: streams of one HTTP/2 connection are reset while they are written
// to, woken and ended. Nothing is left of them, and nothing is written to a stream that
// net/http has taken back.
func TestRidesComeAndGo(t *testing.T) {
	f := begin(t, nil)
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}}
	t.Cleanup(client.CloseIdleConnections)
	var clients, publisher sync.WaitGroup
	quit := make(chan struct{})
	publisher.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-quit:
				return
			default:
				f.publish(news, stream.Event{Data: []byte("new")})
				if n%10 == 0 {
					f.hub.EndUser("revoked")
				}
			}
		}
	})
	for i := range 4 {
		clients.Go(func() {
			for n := range 25 {
				user := "alice"
				if n%5 == 0 {
					user = "revoked"
				}
				ctx, reset := context.WithCancel(t.Context())
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url+"/events?user="+user, nil)
				if err != nil {
					panic(err) // of constants
				}
				resp, err := client.Do(r)
				if err != nil {
					t.Error(err)
					reset()
					return
				}
				io.CopyN(io.Discard, resp.Body, int64(200*(n%7)*(i+1)))
				reset()
				resp.Body.Close()
			}
		})
	}
	clients.Wait()
	close(quit)
	publisher.Wait()
	eventually(t, "nothing is left of them", f.empty)
	if logs := f.logs.String(); strings.Contains(logs, "panic") {
		t.Errorf("logged %s", logs)
	}
}
