package auth

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// madeCookie is a line of testdata/authjs/cookies.mjs.
type madeCookie struct {
	Name    string
	Chunks  int
	Expired bool
	Cookie  string
}

const appSecret = "the app's own secret, of any length"

// npmCookies has the npm packages themselves make session cookies.
func npmCookies(t *testing.T) []madeCookie {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"package.json", "cookies.mjs"} {
		text, err := os.ReadFile(filepath.Join("testdata", "authjs", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) []byte {
		var errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Stderr = dir, &errs
		out, err := cmd.Output()
		if err != nil {
			without(t, "%s %s: %v\n%s", name, args[0], err, &errs)
		}
		return out
	}
	run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", "--prefer-offline")
	var cookies []madeCookie
	d := json.NewDecoder(bytes.NewReader(run("node", "cookies.mjs", appSecret)))
	for {
		var c madeCookie
		if err := d.Decode(&c); err == io.EOF {
			return cookies
		} else if err != nil {
			t.Fatal(err)
		}
		cookies = append(cookies, c)
	}
}

// without skips a test that lacks something, or fails it where everything is to be there.
func without(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("SLUICE_TEST_ALL") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("needs node, npm and its registry: "+format, args...)
}

func TestCookiesMadeByTheNPMPackages(t *testing.T) {
	right := must(NewAuthJS(AuthJSConfig{Secret: []byte(appSecret)}))
	byMail := must(NewAuthJS(AuthJSConfig{Secret: []byte(appSecret), Claims: Claims{User: "email"}}))
	wrong := must(NewAuthJS(AuthJSConfig{Secret: []byte(appSecret + ".")}))
	cookies := npmCookies(t)
	if len(cookies) != 16 {
		t.Fatalf("%d cookies, want 16", len(cookies))
	}
	for _, c := range cookies {
		t.Run(c.Name, func(t *testing.T) {
			if long := strings.Contains(c.Name, "in chunks"); long != (c.Chunks > 1) {
				t.Errorf("made in %d chunks", c.Chunks)
			}
			r := withCookie(c.Cookie)
			_, err := wrong.Authenticate(r)
			wantRefused(t, err, ReasonSignature, appSecret, "authjs", "next-auth")
			p, err := right.Authenticate(r)
			if c.Expired {
				wantRefused(t, err, ReasonExpired, appSecret)
				return
			}
			left := time.Until(p.Expires)
			if err != nil || p.User != "alice" || left < 59*time.Minute || left > time.Hour || strings.Join(p.Roles, " ") != "customer" {
				t.Errorf("%+v, %v", p, err)
			}
			if p, err := byMail.Authenticate(r); err != nil || p.User != "alice@shop.example" {
				t.Errorf("by e-mail: %+v, %v", p, err)
			}
		})
	}
}
