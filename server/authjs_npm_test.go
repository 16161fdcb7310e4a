package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/server/auth"
)

// madeCookie is a line of testdata/authjs/cookies.mjs.
type madeCookie struct {
	Name    string
	Chunks  int
	Expired bool
	Cookie  string
}

const appSecret = "the app's own secret, of any length"

// npmCookies has the npm packages themselves make session cookies, once for all tests.
var npmCookies = sync.OnceValues(func() (cookies []madeCookie, err error) {
	dir, err := os.MkdirTemp("", "sluice-authjs")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "authjs"))); err != nil {
		return nil, err
	}
	run := func(name string, args ...string) ([]byte, error) {
		var errs bytes.Buffer
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Stderr = dir, &errs
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%s %s: %w\n%s", name, args[0], err, &errs)
		}
		return out, err
	}
	if _, err := run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", "--prefer-offline"); err != nil {
		return nil, err
	}
	out, err := run("node", "cookies.mjs", appSecret)
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var c madeCookie
		if err := d.Decode(&c); err == io.EOF {
			return cookies, nil
		} else if err != nil {
			return nil, err
		}
		cookies = append(cookies, c)
	}
})

func TestCookiesMadeByTheNPMPackagesOpenStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("no npm with -short")
	}
	cookies, err := npmCookies()
	switch {
	case err != nil && os.Getenv("SLUICE_TEST_ALL") == "1":
		t.Fatal(err)
	case err != nil:
		t.Skipf("needs node, npm and its registry: %v", err)
	case len(cookies) != 16:
		t.Fatalf("%d cookies, want 16", len(cookies))
	}
	gateway := func(secret, user string) *fixture {
		source, err := auth.NewAuthJS(auth.AuthJSConfig{Secret: []byte(secret), Claims: auth.Claims{User: user}})
		if err != nil {
			t.Fatal(err)
		}
		return begin(t, func(c *Config) { c.Auth, c.Access = source, map[string][]string{"orders": {"customer"}} })
	}
	right, byMail, wrong := gateway(appSecret, "sub"), gateway(appSecret, "email"), gateway(appSecret+".", "sub")
	for _, c := range cookies {
		t.Run(c.Name, func(t *testing.T) {
			if long := strings.Contains(c.Name, "in chunks"); long != (c.Chunks > 1) {
				t.Errorf("made in %d chunks", c.Chunks)
			}
			wantRefusal := func(f *fixture, reason auth.Reason) {
				t.Helper()
				s := f.get("/events", "Cookie", c.Cookie)
				if body := s.body(); s.StatusCode != http.StatusUnauthorized || !strings.Contains(body, string(reason)) {
					t.Errorf("%d %s, want 401 for %s", s.StatusCode, body, reason)
				}
			}
			wantRefusal(wrong, auth.ReasonSignature)
			if c.Expired {
				wantRefusal(right, auth.ReasonExpired)
				return
			}
			for user, f := range map[string]*fixture{"alice": right, "alice@shop.example": byMail} {
				s := f.get("/events?stream=orders", "Cookie", c.Cookie)
				s.want("sluice.hello", "*")
				f.order("bob", "not hers")
				f.order(user, "hers")
				s.want("message", "hers")
			}
		})
	}
}

// TestSessionCookiesSayWhenTheyExpire, so that streams end with them.
func TestSessionCookiesSayWhenTheyExpire(t *testing.T) {
	cookies, err := npmCookies()
	if err != nil {
		t.Skip(err) // has been judged above
	}
	source, err := auth.NewAuthJS(auth.AuthJSConfig{Secret: []byte(appSecret)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cookies {
		p, err := source.Authenticate(&http.Request{Header: http.Header{"Cookie": {c.Cookie}}})
		if left := time.Until(p.Expires); !c.Expired && (err != nil || left < 50*time.Minute || left > time.Hour) {
			t.Errorf("%s: it has %v left, %v; it was made for an hour", c.Name, left, err)
		}
	}
}
