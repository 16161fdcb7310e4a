package server

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/cors"
)

func TestNewNamesEveryFault(t *testing.T) {
	_, err := New(Config{RetryMin: 2 * time.Second, RetryMax: time.Second, CORS: cors.Config{Origins: []string{"*", "shop.example"}, Credentials: true}})
	for _, want := range []string{"Config.Hub", "Config.Auth", "Config.Source", "Config.Logger", "RetryMax", "cors.credentials", "cors.origins"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in: %v", want, err)
		}
	}
}

func TestPage(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the page") })
	with := begin(t, func(c *Config) { c.Page = page })
	if got := with.get("/").body(); got != "the page" {
		t.Errorf("GET / = %q", got)
	}
	without := begin(t, nil).get("/")
	if to := without.Request.URL.Path; to != "/docs/" || without.StatusCode != http.StatusOK {
		t.Errorf("GET / without a page leads to %s, %d", to, without.StatusCode)
	}
	none := begin(t, func(c *Config) { c.NoPages = true })
	if s := none.get("/"); s.StatusCode != http.StatusNotFound {
		t.Errorf("GET / without any page: %d", s.StatusCode)
	}
}

// TestFaultsStayInside: what breaks is logged, and its text goes to nobody else.
func TestFaultsStayInside(t *testing.T) {
	broken := begin(t, func(c *Config) { c.Auth = source(func() error { return errors.New("dial db with password hunter2") }) })
	if s := broken.get("/events"); s.StatusCode != 500 || strings.Contains(s.body(), "hunter2") {
		t.Errorf("%d", s.StatusCode)
	}
	if !strings.Contains(broken.logs.String(), "identity could not be checked") {
		t.Errorf("the log is %s", broken.logs)
	}
	panics := begin(t, func(c *Config) { c.Auth = source(func() error { panic("oh") }) })
	if resp, err := panics.client.Get(panics.url + "/events"); err == nil {
		resp.Body.Close()
		t.Errorf("answered %d after a panic", resp.StatusCode)
	}
	eventually(t, "the panic is logged", func() bool { return strings.Contains(panics.logs.String(), "request panicked") })
	eventually(t, "nothing is left of it", panics.empty)
}

// source is an Authenticator that only fails.
type source func() error

func (s source) Authenticate(*http.Request) (auth.Principal, error) { return auth.Principal{}, s() }
