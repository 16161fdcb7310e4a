package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

// TestCertificatesAreReadAgain when they change, and not used while they don't go together.
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
