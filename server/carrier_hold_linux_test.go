package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/server/hold"
	"sluice/server/listen"
	"sluice/stream"
	"sluice/stream/ssetest"
)

// TestSlot: what is kept of a connection is small, and nothing in it makes work for the
// garbage collector.
func TestSlot(t *testing.T) {
	workers, _ := reflect.TypeFor[hold.Holder[heldSession]]().FieldByName("workers")
	slots, ok := workers.Type.Elem().Elem().FieldByName("slots")
	if !ok {
		t.Fatal("a worker has no slots")
	}
	slot := slots.Type.Elem().Elem()
	if slot.Size() > maxSlot {
		t.Errorf("a slot has %d bytes, want at most %d", slot.Size(), maxSlot)
	}
	if path := pointer(slot, slot.Name()); path != "" {
		t.Errorf("%s is a pointer", path)
	}
}

// maxSlot is the whole slot; 24 bytes of it are what a session counts for. What is added
// to a slot is added to every connection.
const maxSlot = 96

// pointer returns the path of a pointer in a type, "" if it has none.
func pointer(in reflect.Type, path string) string {
	switch in.Kind() {
	case reflect.Struct:
		for i := range in.NumField() {
			if found := pointer(in.Field(i).Type, path+"."+in.Field(i).Name); found != "" {
				return found
			}
		}
	case reflect.Array:
		return pointer(in.Elem(), path+"[]")
	case reflect.Pointer, reflect.UnsafePointer, reflect.Slice, reflect.String, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface:
		return path
	}
	return ""
}

// withoutDescriptors sends a request while the process may open no more descriptors, and
// returns all that is answered.
func (f *fixture) withoutDescriptors(request string) string {
	t := f.t
	// An answer shows that the connection has been accepted, which needs a descriptor
	// too.
	conn := f.raw("GET /nothing HTTP/1.1\nHost: x\n\n")
	in := bufio.NewReader(conn)
	missing, err := http.ReadResponse(in, nil)
	if err != nil || missing.Close {
		t.Fatal(missing, err)
	}
	if _, err := io.Copy(io.Discard, missing.Body); err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	restore := func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) }
	t.Cleanup(restore)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, request)
	answer, err := io.ReadAll(in)
	restore()
	if err != nil {
		t.Error(err)
	}
	return string(answer)
}

// TestOverloaded: a connection that can't be held for want of descriptors ends with what
// brings its client back, plain though the stream would have been compressed.
func TestOverloaded(t *testing.T) {
	f := begin(t, compressing)
	if f.held == nil {
		t.Skip("nothing is held")
	}
	answer := f.withoutDescriptors("GET /events?user=alice HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
	head, body, _ := strings.Cut(answer, "\r\n\r\n")
	if !strings.Contains(head, " 200 OK\r\n") || !strings.Contains(head, "Content-Type: text/event-stream; charset=utf-8") || strings.Contains(head, "Content-Encoding") {
		t.Errorf("answered %q", head)
	}
	if want := "retry: 1500\n\nevent: sluice.unavailable\ndata: {\"reason\":\"overloaded\",\"retry_ms\":1500}\n\n"; body != want {
		t.Errorf("said %q, want %q", body, want)
	}
	if n := f.metricOf("sluice_unavailable_total", "overloaded"); n != 1 {
		t.Errorf("%v counted as told to come back, want 1", n)
	}
	eventually(t, "nothing is left of it", f.empty)

	// A WebSocket is told by a message and a close code.
	answer = f.withoutDescriptors("GET /ws?user=alice HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	head, messages, _ := strings.Cut(answer, "\r\n\r\n")
	message := `{"event":"sluice.unavailable","data":{"reason":"overloaded","retry_ms":1500}}`
	if want := "\x81\x4d" + message + "\x88\x0c\x03\xf5overloaded"; !strings.HasPrefix(head, "HTTP/1.1 101 ") || messages != want {
		t.Errorf("answered %q and %q, want %q", head, messages, want)
	}
	eventually(t, "nothing is left of it", f.empty)
	f.get("/events?user=alice").want("sluice.hello", "*")
}

// TestStalledClient: a client reads nothing while 24 MB are published to it, and then
// reads. It gets every event once, in order, with ids that go up. What it missed was in
// the log and nowhere else.
func TestStalledClient(t *testing.T) {
	f := begin(t, nil)
	conn := f.raw("GET /events?user=alice HTTP/1.1\nHost: x\n\n")
	events := ssetest.NewReader(body(t, conn))
	if e, err := events.Next(); err != nil || e.Name != "sluice.hello" {
		t.Fatal(e, err)
	}
	const n = 12_000
	line := strings.Repeat("x", 2000)
	for i := range n {
		f.publish(i%2, stream.Event{Data: []byte(line)}, "alice")
	}
	lastID := ""
	for i := range n {
		e, err := events.Next()
		if err != nil {
			t.Fatalf("after %d events: %v", i, err)
		}
		if e.Data != line {
			t.Fatalf("event %d has %d bytes of data, want %d", i, len(e.Data), len(line))
		}
		if want := fmt.Sprintf("orders@e:%d~news@e:%d", i/2+1, (i+1)/2); e.ID != want {
			t.Fatalf("event %d has id %s, want %s, after %s", i, e.ID, want, lastID)
		}
		lastID = e.ID
	}
}

// TestThousands: many connections, some of them stalled, end by a drain and by a close,
// each told so, and nothing is left.
func TestThousands(t *testing.T) {
	many := sized(2000)
	for name, end := range map[string]func(f *fixture) error{
		"drain": func(f *fixture) error { return f.Drain(f.t.Context()) },
		"close": func(f *fixture) error { f.Close(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := begin(t, func(c *Config) { c.DrainSpread = 300 * time.Millisecond })
			bodies := make([]*ssetest.Reader, many)
			for i := range bodies {
				bodies[i] = ssetest.NewReader(body(t, f.raw("GET /events?user=alice HTTP/1.1\nHost: x\n\n")))
			}
			f.order("alice", "1")
			eventually(t, "all got it", func() bool { return f.metric("sluice_events_written_total") == float64(many) })
			if err := end(f); err != nil {
				t.Fatal(err)
			}
			for _, events := range bodies {
				for _, want := range []string{"sluice.hello", "message", "sluice.closing"} {
					if e, err := events.Next(); err != nil || e.Name != want {
						t.Fatalf("got %s, %v; want %s", e.Name, err, want)
					}
				}
				if e, err := events.Next(); err != io.EOF {
					t.Fatalf("got %v, %v after the end", e, err)
				}
			}
			if n := f.closings(draining); n != float64(many) {
				t.Errorf("%v closed as draining, want %d", n, many)
			}
		})
	}
}

// TestBeats: streams that came together beat apart, none more often than four fifths of
// the interval.
func TestBeats(t *testing.T) {
	t.Parallel()
	const beat = 500 * time.Millisecond
	f := begin(t, func(c *Config) { c.Heartbeat = beat })
	s := f.get("/events?user=alice")
	s.want("sluice.hello", "*")
	began := time.Now()
	for range 4 {
		s.want("sluice.heartbeat", "*")
	}
	if took := time.Since(began); took < 4*(beat*4/5-2*128*time.Millisecond) {
		t.Errorf("four heartbeats came within %v", took)
	}
}

// body reads the head of an answer and returns its body.
func body(t *testing.T, conn net.Conn) io.Reader {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Body
}

// TestHeldTLS: HTTP/1 behind the gateway's own TLS is held too.
func TestHeldTLS(t *testing.T) {
	t.Parallel()
	f := begin(t, func(c *Config) { c.Heartbeat = 300 * time.Millisecond })
	secure := httptest.NewUnstartedServer(nil)
	secure.Config = listen.NewHTTP(f.Handler(), f.cfg.Logger)
	secure.Listener = listen.BelowTLS(secure.Listener)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	s := f.getBy(secure.Client(), secure.URL+"/events?user=alice")
	hello := s.want("sluice.hello", "*")
	if held := f.held != nil && f.held.holder.InUse() == 1; held == everythingOnGoroutines {
		t.Errorf("held: %v", held)
	}
	if e := s.want("sluice.heartbeat", "*"); e.ID != hello.ID {
		t.Errorf("the heartbeat's id is %s, want %s", e.ID, hello.ID)
	}
	f.order("alice", "1")
	for e := (ssetest.Event{}); e.Data != "1"; {
		var err error
		if e, err = s.events.Next(); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	for e := (ssetest.Event{}); e.Name != "sluice.closing"; {
		var err error
		if e, err = s.events.Next(); err != nil {
			t.Fatal(err)
		}
	}
	s.wantEnd()
}

// TestSkippedClient: with slow clients moved to live, one that lags past the log is told
// so between two whole frames, and has what comes after. It may lag at any time while
// events are published, and more than once.
func TestSkippedClient(t *testing.T) {
	f := begin(t, func(c *Config) { c.SkipLagging = true })
	events := ssetest.NewReader(body(t, f.raw("GET /events?user=alice&stream=orders HTTP/1.1\nHost: x\n\n")))
	line := strings.Repeat("x", 1<<20)
	for range 3 * logBytes >> 20 {
		f.order("alice", line)
	}
	at, resets := int64(0), 0
	idAt := func(offset int64) string { return fmt.Sprintf("orders@e:%d", offset) }
	for at < f.next[orders] {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err)
		}
		switch e.Name {
		case "sluice.reset":
			to := movedTo(t, e)
			want := fmt.Sprintf(`{"reason":"lagged","stream":"orders","partitions":[{"partition":0,"from":-1,"to":%d}]}`, to)
			if e.Data != want || e.ID != idAt(to) || to <= at {
				t.Fatalf("at %d came reset %s with id %s", at, e.Data, e.ID)
			}
			at = to
			resets++
		case "message":
			at++
			if e.ID != idAt(at) || e.Data != line {
				t.Fatalf("event %s has %d bytes of data; want %s with %d", e.ID, len(e.Data), idAt(at), len(line))
			}
		}
	}
	if resets == 0 {
		t.Error("it was never told that it lagged")
	}
	f.order("alice", "after")
	if e, err := events.Next(); err != nil || e.Data != "after" {
		t.Errorf("then %v, %v", e, err)
	}
	if n := f.closings(lagged); n != 0 {
		t.Errorf("%v closed as lagged", n)
	}
}

// movedTo is the offset to which a reset moved a stream of one partition.
func movedTo(t *testing.T, reset ssetest.Event) int64 {
	t.Helper()
	var moved struct{ Partitions []struct{ To int64 } }
	if err := json.Unmarshal([]byte(reset.Data), &moved); err != nil || len(moved.Partitions) != 1 {
		t.Fatalf("%s: %v", reset.Data, err)
	}
	return moved.Partitions[0].To
}
