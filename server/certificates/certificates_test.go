package certificates

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

// TestCertificatesAreReadAgain when they change, and not used while they don't go
// together.
func TestCertificatesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert1, key1 := newPair(t, "first")
	cert2, key2 := newPair(t, "second")
	write(t, certFile, cert1)
	write(t, keyFile, key1)
	synctest.Test(t, func(t *testing.T) {
		logs := new(bytes.Buffer)
		c, err := Load(certFile, keyFile, slog.New(slog.NewTextHandler(logs, nil)))
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
		write(t, certFile, cert2) // its key is still to come
		want("first")
		want("first")
		if n := strings.Count(logs.String(), "can't be used"); n != 1 {
			t.Errorf("it was said %d times:\n%s", n, logs)
		}
		write(t, keyFile, key2)
		want("second")
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		want("second")
		write(t, keyFile, key1)
		write(t, certFile, cert1)
		want("first")
		if strings.Contains(logs.String(), "PRIVATE") {
			t.Errorf("a key is in the log:\n%s", logs)
		}
	})
	if _, err := Load(certFile, certFile, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a certificate for a key: taken")
	}
	if _, err := Load(dir+"/gone", keyFile, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no file: taken")
	}
}

// newPair is a new certificate named so, and its key, both PEM.
func newPair(t *testing.T, name string) (cert, key []byte) {
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

// write replaces a file as those do who renew certificates: by another one renamed over
// it.
func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}
