package server

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"sluice/server/certificates"
	"sluice/server/certificates/certtest"
	"sluice/server/limit"
	"sluice/server/listen"
	"sluice/stream/ssetest"
)

// serveTLS serves on a listener until the test ends. It returns what a client has to
// trust.
func (f *fixture) serveTLS(l net.Listener) (roots *x509.CertPool) {
	f.t.Helper()
	dir := f.t.TempDir()
	cert, key := certtest.New(f.t, "gateway")
	certtest.Write(f.t, dir+"/cert.pem", cert)
	certtest.Write(f.t, dir+"/key.pem", key)
	certificates, err := certificates.Load(dir+"/cert.pem", dir+"/key.pem", f.cfg.Logger)
	if err != nil {
		f.t.Fatal(err)
	}
	h := listen.NewHTTP(f.Handler(), f.cfg.Logger)
	h.TLSConfig.GetCertificate = certificates.Get
	done := make(chan error)
	go func() { done <- h.ServeTLS(l, "", "") }()
	f.t.Cleanup(func() { f.Close(); h.Close(); <-done })
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots
}

// TestTLSBehindADoorIsHeld: a counted connection, named by a proxy, is held below its TLS
// like any other.
func TestTLSBehindADoorIsHeld(t *testing.T) {
	trusted := proxies("", "127.0.0.0/8")
	f := newFixture(t, func(c *Config) { c.Limits, c.Proxies = limit.Limits{PerIP: 1}, trusted })
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := listen.ConnLimiter{Proxies: trusted, ProxyProtocol: true, Metrics: f.cfg.Metrics}.Limit(l)
	roots := f.serveTLS(listen.BelowTLS(door))
	ask := func(address string) (status int, events *ssetest.Reader) {
		t.Helper()
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := fmt.Fprintf(conn, "PROXY TCP4 %s 203.0.113.99 5 443\r\n", address); err != nil {
			t.Fatal(err)
		}
		secure := tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "localhost"})
		if _, err := fmt.Fprintf(secure, "GET /events?user=alice HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(secure), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, ssetest.NewReader(resp.Body)
	}
	status, events := ask("203.0.113.1")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	if e, err := events.Next(); err != nil || e.Name != "sluice.hello" {
		t.Fatalf("%+v, %v", e, err)
	}
	if f.held != nil && f.held.holder.InUse() != 1 {
		t.Error("it is not held")
	}
	f.order("alice", "1")
	if e, err := events.Next(); err != nil || e.Data != "1" {
		t.Fatalf("%+v, %v", e, err)
	}
	if status, _ := ask("203.0.113.1"); status != http.StatusTooManyRequests {
		t.Errorf("the same address once more: %d", status)
	}
	s := door.(*listen.Limited)
	f.Close()
	eventually(t, "its connections are counted off", func() bool { return f.held == nil || s.InUse() <= 1 })
}

// TestTLS: 1.2 at least, HTTP/2 where the client speaks it.
func TestTLS(t *testing.T) {
	f := newFixture(t, nil)
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	roots := f.serveTLS(l)
	for _, tt := range []struct {
		most  uint16
		proto string // "" is refused
	}{{tls.VersionTLS11, ""}, {tls.VersionTLS12, "h2"}, {tls.VersionTLS13, "h2"}} {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tt.most, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			if tt.proto != "" {
				t.Errorf("%s: %v", tls.VersionName(tt.most), err)
			}
			continue
		}
		if got := conn.ConnectionState().NegotiatedProtocol; got != tt.proto {
			t.Errorf("%s: %q, want %q", tls.VersionName(tt.most), got, tt.proto)
		}
		conn.Close()
	}
}

// TestWebSocketOverTLS: a client is heard below its TLS as without it.
func TestWebSocketOverTLS(t *testing.T) {
	f := newFixture(t, nil)
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	roots := f.serveTLS(listen.BelowTLS(l))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
	conn, _, err := websocket.Dial(t.Context(), "https://"+l.Addr().String()+"/ws?user=alice&stream=orders", &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(-1)
	c := &socketClient{t, conn}
	c.want("sluice.hello", "*")
	if f.held != nil && f.Held() != 1 {
		t.Error("it is not held")
	}
	large := `"` + strings.Repeat("x", 1<<20) + `"`
	f.order("alice", large)
	c.want("", large)
	for range 3 {
		c.say("ping")
		if _, text, err := c.Read(t.Context()); string(text) != "pong" || err != nil {
			t.Fatalf("%s %v", text, err)
		}
	}
	c.say(`{"follow":{"subjects":["o-1"]}}`)
	c.want("sluice.hello", "*")
	f.about(orders, 1, "o-1", "", "1", "alice")
	c.want("", "1")
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	eventually(t, "nothing is left", f.empty)
}
