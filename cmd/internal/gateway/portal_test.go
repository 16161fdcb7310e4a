package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/config"
	"sluice/server/auth"
)

const portalSecret = "0123456789abcdef0123456789abcdef"

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// developerToken is a login of dora, who is a developer.
func developerToken() string {
	return must(auth.SignToken(must(auth.SecretKey([]byte(portalSecret))), map[string]any{"sub": "dora", "roles": []string{"developer"}, "exp": time.Now().Add(time.Hour).Unix()}))
}

// withPortal is a shop where developers make keys, in a topic with this policy; "": there
// is no topic.
func withPortal(t *testing.T, policy string) (*kfake.Cluster, *config.Config) {
	t.Helper()
	c := cluster(t, 1)
	if policy != "" {
		createKeys(t, c, policy)
	}
	return c, configured(t, c, `streams: {orders: {topic: order-topic, user: key, subject: value:orderId}}
auth: {jwt: {secret: %s}}
portal: {topic: keys}
`, portalSecret)
}

func createKeys(t *testing.T, c *kfake.Cluster, policy string) {
	t.Helper()
	cl := must(kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...)))
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 2, 1, map[string]*string{"cleanup.policy": &policy}, "keys"); err != nil {
		t.Fatal(err)
	}
}

// asks is a request with a bearer token.
func asks(t *testing.T, method, url, token, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// made makes a key or a ticket and returns its text.
func made(t *testing.T, url, token, what string) string {
	t.Helper()
	status, text := asks(t, "POST", url, token, `{"name":"laptop"}`)
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s", status, text)
	}
	return answer[what].(string)
}

func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// until asks until the answer has this status.
func until(t *testing.T, status int, url, token string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(time.Minute); ; <-tick.C {
		got, answer := asks(t, "GET", url, token, "")
		if got == status {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%d %s", got, answer)
		}
	}
}

// A key that one gateway made is good on another one and on one that starts, until a
// third one revokes it.
func TestEveryGatewayKnowsADevelopersKey(t *testing.T) {
	t.Parallel()
	_, conf := withPortal(t, "compact")
	one, two := start(t, conf), start(t, conf)
	url := func(g *Gateway, path string) string { return "http://" + g.Addr().String() + path }
	key := made(t, url(one, "/portal/keys"), developerToken(), "key")
	until(t, http.StatusOK, url(two, "/state"), key)
	late := start(t, conf)
	if status, answer := asks(t, "GET", url(late, "/state"), key, ""); status != http.StatusOK {
		t.Errorf("one that starts: %d %s", status, answer)
	}
	var list struct{ Keys []struct{ ID string } }
	if _, text := asks(t, "GET", url(late, "/portal/keys"), developerToken(), ""); json.Unmarshal([]byte(text), &list) != nil || len(list.Keys) != 1 {
		t.Fatal(text)
	}
	if status, answer := asks(t, "DELETE", url(late, "/portal/keys/"+list.Keys[0].ID), developerToken(), ""); status != http.StatusNoContent {
		t.Errorf("%d %s", status, answer)
	}
	for _, g := range []*Gateway{one, two, late} {
		until(t, http.StatusUnauthorized, url(g, "/state"), key)
	}
	again := start(t, conf)
	if status, answer := asks(t, "GET", url(again, "/state"), key, ""); status != http.StatusUnauthorized {
		t.Errorf("revoked before it starts: %d %s", status, answer)
	}
}

// A topic that forgets takes no keys, and the log says how to mend it.
func TestATopicThatForgetsTakesNoKeys(t *testing.T) {
	t.Parallel()
	_, conf := withPortal(t, "delete")
	var log syncBuffer
	g := startLogging(t, conf, &log)
	awaitLine(t, &log, "cleanup.policy=compact")
	status, answer := asks(t, "POST", "http://"+g.Addr().String()+"/portal/keys", developerToken(), `{"name":"k"}`)
	if status != http.StatusServiceUnavailable || strings.Contains(answer, "compact") {
		t.Errorf("%d %s", status, answer)
	}
}

// A gateway without the topic is not ready, says which command makes it, and goes on when
// it is there.
func TestAGatewayWaitsForTheTopicOfKeys(t *testing.T) {
	t.Parallel()
	c, conf := withPortal(t, "")
	var log syncBuffer
	g, err := New(Options{Config: conf, Log: logTo(&log)})
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, g)
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, &log, "--create --topic keys")
	ready := fmt.Sprintf("http://%s/readyz", g.AdminAddr())
	if status, body := get(t, ready); status != http.StatusServiceUnavailable || !strings.Contains(body, `"portal_keys_unread":true`) {
		t.Errorf("%d %s", status, body)
	}
	createKeys(t, c, "compact")
	await(t, g)
}

func awaitLine(t *testing.T, log *syncBuffer, text string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !strings.Contains(log.String(), text) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("never logged: %s\n%s", text, log)
		}
	}
}
