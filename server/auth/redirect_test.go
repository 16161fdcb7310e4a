package auth

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

// moved answers each question at from with a redirect to.
type moved struct{ from, to string }

func (m moved) RoundTrip(r *http.Request) (*http.Response, error) {
	header := http.Header{}
	if r.URL.String() == m.from {
		header.Set("Location", m.to)
		return &http.Response{StatusCode: http.StatusFound, Body: http.NoBody, Header: header, Request: r}, nil
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"keys":[]}`)), Header: header, Request: r}, nil
}

func TestKeysAreFetchedFromTheConfiguredHostAlone(t *testing.T) {
	const from = "https://login.example/jwks.json"
	for to, followed := range map[string]bool{
		"https://login.example/v2/keys": true, "/v2/keys": true,
		"https://evil.example/jwks.json": false, "https://login.example:8443/jwks.json": false,
		"http://login.example/jwks.json": false, "https://login.example.evil.example/": false, from: false,
	} {
		j := NewJWKS(JWKSConfig{URL: from, Transport: moved{from, to}, Logger: slog.New(slog.DiscardHandler)})
		_, err := j.fetch()
		j.Close()
		refused := err != nil && (strings.Contains(err.Error(), "another host") || strings.Contains(err.Error(), "too often"))
		if refused == followed {
			t.Errorf("%s: %v", to, err)
		}
	}
}
