package certificates

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sluice/server/certificates/certtest"
)

// TestCertificatesAreReadAgain when they change, and not used while they don't go
// together.
func TestCertificatesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert1, key1 := certtest.New(t, "first")
	cert2, key2 := certtest.New(t, "second")
	certtest.Write(t, certFile, cert1)
	certtest.Write(t, keyFile, key1)
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
		certtest.Write(t, certFile, cert2) // its key is still to come
		want("first")
		want("first")
		if n := strings.Count(logs.String(), "can't be used"); n != 1 {
			t.Errorf("it was said %d times:\n%s", n, logs)
		}
		certtest.Write(t, keyFile, key2)
		want("second")
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		want("second")
		certtest.Write(t, keyFile, key1)
		certtest.Write(t, certFile, cert1)
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
