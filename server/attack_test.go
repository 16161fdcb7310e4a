package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/cors"
	"sluice/server/limit"
	"sluice/server/listen"
	"sluice/stream"
	"sluice/stream/cursor"
)

// byHeader believes the header X-User: as if a proxy in front had checked it.
type byHeader struct{}

func (byHeader) Authenticate(r *http.Request) (auth.Principal, error) {
	if user := r.Header.Get("X-User"); user != "" {
		return auth.Principal{User: user}, nil
	}
	return auth.Principal{}, &auth.Error{Reason: auth.ReasonMissing, Detail: "Nobody."}
}

// sealedIDs are of a key.
func sealedIDs(t testing.TB) cursor.Codec {
	t.Helper()
	s, err := cursor.NewSealer([]cursor.Key{{Name: "k1", Secret: bytes.Repeat([]byte{7}, cursor.MinKeyLen)}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAttacks: alice tries to get at what is bob's. Whatever she sends, she reads nothing
// of his, nothing forged into what is hers, and the gateway goes on serving.
func TestAttacks(t *testing.T) {
	const (
		ask    = "GET /events HTTP/1.1\nHost: x\nX-User: alice\n"
		inner  = "GET /events HTTP/1.1\r\nHost: x\r\nX-User: bob\r\n\r\n"
		secret = "what is bob's"
		forged = "event: forged"
	)
	smuggled := strings.ReplaceAll(inner, "\r\n", "\n")
	f := newFixtureOf(t, sealedIDs(t), func(c *Config) {
		c.Auth = byHeader{}
		c.CORS = cors.Config{Origins: []string{"https://shop.example"}, Credentials: true}
	})
	f.warm()
	f.headerTimeout = time.Second
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)
	bob := f.get("/events", "X-User", "bob")
	bobs := bob.want("sluice.hello", "*").ID
	_, sealed, _ := strings.Cut(bobs, "@.")

	for _, tt := range []struct{ name, request string }{
		{"forged cursor: plain offsets", ask + "Last-Event-ID: orders@e:0\n\n"},
		{"forged cursor: garbage of the right form", ask + "Last-Event-ID: orders@." + strings.Repeat("A", 60) + "\n\n"},
		{"forged cursor: one character changed", ask + "Last-Event-ID: " + bobs[:len(bobs)-2] + "AA\n\n"},
		{"foreign cursor: of another user", ask + "Last-Event-ID: " + bobs + "\n\n"},
		{"foreign cursor: of another stream", ask + "Last-Event-ID: news@." + sealed + "\n\n"},
		{"foreign cursor: of a stream that isn't there", ask + "Last-Event-ID: other@." + sealed + "\n\n"},
		{"a cursor of segments only", ask + "Last-Event-ID: " + strings.Repeat("~", 3000) + "\n\n"},
		{"streams of others", "GET /events?stream=orders,secret HTTP/1.1\nHost: x\nX-User: alice\nConnection: close\n\n"},
		{"another user by the query", "GET /events?user=bob HTTP/1.1\nHost: x\nX-User: alice\n\n"},
		{"two users in one header", "GET /events HTTP/1.1\nHost: x\nX-User: alice\nX-User: bob\n\n"},
		{"a user with a NUL", "GET /events HTTP/1.1\nHost: x\nX-User: bob\x00\n\n"},

		{"CRLF in the cursor", "GET /events?lastEventId=%0d%0aevent:%20forged%0d%0a%0d%0a HTTP/1.1\nHost: x\nX-User: alice\n\n"},
		{"CRLF in the subject", "GET /events?subject=%0d%0aevent:%20forged HTTP/1.1\nHost: x\nX-User: alice\n\n"},
		{"CRLF in the stream", "GET /events?stream=%0aevent:%20forged HTTP/1.1\nHost: x\nX-User: alice\nConnection: close\n\n"},
		{"CRLF in from", "GET /events?from=%0d%0aevent:%20forged HTTP/1.1\nHost: x\nX-User: alice\nConnection: close\n\n"},
		{"CRLF in the path", "GET /events%0d%0aSet-Cookie:%20a=b HTTP/1.1\nHost: x\nX-User: alice\nConnection: close\n\n"},
		{"CR in a header", ask + "Origin: https://shop.example\rSet-Cookie: a=b\n\n"},
		{"CRLF in an origin", ask + "Origin: https://shop.example%0d%0aSet-Cookie: a=b\n\n"},
		{"folded header", ask + "Last-Event-ID: x\n event: forged\n\n"},

		{"smuggling: length and chunks", "GET /events HTTP/1.1\nHost: x\nX-User: alice\nContent-Length: 4\nTransfer-Encoding: chunked\n\n0\n\n" + smuggled},
		{"smuggling: two lengths", "GET /events HTTP/1.1\nHost: x\nX-User: alice\nContent-Length: 0\nContent-Length: 60\n\n" + smuggled},
		{"smuggling: lengths in a list", "GET /events HTTP/1.1\nHost: x\nX-User: alice\nContent-Length: 0, 60\n\n" + smuggled},
		{"smuggling: a sign in the length", "GET /events HTTP/1.1\nHost: x\nX-User: alice\nContent-Length: +0\n\n" + smuggled},
		{"smuggling: an unknown coding", "GET /events HTTP/1.1\nHost: x\nX-User: alice\nTransfer-Encoding: xchunked\n\n" + smuggled},
		{"smuggling: two codings", "GET /events HTTP/1.1\nHost: x\nX-User: alice\nTransfer-Encoding: chunked\nTransfer-Encoding: identity\n\n0\n\n" + smuggled},
		{"smuggling: a space before the colon", "GET /events HTTP/1.1\nHost: x\nX-User: alice\nTransfer-Encoding : chunked\n\n0\n\n" + smuggled},
		{"smuggling: a bad chunk", "GET /events HTTP/1.1\nHost: x\nX-User: alice\nTransfer-Encoding: chunked\n\nzz\n" + smuggled},
		{"smuggling: a body that is a request", fmt.Sprintf("GET /events HTTP/1.1\nHost: x\nX-User: alice\nContent-Length: %d\n\n%s", len(inner), smuggled)},
		{"smuggling: a request after the stream's", ask + "\n" + smuggled},
		{"smuggling: HTTP/1.0 that keeps alive", "GET /events HTTP/1.0\nHost: x\nX-User: alice\nConnection: keep-alive\n\n" + smuggled},
		{"smuggling: an upgrade to h2c", ask + "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\n\n" + smuggled},
		{"smuggling: two hosts", "GET /events HTTP/1.1\nHost: x\nHost: y\nX-User: alice\n\n" + smuggled},
		{"an absolute address", "GET http://x/events HTTP/1.1\nHost: y\nX-User: alice\n\n"},
		{"a method that isn't one", "GET\x00 /events HTTP/1.1\nHost: x\nX-User: alice\n\n"},
		{"a proxy's method", "CONNECT bob:80 HTTP/1.1\nHost: x\nX-User: alice\nConnection: close\n\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := f.raw(tt.request)
			if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			text, err := readUntil(conn, "event: sluice.hello")
			f.order("bob", secret)
			bob.want("message", secret)
			f.publish(news, stream.Event{Data: []byte("that was all"), Subject: []byte("\r\nevent: forged")})
			bob.want("message", "that was all")
			if err == nil { // she has a stream
				var rest string
				rest, err = readUntil(conn, "that was all")
				text += rest
			}
			if err != nil && err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%v after\n%s", err, text)
			}
			conn.Close()
			if strings.Contains(text, secret) {
				t.Errorf("alice read what is bob's:\n%s", text)
			}
			for line := range strings.Lines(text) {
				if line = strings.TrimRight(line, "\r\n"); line == forged || strings.HasPrefix(line, "Set-Cookie:") {
					t.Errorf("%q was forged into\n%s", line, text)
				}
			}
			if n := strings.Count(text, "event: sluice.hello"); n > 1 {
				t.Errorf("%d streams on one connection:\n%s", n, text)
			}
		})
	}
	bob.cancel()
	eventually(t, "nothing is left", f.empty)
	if strings.Contains(f.logs.String(), "panic") || strings.Contains(f.logs.String(), secret) {
		t.Errorf("the log has\n%s", f.logs)
	}
}

// readUntil reads until a text has come, or fails.
func readUntil(conn net.Conn, last string) (string, error) {
	var got bytes.Buffer
	chunk := make([]byte, 4096)
	for !bytes.Contains(got.Bytes(), []byte(last)) {
		n, err := conn.Read(chunk)
		got.Write(chunk[:n])
		if err != nil {
			return got.String(), err
		}
	}
	return got.String(), nil
}

// TestOneUserManyConnections: 5,000 of them take what one user may have and no more, and
// leave nothing behind.
func TestOneUserManyConnections(t *testing.T) {
	const allowed = 12
	many := sized(5000)
	f := begin(t, func(c *Config) {
		c.Limits = limit.Limits{PerUser: allowed}
		c.Heartbeat = time.Hour // bob waits for as long as all requests take here
	})
	bob := f.get("/events?user=bob")
	bob.want("sluice.hello", "*")
	before := inUse()
	var mu sync.Mutex // guards the rest
	var open []*http.Response
	turned := 0
	work := make(chan struct{})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			for range work {
				r, err := http.NewRequest(http.MethodGet, f.url+"/events?user=alice", nil)
				if err != nil {
					t.Error(err)
					continue
				}
				resp, err := client.Do(r)
				if err != nil {
					t.Error(err)
					continue
				}
				mu.Lock()
				if resp.StatusCode == http.StatusTooManyRequests {
					turned++
					resp.Body.Close()
				} else {
					open = append(open, resp)
				}
				mu.Unlock()
			}
		})
	}
	for range many {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	if len(open) != allowed || turned != many-allowed {
		t.Errorf("%d are open, %d were turned away", len(open), turned)
	}
	f.order("bob", "1")
	bob.want("message", "1")
	for _, resp := range open {
		resp.Body.Close()
	}
	open = nil
	bob.cancel()
	eventually(t, "nothing is left", f.empty)
	eventually(t, "memory is back to its base", func() bool { return inUse() < before+8<<20 })
	if f.Server.limits.Counted() != 0 {
		t.Error("counts are left")
	}
}

// TestSpoofedForwardingHeaders don't get anybody past the limit of their address.
func TestSpoofedForwardingHeaders(t *testing.T) {
	f := begin(t, limitedBy(limit.Limits{PerIP: 1}))
	f.get("/events?user=a", "X-Forwarded-For", "203.0.113.9").want("sluice.hello", "*")
	for i, spoof := range [][]string{
		{"X-Forwarded-For", "198.51.100.1, 203.0.113.9"},
		{"X-Forwarded-For", "127.0.0.1, 203.0.113.9"},
		{"X-Forwarded-For", "198.51.100.1", "X-Forwarded-For", "203.0.113.9"},
		{"Forwarded", "for=198.51.100.1", "X-Forwarded-For", "203.0.113.9"},
		{"X-Real-IP", "198.51.100.1", "X-Forwarded-For", "203.0.113.9"},
		{"True-Client-IP", "198.51.100.1", "X-Forwarded-For", "203.0.113.9:999"},
		{"X-Forwarded-For", "\", 203.0.113.9"},
	} {
		if s := f.get("/events?user=b", spoof...); s.StatusCode != http.StatusTooManyRequests {
			t.Errorf("%d: %v: %s", i, spoof, s.Status)
		}
	}
}
