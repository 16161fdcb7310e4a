package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
)

// closings is a page of a shop, and the gateway whose WebSockets it opens.
type closings struct {
	*socketPage
	seen     *seenCloses
	gateway  *gateway.Gateway
	producer *kgo.Client
	key      string // of the shop's back end
}

// seenCloses are the rows of pageCloses that pages have seen.
type seenCloses struct {
	mu   sync.Mutex // guards rows
	rows map[*pageClose]bool
}

// browserOf is one of several groups of a test, which share a browser.
type browserOf struct {
	context.Context
	seen *seenCloses
}

// prepare makes a page, and a configuration of a gateway that lets it in.
func (b browserOf) prepare(t *testing.T, jwt, config string) (c *closings, _ string) {
	t.Helper()
	key, line := newAPIKey(bounded(t), t)
	file := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	shop := pageServer(t)
	auth := strings.Replace(jwtAuth(t), "{jwt: {", fmt.Sprintf("{api_keys_file: %q, tickets: {secret: %q}, jwt: {%s", file, jwtSecret, jwt), 1)
	c = &closings{socketPage: openSocketPage(b, t, shop.URL), seen: b.seen, key: key}
	return c, fmt.Sprintf("%scors: {origins: [%q]}\n%s", auth, shop.URL, config)
}

// open starts a gateway with this configuration, and a page.
func (b browserOf) open(t *testing.T, config string) *closings {
	t.Helper()
	c, config := b.prepare(t, "", config)
	c.gateway, c.producer = consoleGateway(t, config, map[string]int32{"order-topic": 2})
	return c
}

// dialAs opens a WebSocket with a token as a subprotocol.
func (c *closings) dialAs(token, query string) pageSocket {
	c.t.Helper()
	return c.dialAt(c.gateway.URL(), token, query)
}

func (c *closings) dialAt(address, token, query string) pageSocket {
	c.t.Helper()
	return c.dial(address+"/ws"+query, "sluice.v1", "sluice.bearer."+token)
}

// following opens a WebSocket as a user, and waits for its hello.
func (c *closings) following(user string) pageSocket {
	c.t.Helper()
	s := c.dialAs(token(user), "")
	s.awaitHello()
	return s
}

// wantEnd waits until a socket has closed as pageCloses says. The gateway's reasons are
// also in its last message, with how long to wait.
func (c *closings) wantEnd(s pageSocket, event, reason string) {
	c.t.Helper()
	want := pageCloseOf(c.t, event, reason)
	end := s.ended()
	if end.Code != want.code || end.Reason != reason {
		c.t.Errorf("closed with %d %q, want %d %q", end.Code, end.Reason, want.code, reason)
		return
	}
	if event != "" {
		if len(end.Messages) == 0 {
			c.t.Fatalf("%d %s: nothing was said", want.code, reason)
		}
		if last := end.Messages[len(end.Messages)-1]; last.Event != event || last.Data.Reason != reason || last.Data.RetryMS <= 0 {
			c.t.Errorf("%d %s: the last message is %+v", want.code, reason, last)
		}
	}
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	c.seen.rows[want] = true
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
	if err := json.NewDecoder(response.Body).Decode(&text); err != nil || response.StatusCode >= 300 {
		c.t.Fatalf("%s %s: %d %s %v", method, url, response.StatusCode, text, err)
	}
	return string(text)
}

// subscriber is the id of a user's only connection, as operators are told.
func (c *closings) subscriber(user string) string {
	c.t.Helper()
	var list struct{ Subscribers []struct{ ID string } }
	text := c.do(http.MethodGet, c.gateway.AdminURL()+"/subscribers?user="+user, "")
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Subscribers) != 1 {
		c.t.Fatalf("%s %v", text, err)
	}
	return list.Subscribers[0].ID
}

// order places an order of a user's, with so much that nobody needs.
func (c *closings) order(user, order string, padding int) {
	c.t.Helper()
	record := kgoRecord("order-topic", user, fmt.Sprintf(`{"orderId":%q,"padding":%q}`, order, strings.Repeat("x", padding)))
	if err := c.producer.ProduceSync(bounded(c.t), record).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

// A page can't see the status of a refused handshake. It sees by the close code whether
// it may come back, and when. This holds for each reason in pageCloses.
func TestPagesSeeWhyAWebSocketIsRefusedOrEnds(t *testing.T) {
	need(t, "chromium", "chromium")
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	b := browserOf{startChromiumFor(ctx, t), &seenCloses{rows: make(map[*pageClose]bool)}}
	t.Run("for", func(t *testing.T) {
		for name, group := range map[string]func(t *testing.T, b browserOf){
			"whom":                 pagesAreTurnedAway,
			"no identity":          pagesWithoutIdentity,
			"limits":               pagesBeyondLimits,
			"limits of an address": pagesOfOneAddress,
			"too many connects":    pagesThatConnectTooOften,
			"age":                  pagesThatAreOld,
			"Kafka":                pagesWithoutKafka,
			"an app":               pagesOfAnAppThatIsAway,
			"streams":              pagesOfStreamsThatComeAndGo,
			"slowness":             pagesThatLag,
			"slow snapshots":       pagesThatTakeASnapshotSlowly,
			"a shutdown":           pagesOfAGatewayThatShutsDown,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				group(t, b)
			})
		}
	})
	for i := range pageCloses {
		if p := &pageCloses[i]; b.seen.rows[p] == (p.unseen != "") && !t.Failed() {
			t.Errorf("%s %s %d: seen %v, and %q", p.event, p.reason, p.code, b.seen.rows[p], p.unseen)
		}
	}
}
