package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/twmb/franz-go/pkg/kgo"
)

const consoleStreams = `
streams:
  orders: {topic: order-topic, user: key, subject: value:orderId, event: value:type}
  news: {topic: news, audience: everyone}
`

var consoleTopics = map[string]int32{"order-topic": 3, "news": 1}

// placed writes an order of a user, about an order id, to a partition.
func placed(t *testing.T, producer *kgo.Client, partition int32, user, order string) int64 {
	t.Helper()
	record := &kgo.Record{Topic: "order-topic", Partition: partition, Key: []byte(user), Value: fmt.Appendf(nil, `{"orderId":%q,"type":"order.placed","note":%q}`, order, hostile)}
	if err := producer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return record.Offset
}

// The console with few streams: what anybody wrote stays text, the keyboard is enough, a
// stream is tried as a user, and axe finds nothing serious.
func TestConsole(t *testing.T) {
	need(t, "chromium", "chromium")
	g, producer := consoleGateway(t, "auth: none\n"+consoleStreams, consoleTopics)
	for i, user := range []string{hostile, "alice", "bob"} {
		placed(t, producer, int32(i), user, hostile)
	}
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console")
	c.until(`document.querySelector("[data-stream=orders] [data-fact='Events']")?.textContent === "3"`)
	c.accessible("streams")
	c.shoot("streams")

	c.do(chromedp.KeyEvent(kb.Tab))
	if at := ask[string](&c.page, `document.activeElement.textContent`); at != "To the content" {
		t.Errorf("by keyboard the first stop is %q", at)
	}
	c.do(chromedp.Focus(`nav a[href="#try"]`), chromedp.KeyEvent(kb.Enter))
	c.until(`document.querySelector("nav [aria-current]").hash === "#try"`)
	c.empty("connections", "Nobody is connected to this gateway. Try a stream")
	c.empty("why", "Ask about one record")
	c.empty("try", "No stream is open.")

	for _, user := range []string{hostile, "alice", "bob"} {
		c.fill("#try form", "way", "user", "identity", user)
	}
	c.until(`document.querySelectorAll(".trial").length === 3 && [...document.querySelectorAll(".trial .pill")].every(e => e.textContent === "live")`)
	c.until(`[...document.querySelectorAll(".trial")].every(e => e.querySelectorAll(".event:not(.ours)").length === 1)`)
	c.until(`document.querySelector("#figure-connections").textContent === "3"`)
	if data := c.text(".trial .event:not(.ours) code"); data != fmt.Sprintf(`{"orderId":%q,"type":"order.placed","note":%q}`, hostile, hostile) {
		t.Errorf("the payload reads %s", data)
	}
	c.accessible("try")
	c.shoot("try")
	c.each(func(l look) { // JSON breaks between its parts
		broken := ask[string](&c.page, `[...document.querySelectorAll(".trial .event.ours code, .trial .place code")].flatMap(e => [...e.childNodes]).filter(piece => {
			const range = document.createRange();
			range.selectNodeContents(piece);
			return piece.nodeType === Node.TEXT_NODE && range.getClientRects().length > 1;
		}).map(piece => piece.data).join("\n")`)
		if broken != "" {
			t.Errorf("%s: broken within\n%s", l.name, broken)
		}
	})

	c.do(chromedp.Click(`nav a[href="#connections"]`))
	c.until(`[...document.querySelectorAll("#subscribers .user")].map(e => e.textContent).sort().join() === ` + fmt.Sprintf("%q", hostile+",alice,bob"))
	if found := c.text("#found"); found != "3 connections" {
		t.Errorf("the list says %s", found)
	}
	if protocols := ask[string](&c.page, `[...document.querySelectorAll("#subscribers [data-label=Protocol]")].map(e => e.textContent).join()`); protocols != "SSE,SSE,SSE" {
		t.Errorf("the connections are %s", protocols)
	}
	c.until(`[...document.querySelectorAll("#subscribers [data-label=Position]")].every(e => /^news@[^~]+~orders@[\w]+:[\d.-]+$/.test(e.innerText))`)
	c.accessible("connections")
	c.shoot("connections")
	c.do(chromedp.Click(`nav a[href="#try"]`))

	// Stopped and opened again, it goes on where it was.
	c.do(chromedp.Click(".trial .buttons button"))
	c.until(`document.querySelector(".trial .pill").textContent === "stopped"`)
	placed(t, producer, 0, hostile, "o-2")
	c.do(chromedp.Click(".trial .buttons button"))
	c.until(`document.querySelector(".trial .place dd").textContent === "2"`)
	c.clean()
}

// With admin_auth the page asks for the token, and takes no for an answer only once it is
// right. The token is nowhere but in this tab's session.
func TestConsoleAsksForTheToken(t *testing.T) {
	need(t, "chromium", "chromium")
	g, _ := consoleGateway(t, jwtAuth(t)+"admin_auth: {token: open-sesame-0123456789}\n"+consoleStreams, consoleTopics)
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/")
	c.until(`document.querySelector("#token-dialog").open`)
	c.accessible("token")
	for _, token := range []string{"sesame", "open-sesame-0123456789"} {
		c.do(chromedp.Focus("#token"), chromedp.SendKeys("#token", token), chromedp.KeyEvent(kb.Enter))
		if token == "sesame" {
			c.until(`document.querySelector("#token-dialog").open && !document.querySelector("#token-wrong").hidden`)
			c.shoot("token")
		}
	}
	c.until(`document.querySelector("#try form").elements.way.value === "token"`) // what this gateway's streams take, which is another
	c.until(`!document.querySelector("#token-dialog").open && document.querySelector("#kafka").textContent === "Kafka answers"`)
	if refused := ask[int](&c.page, `performance.getEntriesByType("resource").filter(e => e.name.endsWith("/live") && e.responseStatus === 401).length`); refused != 2 {
		t.Errorf("it asked %d times without the token: while the page waits for one it is to ask nothing", refused)
	}
	if kept := ask[string](&c.page, `document.cookie + JSON.stringify(localStorage) + location.href`); kept != "{}"+g.AdminURL()+"/console/" {
		t.Errorf("the page keeps %s", kept)
	}
}

// The gateway goes and comes again under an open console. The console says so, and goes
// on by itself. So does the stream that is tried there.
func TestConsoleOverARestart(t *testing.T) {
	need(t, "chromium", "chromium")
	g, producer := consoleGateway(t, "auth: none\n"+consoleStreams, consoleTopics)
	placed(t, producer, 0, "alice", "o-1")
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/#try?user=alice")
	c.until(`document.querySelector(".trial .place dd")?.textContent === "1"`)
	g.Kill()
	c.until(`document.querySelector("#kafka").textContent === "no answer" && !document.querySelector("#fault").hidden`)
	c.until(`document.querySelector(".trial .pill").textContent.startsWith("reconnecting")`)
	c.shoot("away")
	placed(t, producer, 0, "alice", "o-2")
	g.Start()
	c.until(`document.querySelector("#kafka").textContent === "Kafka answers" && document.querySelector("#fault").hidden`)
	c.until(`document.querySelector(".trial .place dd").textContent === "2" && document.querySelector(".trial .pill").textContent === "live"`)
}

// jwtAuth is a configuration that takes tokens signed with jwtSecret.
func jwtAuth(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jwt.key")
	if err := os.WriteFile(file, []byte(jwtSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("auth: {jwt: {secret_file: %q}}\n", file)
}

const jwtSecret = "a secret of more than 32 characters"

// empty looks at a view that has nothing to show yet. It says what to do.
func (c *console) empty(view, says string) {
	c.t.Helper()
	c.do(chromedp.Click(`nav a[href="#` + view + `"]`))
	c.until(fmt.Sprintf(`document.querySelector("section[data-view=%s]").innerText.includes(%q)`, view, says))
	c.accessible(view + "-empty")
	c.shoot(view + "-empty")
}

// accessible looks at the console's tables, and at all that is shown with axe, in every
// look.
func (c *console) accessible(view string) {
	c.t.Helper()
	c.each(func(l look) { c.tabular(view, l.name) })
	c.axe(view)
}

// axe runs axe on what is shown, in every look. What it calls serious or critical is a
// fault, and so is what doesn't fit.
func (c *console) axe(view string) {
	c.t.Helper()
	c.axeWith(view, "{}", 10)
}

// contrast runs axe's rule on colours only: for what others wrote, whose elements are
// theirs.
func (c *console) contrast(view string) {
	c.t.Helper()
	c.axeWith(view, `{runOnly: ["color-contrast"]}`, 1)
}

// axeWith runs axe with these options, and at least so many of its rules have to pass.
func (c *console) axeWith(view, options string, least int) {
	c.t.Helper()
	file := filepath.Join("..", "..", "..", "web", "client", "node_modules", "axe-core", "axe.min.js")
	script, err := os.ReadFile(file)
	if err != nil {
		if os.Getenv("SLUICE_TEST_ALL") == "1" {
			c.t.Fatalf("needs axe-core: npm ci in web/client: %v", err)
		}
		c.t.Logf("axe is not there (npm ci in web/client): %s isn't checked", view)
		return
	}
	if _, err := chromedp.Run(c.tab, chromedp.Evaluate[any](string(script))); err != nil {
		c.t.Fatal(err)
	}
	c.each(func(l look) {
		c.fits(view, l)
		found := ask[string](&c.page, fmt.Sprintf(`axe.run(%s).then(r => r.passes.length < %d ? "it looked at nothing" : r.violations.filter(v => ["serious", "critical"].includes(v.impact))
			.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")).join("\n"))`, options, least))
		if found != "" {
			c.t.Errorf("axe, %s, %s:\n%s", view, l.name, found)
		}
	})
}

// tabular fails the test where a part of a table doesn't say its role, or a row has not
// as many cells as there are columns. Laid out as cards, to some screen readers it is a
// table only by these.
func (c *console) tabular(view, look string) {
	c.t.Helper()
	wrong := ask[string](&c.page, `[...document.querySelectorAll("table")].flatMap(table => {
		const roles = {TABLE: "table", CAPTION: "caption", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TH: "columnheader rowheader", TD: "cell"};
		const unsaid = [table, ...table.querySelectorAll("*")].filter(e => e.tagName in roles && !roles[e.tagName].split(" ").includes(e.role));
		const short = [...table.rows].filter(row => row.checkVisibility() && [...row.cells].filter(cell => cell.checkVisibility()).length !== table.tHead.rows[0].cells.length);
		return [...unsaid, ...short].map(e => e.outerHTML);
	}).join("\n")`)
	if wrong != "" {
		c.t.Errorf("%s, %s: not told to be a table:\n%s", view, look, wrong)
	}
}
