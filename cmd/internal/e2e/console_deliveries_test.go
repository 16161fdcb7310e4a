package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// The console shows how a delivery is: what waits while the target is down, and what it
// refuses. It pauses a delivery and has it go on, and both are audit lines of the log.
func TestConsoleShowsAndPausesDeliveries(t *testing.T) {
	need(t, "chromium", "chromium")
	var answer atomic.Int32
	answer.Store(http.StatusNoContent)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(answer.Load())) }))
	t.Cleanup(target.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("whsec_"+webhookSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	g, producer := consoleGateway(t, "auth: none\n"+consoleStreams+fmt.Sprintf(`
deliveries:
  order-mail:
    stream: orders
    from: earliest
    http: {url: %q, secret_file: %q, allow_private: true}
    retry: {min: 100ms, max: 200ms, attempts: 1000}
    dead_letter: order-topic.dead
`, target.URL+"/mail?key=hush", secret), map[string]int32{"order-topic": 3, "news": 1, "order-topic.dead": 1})
	fact := func(name, want string) string {
		return fmt.Sprintf(`document.querySelector("[data-delivery=order-mail] [data-fact=%s]")?.innerText === %q`, name, want)
	}
	pill := func(want string) string {
		return fmt.Sprintf(`document.querySelector("[data-delivery=order-mail] .pill").innerText === %q`, want)
	}
	button := "[data-delivery=order-mail] button"

	placed(t, producer, 0, "alice", "o-1")
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/#deliveries")
	c.until(fact("delivered", "1") + " && " + pill("running"))
	c.until(fact("partitions", "3") + ` && document.querySelector("[data-delivery=order-mail] [data-figure=lag]").innerText === "0"`)
	if text := c.text("main"); !strings.Contains(text, "topic order-topic to "+target.URL+"/mail · group sluice-order-mail") || strings.Contains(text, "hush") {
		t.Errorf("the page says %s", text)
	}

	answer.Store(http.StatusUnprocessableEntity)
	placed(t, producer, 1, hostile, "o-2")
	c.until(fact("dead_letters", "1"))

	c.do(chromedp.Click(button))
	c.until(pill("paused") + ` && document.querySelector("#delivery-said").innerText.startsWith("This gateway sends nothing of order-mail")`)
	placed(t, producer, 2, "bob", "o-3")
	c.until(`document.querySelector("[data-delivery=order-mail] [data-fact=held]").innerText.startsWith("1")`)
	c.until(fact("delivered", "1") + ` && document.querySelector("[data-delivery=order-mail] .held").innerText.endsWith(": an operator paused it")`)
	c.accessible("delivery-paused")
	c.shoot("delivery-paused")

	answer.Store(http.StatusServiceUnavailable)
	c.do(chromedp.Click(button))
	c.until(pill("the target is down") + " && " + fact("circuit", "open"))
	c.do(chromedp.Click("[data-delivery=order-mail] summary"))
	c.until(`document.querySelector("[data-counts=dead_letters] [data-count=status_422]").innerText === "1" && Number(document.querySelector("[data-counts=failed_attempts] [data-count=status_503]").innerText) >= 10`)
	c.accessible("delivery-down")
	c.shoot("delivery-down")

	answer.Store(http.StatusNoContent)
	c.until(fact("delivered", "2") + " && " + pill("running") + " && " + fact("circuit", "closed"))
	c.clean()
	for _, line := range []string{"an operator paused a delivery", "an operator resumed a delivery"} {
		if !strings.Contains(g.Log(), line) {
			t.Errorf("the log lacks %q", line)
		}
	}
}
