package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"sluice/server/limit"
	"sluice/server/listen"
)

// beginBehind is a fixture whose listener has a door.
func beginBehind(t testing.TB, change func(*Config), d listen.ConnLimiter) *fixture {
	t.Helper()
	f := newFixture(t, change)
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.Metrics = f.cfg.Metrics
	f.serve(d.Limit(l))
	return f
}

// TestProxyProtocol: the client's address is what a trusted proxy says before the
// request, and the stream is held as any other is.
func TestProxyProtocol(t *testing.T) {
	trusted := proxies("", "127.0.0.0/8")
	limits := func(c *Config) { c.Limits, c.Proxies = limit.Limits{PerIP: 1}, trusted }
	f := beginBehind(t, limits, listen.ConnLimiter{Proxies: trusted, ProxyProtocol: true})
	ask := func(header func(w io.Writer) error, user string) *http.Response {
		t.Helper()
		conn, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := header(conn); err != nil {
			t.Fatal(err)
		}
		r, _ := http.NewRequest(http.MethodGet, f.url+"/events?user="+user, nil)
		return roundTrip(t, conn, r)
	}
	from := func(version byte, ip string) func(io.Writer) error {
		return func(w io.Writer) error {
			h := proxyproto.HeaderProxyFromAddrs(version, &net.TCPAddr{IP: net.ParseIP(ip), Port: 5}, &net.TCPAddr{IP: net.ParseIP("203.0.113.99"), Port: 80})
			_, err := h.WriteTo(w)
			return err
		}
	}
	first := ask(from(1, "203.0.113.1"), "a")
	if first.StatusCode != 200 {
		t.Fatal(first.Status)
	}
	held := 0
	if f.held != nil {
		held = f.held.holder.InUse()
	}
	if again := ask(from(2, "203.0.113.1"), "b"); again.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the same address, version 2: %s", again.Status)
	}
	if other := ask(from(2, "203.0.113.2"), "c"); other.StatusCode != 200 {
		t.Errorf("another address: %s", other.Status)
	}
	f.order("a", "still there")
	want := make([]byte, 0, 1<<10)
	for !bytes.Contains(want, []byte("still there")) {
		chunk := make([]byte, 512)
		n, err := first.Body.Read(chunk)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, chunk[:n]...)
	}
	if f.held != nil && held != 1 {
		t.Error("the stream was not held")
	}
	without, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer without.Close()
	fmt.Fprintf(without, "GET /events?user=a HTTP/1.1\r\nHost: x\r\n\r\n")
	if got, _ := io.ReadAll(without); bytes.Contains(got, []byte("200 OK")) {
		t.Errorf("a proxy without the protocol was answered %s", got)
	}
}

// TestProxyProtocolOfStrangers is no more than a bad request.
func TestProxyProtocolOfStrangers(t *testing.T) {
	f := beginBehind(t, func(c *Config) { c.Limits = limit.Limits{PerIP: 1} }, listen.ConnLimiter{Proxies: proxies("", "10.0.0.0/8"), ProxyProtocol: true})
	conn := f.raw("PROXY TCP4 10.0.0.1 203.0.113.99 5 80\nGET /events?user=a HTTP/1.1\nHost: x\n\n")
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.HasPrefix(got, []byte("HTTP/1.1 400 ")) {
		t.Errorf("%s, %v", got, err)
	}
	f.get("/events?user=a").want("sluice.hello", "*") // a client that says nothing of the kind is served
}

// roundTrip asks on a connection and reads the answer's header.
func roundTrip(t *testing.T, conn net.Conn, r *http.Request) *http.Response {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close(); client.CloseIdleConnections() })
	return resp
}

// TestSlowloris: 2,000 connections that never finish a request take nothing from those
// who do, and are gone by themselves.
func TestSlowloris(t *testing.T) {
	if everythingOnGoroutines {
		t.Skip("the same on both")
	}
	many := sized(2000) // with both ends here, twice as many descriptors
	f := newFixture(t, nil)
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.headerTimeout = time.Second
	f.serve(listen.ConnLimiter{Sockets: many + 100, Metrics: f.cfg.Metrics}.Limit(l))
	before := inUse()
	var conns []net.Conn
	for i := range many {
		request := "GET /events?user=alice HTTP/1.1\nHost: x\nX-Slow: "
		if i%2 == 0 {
			request = "" // half-open: connected, and nothing said
		}
		conns = append(conns, f.raw(request))
	}
	s := f.get("/events?user=alice")
	s.want("sluice.hello", "*")
	f.order("alice", "1")
	s.want("message", "1")
	var gone sync.WaitGroup
	for _, c := range conns {
		gone.Go(func() {
			if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Error(err)
			}
			if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("not closed by the gateway: %v", err)
			}
			c.Close()
		})
	}
	gone.Wait()
	s.cancel()
	eventually(t, "all gone", f.empty)
	clear(conns) // theirs is memory too
	f.client.CloseIdleConnections()
	eventually(t, "memory is back to its base", func() bool { return inUse() < before+8<<20 })
}

// inUse is the heap that is in use, garbage not counted.
func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// TestHugeHeaders are refused after they have been read as far as they may go.
func TestHugeHeaders(t *testing.T) {
	f := begin(t, nil)
	for name, request := range map[string]string{
		"a URL of 64 KB":         "GET /events?user=alice&lastEventId=" + strings.Repeat("x", 64<<10) + " HTTP/1.1\nHost: x\n\n",
		"a header of 1 MB":       "GET /events?user=alice HTTP/1.1\nHost: x\nCookie: " + strings.Repeat("x", 1<<20) + "\n\n",
		"a hundred thousand":     "GET /events?user=alice HTTP/1.1\nHost: x\n" + strings.Repeat("A: b\n", 100_000) + "\n",
		"a Last-Event-ID of 8KB": "GET /events?user=alice HTTP/1.1\nHost: x\nConnection: close\nLast-Event-ID: " + strings.Repeat("x", 8<<10) + "\n\n",
	} {
		conn, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(conn, strings.ReplaceAll(request, "\n", "\r\n")) // ends with the connection
		head := make([]byte, 12)
		_, err = io.ReadFull(conn, head)
		want := "HTTP/1.1 431"
		if strings.Contains(name, "Last-Event-ID") {
			want = "HTTP/1.1 200" // a reset: invalid
		}
		if err != nil && !strings.Contains(err.Error(), "reset") || err == nil && string(head) != want {
			t.Errorf("%s: %s, %v", name, head, err)
		}
		conn.Close()
	}
	eventually(t, "all gone", f.empty)
}
