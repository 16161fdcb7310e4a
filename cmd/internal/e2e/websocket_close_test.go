package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
)

// closings is a page of a shop, and the gateway whose WebSockets it opens.
type closings struct {
	*socketPage
	t        *testing.T
	gateway  *gateway.Gateway
	producer *kgo.Client
	key      string // of the shop's back end
}

// openClosings starts a gateway with this configuration, and a page.
func openClosings(t *testing.T, config string) *closings {
	t.Helper()
	need(t, "chromium", "chromium")
	key, line := newAPIKey(bounded(t), t)
	file := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	shop := pageServer(t)
	auth := strings.Replace(jwtAuth(t), "{jwt:", fmt.Sprintf("{api_keys_file: %q, jwt:", file), 1)
	g, producer := consoleGateway(t, fmt.Sprintf("%scors: {origins: [%q]}\n%s", auth, shop.URL, config), map[string]int32{"order-topic": 1})
	return &closings{openSocketPage(startChromium(t), t, shop.URL), t, g, producer, key}
}

// dialAs opens a WebSocket with a token as a subprotocol.
func (c *closings) dialAs(token, query string) pageSocket {
	c.t.Helper()
	return c.dial(c.gateway.URL()+"/ws"+query, "sluice.v1", "sluice.bearer."+token)
}

// following opens a WebSocket as a user, and waits for its hello.
func (c *closings) following(user string) pageSocket {
	c.t.Helper()
	s := c.dialAs(token(user), "")
	s.awaitHello()
	return s
}

// wantEnd waits until a socket has closed. The gateway's reasons are also in its last
// message, with how long to wait.
func (c *closings) wantEnd(s pageSocket, code int, reason, event string) {
	c.t.Helper()
	end := s.ended()
	if end.Code != code || end.Reason != reason {
		c.t.Errorf("closed with %d %q, want %d %q", end.Code, end.Reason, code, reason)
	}
	if event == "" {
		return
	}
	if len(end.Messages) == 0 {
		c.t.Fatalf("%d %s: nothing was said", code, reason)
	}
	if last := end.Messages[len(end.Messages)-1]; last.Event != event || last.Data.Reason != reason || last.Data.RetryMS <= 0 {
		c.t.Errorf("%d %s: the last message is %+v", code, reason, last)
	}
}

// do asks the gateway for something, as the shop's back end or as an operator.
func (c *closings) do(method, url, body string) string {
	c.t.Helper()
	request, err := http.NewRequestWithContext(bounded(c.t), method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	var text json.RawMessage
	if response.StatusCode == http.StatusNoContent {
		return ""
	}
	if err := json.NewDecoder(response.Body).Decode(&text); err != nil || response.StatusCode != http.StatusOK {
		c.t.Fatalf("%s %s: %d %s %v", method, url, response.StatusCode, text, err)
	}
	return string(text)
}

// subscriber is what operators are told of a user's only connection.
func (c *closings) subscriber(user string) (id, state string) {
	c.t.Helper()
	var list struct{ Subscribers []struct{ ID, State string } }
	text := c.do(http.MethodGet, c.gateway.AdminURL()+"/subscribers?user="+user, "")
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Subscribers) != 1 {
		c.t.Fatalf("%s %v", text, err)
	}
	return list.Subscribers[0].ID, list.Subscribers[0].State
}

const (
	unavailable = "sluice.unavailable"
	closing     = "sluice.closing"
)

// A page can't see the status of a refused handshake. It sees by the close code whether
// it may come back, and when.
func TestPagesSeeWhyAWebSocketIsRefusedOrEnds(t *testing.T) {
	c := openClosings(t, `limits: {per_user: 1, per_user_action: evict_oldest}
streams:
  orders: {topic: order-topic, user: key}
`)
	c.wantEnd(c.dial(c.gateway.URL()+"/ws", "sluice.v1"), 4401, "identity-missing", unavailable)
	c.wantEnd(c.dialAs(tokenUntil("alice", time.Now().Add(-time.Hour)), ""), 4401, "identity-expired", unavailable)
	c.wantEnd(c.dialAs("no-token", ""), 4401, "identity-malformed", unavailable)
	c.wantEnd(c.dialAs(token("alice"), "?stream=payments"), 4403, "stream", unavailable)

	older := c.following("alice")
	newer := c.following("alice")
	c.wantEnd(older, 4429, "evicted", closing)
	id, _ := c.subscriber("alice")
	c.do(http.MethodDelete, c.gateway.AdminURL()+"/subscribers/"+id, "")
	c.wantEnd(newer, 1012, "operator", closing)

	revoked := c.following("bob")
	c.do(http.MethodPost, c.gateway.URL()+"/revoke", `{"user":"bob"}`)
	c.wantEnd(revoked, 4401, "revoked", closing)
	c.wantEnd(c.dialAs(tokenUntil("carol", time.Now().Add(3*time.Second)), ""), 4401, "expiring", closing)

	binary := c.following("dave")
	binary.send("new Uint8Array(3)")
	c.wantEnd(binary, 1003, "messages are text", "")
	large := c.following("dave")
	large.send(`"x".repeat(5000)`)
	if end := large.ended(); end.Code != 1009 {
		t.Errorf("a large message: %+v", end)
	}
	many := c.following("dave")
	ask[bool](&c.page, `(() => { for (let i = 0; i < 60; i++) `+many.name+`.socket.send("ping"); return true; })()`)
	c.wantEnd(many, 1008, "too many messages", "")

	drained := c.following("erin")
	c.gateway.Terminate()
	c.wantEnd(drained, 1012, "draining", closing)
}

// A limit that refuses, and an age that a connection may reach.
func TestPagesSeeLimitsOfAWebSocket(t *testing.T) {
	c := openClosings(t, `limits: {per_user: 1}
max_connection_age: 10s
streams:
  orders: {topic: order-topic, user: key}
`)
	old := c.following("alice")
	c.wantEnd(c.dialAs(token("alice"), ""), 1013, "per_user", unavailable)
	c.wantEnd(old, 1001, "max_age", closing)
}
