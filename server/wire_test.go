package server

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sluice/server/cors"
	"sluice/server/listen"
	"sluice/stream"
)

var update = flag.Bool("update", false, "write the golden transcripts anew")

// TestWire compares whole answers, byte for byte, with transcripts: every header line and
// every chunk is there because it should be.
func TestWire(t *testing.T) {
	for _, tt := range []struct {
		name    string
		request string
		serve   func(f *fixture) // while the stream is open; nil: the answer ends by itself
		cold    bool
	}{
		{name: "live", request: "GET /events?user=alice HTTP/1.1\nHost: x\nAccept: text/event-stream\n\n", serve: two},
		{name: "http10", request: "GET /events?user=alice HTTP/1.0\n\n", serve: two},
		{name: "http10-keep-alive", request: "GET /events?user=alice HTTP/1.0\nConnection: keep-alive\n\n", serve: two},
		{name: "resumed", request: "GET /events?user=alice&stream=orders HTTP/1.1\nHost: x\nLast-Event-ID: orders@e:0\n\n", serve: func(*fixture) {}},
		{name: "cors", request: "GET /events?user=alice HTTP/1.1\nHost: x\nOrigin: https://shop.example\n\n", serve: func(*fixture) {}},
		{name: "cors-other-origin", request: "GET /events?user=alice HTTP/1.1\nHost: x\nOrigin: https://evil.example\n\n", serve: func(*fixture) {}},
		{name: "preflight", request: "OPTIONS /events HTTP/1.1\nHost: x\nOrigin: https://shop.example\nAccess-Control-Request-Method: GET\nAccess-Control-Request-Headers: last-event-id\nConnection: close\n\n"},
		{name: "head", request: "HEAD /events?user=alice HTTP/1.1\nHost: x\n\n"},
		{name: "options", request: "OPTIONS /events HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "post", request: "POST /events HTTP/1.1\nHost: x\nContent-Length: 0\nConnection: close\n\n"},
		{name: "nowhere", request: "GET /nowhere HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "no-identity", request: "GET /events HTTP/1.1\nHost: x\nAccept: text/event-stream\nConnection: close\n\n"},
		{name: "not-yours", request: "GET /events?user=alice&stream=orders,payments HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "bad-from", request: "GET /events?user=alice&from=yesterday HTTP/1.1\nHost: x\nConnection: close\n\n"},
		{name: "body", request: "GET /events?user=alice HTTP/1.1\nHost: x\nContent-Length: 2\n\nhi"},
		{name: "warming-eventsource", cold: true, request: "GET /events?user=alice HTTP/1.1\nHost: x\nAccept: text/event-stream\n\n"},
		{name: "warming-other", cold: true, request: "GET /events?user=alice HTTP/1.1\nHost: x\nAccept: */*\nConnection: close\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t, func(c *Config) {
				c.CORS = cors.Config{Origins: []string{"https://shop.example"}, Credentials: true}
				c.DrainSpread = time.Nanosecond
			})
			if !tt.cold {
				f.warm()
			}
			l, err := listen.Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			f.serve(l)
			conn := f.raw(tt.request)
			got := new(strings.Builder)
			if tt.serve != nil {
				readThrough(t, conn, got, "sluice.hello\ndata: ", "\n\n")
				tt.serve(f)
				if err := f.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.Copy(got, conn); err != nil {
				t.Fatal(err)
			}
			golden(t, tt.name, got.String())
		})
	}
}

// two publishes an event with all that framing has to care for, and another user's that
// must not show.
func two(f *fixture) {
	f.publish(orders, stream.Event{Name: "order.confirmed", Data: []byte("{\"orderId\":\"o-77\",\n\"status\":\"confirmed\"}\r: no comment\rid: forged")}, "alice")
	f.order("bob", "bob's")
	eventually(f.t, "the event was written", func() bool { return f.metric("sluice_events_written_total") == 1 })
}

// readThrough copies until after has been seen, and then end.
func readThrough(t *testing.T, from io.Reader, to *strings.Builder, after, end string) {
	t.Helper()
	b := make([]byte, 1)
	for !strings.Contains(to.String(), after) || !strings.HasSuffix(to.String(), end) {
		if _, err := from.Read(b); err != nil {
			t.Fatalf("%v after %q", err, to)
		}
		to.Write(b)
	}
}

var date = regexp.MustCompile(`(?m)^Date: .*\r$`)

// golden compares with testdata/name.http, in which CR stands as ␍.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = date.ReplaceAllString(got, "Date: …\r")
	got = strings.ReplaceAll(got, "\r", "␍")
	path := filepath.Join("testdata", name+".http")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
	}
}
