package server

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"sluice/server/auth"
	"sluice/server/cors"
	"sluice/server/limit"
)

// bearerOnly identifies by a bearer token, which is the user's name.
type bearerOnly struct{}

func (bearerOnly) Authenticate(r *http.Request) (auth.Principal, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return auth.Principal{}, &auth.Error{Reason: auth.ReasonMissing, Detail: "No credentials."}
	}
	return auth.Principal{User: token}, nil
}

func TestAPageOfAnotherSiteCantConnect(t *testing.T) {
	f := begin(t, func(c *Config) {
		c.CORS = cors.Config{Origins: []string{"https://shop.example", "https://*.shop.example"}, Credentials: true}
	})
	for origin, want := range map[string]bool{
		"https://shop.example":      true,
		"https://a.shop.example":    true,
		"https://evil.example":      false,
		"https://shop.example.evil": false,
		"null":                      false,
		"http://" + f.addr:          true,
		"https://" + f.addr:         true, // a proxy that ends TLS
		"http://127.0.0.1:1":        false,
		"":                          true, // no browser
	} {
		headers := []string{"Origin", origin, "Sec-Fetch-Mode", "websocket", "Sec-Fetch-Site", "cross-site"}
		if origin == "" {
			headers = nil
		}
		c, r, err := f.dial("/ws?user=alice", headers...)
		if (err == nil) != want || !want && r.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %v", origin, err)
		}
		if err == nil {
			c.want("sluice.hello", "*")
		}
	}
	if _, r, err := f.dial("/ws?user=alice", "Origin", "https://shop.example", "Origin", "https://evil.example"); err == nil {
		t.Errorf("two origins: %v", r)
	}
}

// cookieOnly identifies by a cookie.
type cookieOnly struct{}

func (cookieOnly) Authenticate(r *http.Request) (auth.Principal, error) {
	c, err := r.Cookie("login")
	if err != nil {
		return auth.Principal{}, &auth.Error{Reason: auth.ReasonMissing, Detail: "No credentials."}
	}
	return auth.Principal{User: c.Value}, nil
}

// Without cors.credentials a page of another origin doesn't read as its visitor, though a
// browser sends the cookies with every WebSocket.
func TestCookiesAreOfTheOwnHostOnly(t *testing.T) {
	for _, tt := range []struct {
		cors cors.Config
		want bool
	}{
		{cors.Config{Origins: []string{"*"}}, false},
		{cors.Config{Origins: []string{"https://shop.example"}}, false},
		{cors.Config{Origins: []string{"https://shop.example"}, Credentials: true}, true},
	} {
		f := begin(t, func(c *Config) { c.Auth, c.CORS = cookieOnly{}, tt.cors })
		own := f.connect("/ws", "Cookie", "login=alice", "Origin", "http://"+f.addr)
		own.want("sluice.hello", "*")
		other := f.connect("/ws", "Cookie", "login=alice", "Origin", "https://shop.example")
		if m := other.next(); (m.Event == "sluice.hello") != tt.want {
			t.Errorf("%+v: %s %s", tt.cors, m.Event, m.Data)
		}
	}
}

// X-Forwarded-Host counts if a trusted proxy has written it.
func TestTheHostThatAProxyNames(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		f := begin(t, func(c *Config) {
			if trusted {
				c.Proxies = proxies("", "127.0.0.0/8")
			}
		})
		_, _, err := f.dial("/ws?user=alice", "Origin", "https://shop.example", "X-Forwarded-Host", "shop.example:443")
		if (err == nil) != trusted {
			t.Errorf("trusted %v: %v", trusted, err)
		}
	}
}

// To a page a refusal is said after the handshake, since it can't see a status. To others
// it is a status.
func TestRefusalsAreSaidToPages(t *testing.T) {
	f := begin(t, func(c *Config) {
		c.Limits = limit.Limits{PerUser: 1}
		c.Auth = bearerOnly{}
	})
	page := []string{"Origin", "http://" + f.addr}
	one := f.connect("/ws", "Authorization", "Bearer alice")
	one.want("sluice.hello", "*")
	for _, tt := range []struct {
		name, path, token string
		status            int
		code              int
		reason            string
	}{
		{"no identity", "/ws", "", 401, 4401, "identity-missing"},
		{"not theirs", "/ws?stream=payments", "bob", 403, 4403, "stream"},
		{"a limit", "/ws", "alice", 429, 1013, limit.PerUser},
		{"nonsense", "/ws?from=never", "bob", 400, 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			if tt.token != "" {
				headers = []string{"Authorization", "Bearer " + tt.token}
			}
			if _, r, err := f.dial(tt.path, headers...); err == nil || r.StatusCode != tt.status {
				t.Errorf("no page: %v %v", r, err)
			} else if tt.status == 429 && r.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			c, r, err := f.dial(tt.path, append(headers, page...)...)
			if tt.code == 0 {
				if err == nil || r.StatusCode != tt.status {
					t.Errorf("a page: %v %v", r, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			m := c.want("sluice.unavailable", "*")
			if !strings.Contains(string(m.Data), `{"reason":"`+tt.reason+`","retry_ms":`) {
				t.Errorf("%s", m.Data)
			}
			c.wantClose(websocket.StatusCode(tt.code), tt.reason)
			if line := fmt.Sprintf("status=%d cause=%s ", tt.status, tt.reason); strings.Count(f.logs.String(), line) != 2 {
				t.Errorf("the log lacks %q for both:\n%s", line, f.logs)
			}
		})
	}
	drained := f.drainSoon()
	defer drained()
	c := f.connect("/ws", append([]string{"Authorization", "Bearer carol"}, page...)...)
	c.want("sluice.unavailable", "*")
	c.wantClose(1012, "draining")
}

// A page's token comes as a subprotocol, and is in no answer and no log.
func TestBearerSubprotocol(t *testing.T) {
	f := begin(t, func(c *Config) { c.Auth = bearerOnly{} })
	const secret = "s3cr3t-token"
	encoded := base64.RawURLEncoding.EncodeToString([]byte(secret + "+/="))
	for offer, want := range map[string]string{
		"sluice.v1, sluice.bearer." + secret:      "sluice.v1",
		"sluice.bearer." + secret + ", sluice.v1": "sluice.v1",
		"sluice.v1, sluice.bearer64." + encoded:   "sluice.v1",
	} {
		c, r, err := f.dial("/ws", "Sec-WebSocket-Protocol", offer)
		if err != nil || r.Header.Get("Sec-WebSocket-Protocol") != want {
			t.Fatalf("%s: %v %v", offer, r, err)
		}
		c.want("sluice.hello", "*")
	}
	if c, r, err := f.dial("/ws", "Authorization", "Bearer alice"); err != nil || r.Header.Get("Sec-WebSocket-Protocol") != "" {
		t.Errorf("none was offered: %v %v", r, err)
	} else {
		c.want("sluice.hello", "*")
	}
	f.dial("/ws", "Sec-WebSocket-Protocol", "sluice.v1, sluice.bearer64.!"+secret)
	f.logs.mu.Lock()
	defer f.logs.mu.Unlock()
	logged := strings.ReplaceAll(f.logs.b.String(), "user="+secret, "") // the test's user is the token
	if strings.Contains(logged, "sluice.bearer") || strings.Contains(logged, encoded) {
		t.Error("a token is in the log")
	}
}

func TestNoHandshake(t *testing.T) {
	f := begin(t, nil)
	for _, headers := range [][]string{nil, {"Upgrade", "websocket"}, {"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "8", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}} {
		s := f.get("/ws?user=alice", headers...)
		if s.StatusCode != http.StatusUpgradeRequired || s.Header.Get("Sec-WebSocket-Version") != "13" || !strings.Contains(s.body(), "urn:sluice:problem:websocket") {
			t.Errorf("%v: %d %v", headers, s.StatusCode, s.Header)
		}
	}
}
