package server

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/stream/ssetest"
)

// pair is a new certificate named so, and its key, both PEM.
func pair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour * 24 * 365), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// put replaces a file as those do who renew certificates: by another one renamed over it.
func put(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// TestCertificatesAreReadAgain when they change, and not used while they don't go
// together.
func TestCertificatesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert1, key1 := pair(t, "first")
	cert2, key2 := pair(t, "second")
	put(t, certFile, cert1)
	put(t, keyFile, key1)
	synctest.Test(t, func(t *testing.T) {
		logs := new(safeBuffer)
		c, err := NewCertificates(certFile, keyFile, slog.New(slog.NewTextHandler(logs, nil)))
		if err != nil {
			t.Fatal(err)
		}
		want := func(name string) {
			t.Helper()
			<-time.After(lookEvery)
			got, err := c.Get(nil)
			if err != nil || got.Leaf.Subject.CommonName != name {
				t.Errorf("%v, %v, want %s", got.Leaf.Subject, err, name)
			}
		}
		want("first")
		put(t, certFile, cert2) // its key is still to come
		want("first")
		want("first")
		if n := strings.Count(logs.String(), "can't be used"); n != 1 {
			t.Errorf("it was said %d times:\n%s", n, logs)
		}
		put(t, keyFile, key2)
		want("second")
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		want("second")
		put(t, keyFile, key1)
		put(t, certFile, cert1)
		want("first")
		if strings.Contains(logs.String(), "PRIVATE") {
			t.Errorf("a key is in the log:\n%s", logs)
		}
	})
	if _, err := NewCertificates(certFile, certFile, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a certificate for a key: taken")
	}
	if _, err := NewCertificates(dir+"/gone", keyFile, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no file: taken")
	}
}

// TestTLSBehindADoorIsHeld: a counted connection, named by a proxy, is held below its TLS
// like any other.
func TestTLSBehindADoorIsHeld(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, "gateway")
	put(t, dir+"/cert.pem", cert)
	put(t, dir+"/key.pem", key)
	trusted := proxies("", "127.0.0.0/8")
	f := newFixture(t, func(c *Config) { c.Limits, c.Proxies = Limits{PerIP: 1}, trusted })
	f.warm()
	certificates, err := NewCertificates(dir+"/cert.pem", dir+"/key.pem", f.cfg.Logger)
	if err != nil {
		t.Fatal(err)
	}
	h := NewHTTP(f.Handler(), f.cfg.Logger)
	h.TLSConfig.GetCertificate = certificates.Get
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := Door{Proxies: trusted, ProxyProtocol: true, Metrics: f.cfg.Metrics}.Guard(l)
	done := make(chan error)
	go func() { done <- h.ServeTLS(BelowTLS(door), "", "") }()
	t.Cleanup(func() { f.Close(); h.Close(); <-done })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
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
	if f.held != nil && f.held.holder.Places() != 1 {
		t.Error("it is not held")
	}
	f.order("alice", "1")
	if e, err := events.Next(); err != nil || e.Data != "1" {
		t.Fatalf("%+v, %v", e, err)
	}
	if status, _ := ask("203.0.113.1"); status != http.StatusTooManyRequests {
		t.Errorf("the same address once more: %d", status)
	}
	s := door.(*sockets)
	f.Close()
	eventually(t, "its connections are counted off", func() bool { return f.held == nil || s.open.Load() <= 1 })
}

// TestTLS: 1.2 at least, HTTP/2 where the client speaks it.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert, key := pair(t, "gateway")
	put(t, dir+"/cert.pem", cert)
	put(t, dir+"/key.pem", key)
	f := newFixture(t, nil)
	f.warm()
	certificates, err := NewCertificates(dir+"/cert.pem", dir+"/key.pem", f.cfg.Logger)
	if err != nil {
		t.Fatal(err)
	}
	h := NewHTTP(f.Handler(), f.cfg.Logger)
	h.TLSConfig.GetCertificate = certificates.Get
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- h.ServeTLS(l, "", "") }()
	t.Cleanup(func() { h.Close(); <-done })
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
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
