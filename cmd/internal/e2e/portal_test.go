package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
)

// app says who the cookie session=NAME is: dora and dave are developers, nobody else.
func app(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		session, err := r.Cookie("session")
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		roles := []string{"customer"}
		if session.Value == "dora" || session.Value == "dave" {
			roles = append(roles, "developer")
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"id": session.Value, "roles": roles}) // the gateway waits
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// portalGateways are two that share a real Kafka with a compacted topic of keys.
func portalGateways(ctx context.Context, t *testing.T) (kafka *kafkatest.Cluster, both [2]*gateway.Gateway, topic string) {
	t.Helper()
	kafka = kafkatest.Shared(t)
	run := time.Now().UnixNano()
	events, topic := fmt.Sprintf("portal-orders-%d", run), fmt.Sprintf("portal-keys-%d", run)
	kafka.CreateTopic(t, events, 1)
	kafka.CreateTopic(t, topic, 1, "cleanup.policy=compact")
	tickets := filepath.Join(t.TempDir(), "tickets")
	if err := os.WriteFile(tickets, []byte(strings.Repeat("t", 40)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range both {
		both[i] = readyGateway(ctx, t, fmt.Sprintf(`
kafka: {brokers: [%q]}
auth: {forward: {url: %q}, tickets: {secret_file: %q}}
streams:
  orders: {topic: %s, user: key, subject: value:orderId}
  news: {topic: %[4]s, audience: everyone, subject: value:orderId}
portal: {topic: %s}
log: {level: debug}
`, kafka.Plaintext(), app(t), tickets, events, topic))
	}
	return kafka, both, topic
}

// withKey asks a gateway with a key.
func withKey(ctx context.Context, t *testing.T, g *gateway.Gateway, key, path string) (int, string) {
	t.Helper()
	header := http.Header{}
	if key != "" {
		header.Set("Authorization", "Bearer "+key)
	}
	resp, err := get(ctx, g.URL()+path, header)
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

// awaitKey asks until a gateway answers a key so, and says how long that took.
func awaitKey(ctx context.Context, t *testing.T, g *gateway.Gateway, key string, status int) time.Duration {
	t.Helper()
	began, tick := time.Now(), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		got, answer := withKey(ctx, t, g, key, "/state?stream=orders")
		if got == status {
			return time.Since(began)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never %d, but %d %s", status, got, answer)
		}
	}
}

// signIn gives the browser a session of the app, and opens the page of keys.
func (c *console) signIn(g *gateway.Gateway, name string) {
	c.t.Helper()
	ask[string](&c.page, fmt.Sprintf(`document.cookie = "session=%s; path=/"`, name))
	c.do(chromedp.Navigate(g.URL() + "/docs/keys.html"))
}

// press presses the button of a key or a ticket, twice.
func (c *console) press(section, name, text string) {
	c.t.Helper()
	button := fmt.Sprintf(`[...document.querySelectorAll("%s tbody tr")].find(row => row.cells[0].innerText === %q && row.dataset.state === "live")?.querySelectorAll("button")`, section, name)
	c.until(fmt.Sprintf(`[...(%s ?? [])].some(b => b.innerText === %q && (b.focus(), b.click(), true))`, button, text))
	c.until(fmt.Sprintf(`[...(%s ?? [])].some(b => b.innerText === %q && (b.click(), true))`, button, text+" now"))
}

// A developer makes, uses, rotates and revokes keys on the portal's page. Another gateway
// knows, over a real Kafka. Nobody else sees or ends them, and Kafka has no key's text.
func TestPortalInChromium(t *testing.T) {
	need(t, "chromium", "chromium")
	ctx := bounded(t)
	kafka, both, topic := portalGateways(ctx, t)
	g, other := both[0], both[1]
	c := openConsole(startChromium(t), t, g.URL()+"/docs/")
	c.until(`document.querySelector("nav [data-portal]:not([hidden])")`)
	c.do(chromedp.Navigate(g.URL() + "/console/"))
	c.until(`["Sign in to your app", "make one at your keys", "Paste a ticket"].every(way => document.querySelector("#next").innerText.includes(way))`)
	c.linksLead("console")
	c.shoot("console-of-a-portal")
	c.do(chromedp.Navigate(g.URL() + "/docs/keys.html"))
	c.until(`document.querySelector("#who").textContent.startsWith("You are not signed in")`)
	c.axe("keys, not signed in")
	c.shoot("keys-nobody")
	c.signIn(g, "alice")
	c.until(`document.querySelector("#who").textContent.includes("has not the role")`)
	c.signIn(g, "dora")
	c.until(`document.querySelector("#keys .none:not([hidden])")`)

	make := func(name, stream string) (key string) {
		ask[bool](&c.page, fmt.Sprintf(`(document.querySelector("#new-key").elements.name.value = %q, true)`, name))
		if stream != "" {
			ask[bool](&c.page, fmt.Sprintf(`(document.querySelector("#new-key [value=%s]").click(), true)`, stream))
		}
		c.do(chromedp.Click("#new-key button"))
		c.until(fmt.Sprintf(`document.querySelector("#made:not([hidden]) h2")?.textContent.includes(%q)`, name))
		return ask[string](&c.page, `document.querySelector("#text").textContent`)
	}
	key := make("laptop", "orders")
	if !strings.HasPrefix(key, "sluicep_") {
		t.Fatalf("the key is %q", key)
	}
	known := awaitKey(ctx, t, other, key, http.StatusOK)
	if status, answer := withKey(ctx, t, other, key, "/state?stream=news"); status != http.StatusForbidden {
		t.Errorf("a stream that the key is not for: %d %s", status, answer)
	}
	c.axe("keys")
	c.shoot("keys-made")
	c.do(chromedp.Click("#done"))
	if text := ask[string](&c.page, `document.documentElement.outerHTML`); strings.Contains(text, key) {
		t.Error("the page still has the key")
	}

	c.press("#keys", "laptop", "Rotate")
	c.until(fmt.Sprintf(`(t => t.startsWith("sluicep_") && t !== %q)(document.querySelector("#text").textContent)`, key))
	rotated := ask[string](&c.page, `document.querySelector("#text").textContent`)
	awaitKey(ctx, t, other, rotated, http.StatusOK)
	awaitKey(ctx, t, other, key, http.StatusOK) // for the overlap

	// A stream by the key on the other gateway gets events, and ends when it is revoked.
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, other.URL()+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+rotated)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	producer := kafka.Client(t)
	if err := producer.ProduceSync(ctx, &kgo.Record{Topic: strings.Replace(topic, "keys", "orders", 1), Key: []byte("dora"), Value: []byte(`{"orderId":"o-1"}`)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c.press("#keys", "laptop", "Revoke")
	c.until(`document.querySelector("#keys tr[data-state=revoked]")`)
	revoked := awaitKey(ctx, t, other, rotated, http.StatusUnauthorized)
	stream, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(stream), `{"orderId":"o-1"}`) || !strings.Contains(string(stream), `"reason":"revoked"`) {
		t.Errorf("%v\n%s", err, stream)
	}
	t.Logf("the other gateway knew the key after %v, and its end after %v", known, revoked)

	// A ticket, whose text shows once.
	ask[bool](&c.page, `(document.querySelector("#new-ticket").elements.name.value = "demo", true)`)
	c.do(chromedp.Click("#new-ticket button"))
	c.until(`document.querySelector("#made h2").textContent.includes("demo") && document.querySelector("#tickets tr[data-state=live]")`)
	ticket := ask[string](&c.page, `document.querySelector("#text").textContent`)
	if status, answer := withKey(ctx, t, other, "", "/state?ticket="+ticket); status != http.StatusOK {
		t.Errorf("the ticket on another gateway: %d %s", status, answer)
	}
	c.do(chromedp.Click("#done"))
	c.press("#tickets", "demo", "Revoke")
	c.until(`document.querySelector("#tickets tr[data-state=revoked]")`)
	if status, answer := withKey(ctx, t, g, "", "/state?ticket="+ticket); status != http.StatusUnauthorized {
		t.Errorf("a revoked ticket: %d %s", status, answer)
	}
	c.shoot("keys")
	c.clean()

	// Another developer sees none of it, and can't end it by its id.
	id := ask[string](&c.page, `document.querySelector("#keys tbody tr").dataset.id`)
	mine := make("still mine", "")
	id = ask[string](&c.page, fmt.Sprintf(`[...document.querySelectorAll("#keys tbody tr")].find(row => row.cells[0].innerText === "still mine")?.dataset.id ?? %q`, id))
	c.signIn(other, "dave")
	c.until(`document.querySelector("#keys .none:not([hidden])")`)
	status := ask[int](&c.page, fmt.Sprintf(`fetch("../portal/keys/%s", {method: "DELETE", headers: {"Content-Type": "application/json"}}).then(r => r.status)`, id))
	if status != http.StatusNotFound {
		t.Errorf("another developer revokes it: %d", status)
	}
	awaitKey(ctx, t, other, mine, http.StatusOK)

	// Kafka and the logs have hashes and ids.
	consumer := kafka.Client(t, kgo.ConsumeTopics(topic))
	seen := ""
	for strings.Count(seen, `"kind":"key"`) < 3 {
		fetches := consumer.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatal(seen)
		}
		fetches.EachRecord(func(r *kgo.Record) { seen += string(r.Value) + "\n" })
	}
	for _, gateway := range both {
		seen += gateway.Log()
	}
	for _, secret := range []string{key, rotated, mine, ticket} {
		if strings.Contains(seen, secret) {
			t.Errorf("%.12s… is in Kafka or in a log", secret)
		}
	}
	if !strings.Contains(seen, `"hash":"sha256:`) {
		t.Error("nothing is kept as a hash")
	}
}
