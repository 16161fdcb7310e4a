package schema

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"sluice/broker/reread"
)

// newHTTPClient returns a client whose certificates are read again when their files
// change. It follows no redirect, since the password goes nowhere else.
func newHTTPClient(files TLS, timeout time.Duration, log *slog.Logger) (*http.Client, error) {
	transport, err := newTransport(files, log)
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Timeout:       timeout,
		Transport:     bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// newTransport returns what asks over TLS. Other roots need another transport: one that
// is in use must not change.
func newTransport(files TLS, log *slog.Logger) (func() *http.Transport, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if (files.CertFile == "") != (files.KeyFile == "") {
		return nil, errors.New("schema_registry: cert_file and key_file go together; one of them is missing")
	}
	if files.CertFile != "" {
		pair, err := reread.KeyPair("schema_registry.cert_file", log, files.CertFile, files.KeyFile)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair.Latest(), nil }
	}
	if files.CAFile == "" {
		return func() *http.Transport { return t }, nil
	}
	roots, err := reread.Roots("schema_registry.ca_file", log, files.CAFile)
	if err != nil {
		return nil, err
	}
	t.TLSClientConfig.RootCAs = roots.Get()
	var mu sync.Mutex // guards t
	return func() *http.Transport {
		mu.Lock()
		defer mu.Unlock()
		if now := roots.Get(); now != t.TLSClientConfig.RootCAs {
			next := t.Clone()
			next.TLSClientConfig.RootCAs = now
			t.CloseIdleConnections()
			t = next
		}
		return t
	}, nil
}

// login returns what puts the credentials into a request.
func (c Config) login(log *slog.Logger) (func(*http.Request) error, error) {
	read := func(key, text, file string) (func() string, error) {
		if file == "" {
			return func() string { return text }, nil
		}
		v, err := reread.Secret(key, log, file)
		if err != nil {
			return nil, err
		}
		return v.Get, nil
	}
	password, err := read("schema_registry.password_file", c.Password, c.PasswordFile)
	if err != nil {
		return nil, err
	}
	token, err := read("schema_registry.token_file", c.Token, c.TokenFile)
	if err != nil {
		return nil, err
	}
	return func(req *http.Request) error {
		switch t := token(); {
		case t != "":
			req.Header.Set("Authorization", "Bearer "+t)
		case c.Username != "":
			req.SetBasicAuth(c.Username, password())
		}
		return nil
	}, nil
}

// bounded cuts off answers that are too large. Nothing else bounds what the client reads.
type bounded struct{ transport func() *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.transport().RoundTrip(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{&atMost{resp.Body, maxReplySize}, resp.Body}
	}
	return resp, err
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (b bounded) CloseIdleConnections() { b.transport().CloseIdleConnections() }

// atMost is a reader that fails after so many bytes.
type atMost struct {
	from io.Reader
	left int
}

// Read implements [io.Reader].
func (a *atMost) Read(p []byte) (int, error) {
	n, err := a.from.Read(p)
	if a.left -= n; a.left < 0 {
		return 0, fmt.Errorf("the registry's answer has more than %d bytes", maxReplySize)
	}
	return n, err
}
