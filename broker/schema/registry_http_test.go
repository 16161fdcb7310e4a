package schema

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// identity is a certificate for the loopback address that vouches for itself.
type identity struct{ cert, key []byte }

func newIdentity(t *testing.T) identity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	return identity{block("CERTIFICATE", der), block("PRIVATE KEY", keyDER)}
}

func (i identity) pair(t *testing.T) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(i.cert, i.key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (i identity) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(i.cert)
	return pool
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// secureRegistry is a registry over TLS that wants a client's certificate. It has the
// schema "string" under each id.
func secureRegistry(t *testing.T, server func() tls.Certificate, client identity) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"schema":"\"string\""}`)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{server()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: client.roots()}, nil
	}}
	s.StartTLS()
	s.Config.SetKeepAlivesEnabled(false) // each question begins a connection
	t.Cleanup(s.Close)
	return s.URL
}

func TestARegistryOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servers, client := []identity{newIdentity(t), newIdentity(t)}, newIdentity(t)
	var era atomic.Int32
	url := secureRegistry(t, func() tls.Certificate { return servers[era.Load()].pair(t) }, client)
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeFile(t, ca, servers[0].cert)
	writeFile(t, cert, client.cert)
	writeFile(t, key, client.key)

	for _, tt := range []struct {
		name  string
		files TLS
		want  string
	}{
		{"the system's roots", TLS{CertFile: cert, KeyFile: key}, "schema_registry.ca_file"},
		{"no certificate", TLS{CAFile: ca}, "schema_registry.cert_file"},
		{"both", TLS{CAFile: ca, CertFile: cert, KeyFile: key}, ""},
	} {
		c := newCodec(t, Avro, newRegistry(t, Config{URL: url, TLS: tt.files}))
		got, err := decode(t, c, framed(1, "\x04hi"))
		switch {
		case tt.want == "" && (err != nil || got != `"hi"`):
			t.Errorf("%s: %s %v", tt.name, got, err)
		case tt.want != "" && (!errors.Is(err, ErrPending) || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v; want %s", tt.name, err, tt.want)
		}
	}

	// The registry gets another certificate, and the file says so.
	c := newCodec(t, Avro, newRegistry(t, Config{URL: url, TLS: TLS{CAFile: ca, CertFile: cert, KeyFile: key}}))
	if _, err := decode(t, c, framed(1, "\x04hi")); err != nil {
		t.Fatal(err)
	}
	era.Store(1)
	if _, err := decode(t, c, framed(2, "\x04hi")); !errors.Is(err, ErrPending) {
		t.Errorf("a registry with another certificate was believed: %v", err)
	}
	writeFile(t, ca, servers[1].cert)
	if err := c.Wait(t.Context(), framed(2, "")); err != nil {
		t.Fatal(err)
	}
	if got, err := decode(t, c, framed(2, "\x04hi")); err != nil || got != `"hi"` {
		t.Errorf("with the new roots: %s %v", got, err)
	}
}

func TestARegistrysTokenIsReadAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	writeFile(t, file, []byte("one\n"))
	var seen atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") != "Bearer two" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, `{"schema":"\"string\""}`)
	}))
	t.Cleanup(s.Close)
	c := newCodec(t, Avro, newRegistry(t, Config{URL: s.URL, TokenFile: file}))
	if _, err := decode(t, c, framed(1, "")); seen.Load() != "Bearer one" || !strings.Contains(fmt.Sprint(err), "schema_registry.token_file") || strings.Contains(err.Error(), "one\n") {
		t.Errorf("asked with %v: %v", seen.Load(), err)
	}
	writeFile(t, file, []byte("two\n"))
	if err := c.Wait(t.Context(), framed(1, "")); err != nil {
		t.Fatal(err)
	}
	if got, err := decode(t, c, framed(1, "\x04hi")); err != nil || got != `"hi"` {
		t.Errorf("asked with %v: %s %v", seen.Load(), got, err)
	}
}

// A registry that takes a question and never answers is one that is away.
func TestARegistryThatHangs(t *testing.T) {
	done := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(done) })
	c := newCodec(t, Avro, newRegistry(t, Config{URL: s.URL, Timeout: 50 * time.Millisecond}))
	if _, err := decode(t, c, framed(1, "")); !errors.Is(err, ErrPending) || errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}
