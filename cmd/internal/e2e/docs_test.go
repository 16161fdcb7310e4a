package e2e

import (
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// The page that says how to use the gateway, in a real browser. It says what holds for
// this gateway and this caller. axe finds nothing serious, and nothing breaks the content
// security policy.
func TestDocs(t *testing.T) {
	need(t, "chromium", "chromium")
	g, _ := consoleGateway(t, "auth: none\n"+consoleStreams, consoleTopics)
	c := openConsole(startChromium(t), t, g.URL()+"/docs")
	c.until(`document.querySelector("#yours").textContent.includes("You may read no stream yet")`)
	if shown := ask[string](&c.page, `[...document.querySelectorAll("[data-kind]")].filter(e => !e.hidden).map(e => e.dataset.kind).join()`); shown != "none" {
		t.Errorf("it shows how to get in by %s", shown)
	}
	if text := c.text("[aria-labelledby=look]"); !strings.Contains(text, "curl -N '"+g.URL()+"/events?user=alice'") {
		t.Errorf("the example for curl: %s", text)
	}
	c.copies("#curl + .example", "curl -N '"+g.URL()+"/events?user=alice'")
	if coloured := ask[string](&c.page, `[...CSS.highlights].filter(([, h]) => h.size > 0).map(([name, h]) => name + " " + [...h].every(r => String(r).length > 1)).join()`); coloured != "comment true,string true,keyword true" {
		t.Errorf("the code is coloured: %s", coloured)
	}
	c.axe("docs")
	c.shoot("docs")
	c.do(chromedp.Navigate(ask[string](&c.page, `document.querySelector("#yours a").href`)))
	c.until(`document.querySelector("#yours").textContent === "You are alice, and may read: news, orders."`)
	const want = `[{"name":"news","audience":"everyone","subject":false,"state":false},{"name":"orders","audience":"user","subject":true,"state":true}]`
	if got := ask[string](&c.page, `fetch("../.well-known/sluice?user=alice").then(r => r.json()).then(d => JSON.stringify(d.streams))`); got != want {
		t.Errorf("programs are told of %s, want %s", got, want)
	}
}

// copies presses the button of an example, and looks at what would be pasted.
func (c *console) copies(example, want string) {
	c.t.Helper()
	ask[bool](&c.page, `(navigator.clipboard.writeText = async text => { window.copied = text }, true)`)
	c.do(chromedp.Click(example + " .copy"))
	c.until(fmt.Sprintf(`document.querySelector(%q).textContent === "Copied"`, example+" .copy"))
	if got := ask[string](&c.page, `window.copied`); got != want {
		c.t.Errorf("it copies %q, want %q", got, want)
	}
}

// With a login it shows the ways that this gateway takes, and no others.
func TestDocsOfALogin(t *testing.T) {
	need(t, "chromium", "chromium")
	g, _ := consoleGateway(t, jwtAuth(t)+consoleStreams, consoleTopics)
	c := openConsole(startChromium(t), t, g.URL()+"/docs/")
	c.until(`document.querySelector("[data-credential]").textContent.startsWith("-H")`)
	c.axe("docs-login")
	c.shoot("docs-login")
	if shown := ask[string](&c.page, `[...document.querySelectorAll("[data-kind], [data-route]")].filter(e => !e.hidden).map(e => e.dataset.kind).join()`); shown != "jwt" {
		t.Errorf("it shows how to get in by %s", shown)
	}
	if text := c.text("[aria-labelledby=look]"); strings.Contains(text, "new EventSource") || strings.Count(text, `headers: () => ({ Authorization: "Bearer " + token })`) != 2 {
		t.Errorf("the examples, where only a header is taken: %s", text)
	}
}

// The API's description in its viewer: it draws without a word from the browser, asks the
// gateway, and shows the begin of a stream that doesn't end.
func TestAPIToTry(t *testing.T) {
	need(t, "chromium", "chromium")
	g, producer := consoleGateway(t, "auth: none\n"+consoleStreams, consoleTopics)
	placed(t, producer, 0, "alice", "o-1")
	c := openConsole(startChromium(t), t, g.URL()+"/docs/api.html")
	c.until(`document.querySelectorAll("#viewer .opblock").length > 4`)
	if shown := c.text("#viewer .block"); strings.Contains(shown, "HEAD") || strings.Contains(shown, "Pages") || strings.Contains(shown, "/console") {
		t.Errorf("it shows more than a program asks: %s", shown)
	}
	c.axe("api")

	// The viewer never answers to a button that is pressed while it still resolves what it
	// has just opened: it is left alone for a second.
	execute := func(id, want string) {
		t.Helper()
		c.do(chromedp.Click("[id$=-" + id + "] .opblock-summary-control"))
		c.until(fmt.Sprintf(`(() => {
			const block = document.querySelector("[id$=-%s]"), button = block.querySelector(".execute");
			if (button) button.seen ??= Date.now();
			if (button && !button.pressed && Date.now() - button.seen > 1000) {
				button.pressed = true;
				button.click();
			}
			return block.querySelector(".live-responses-table .microlight")?.textContent.includes(%q);
		})()`, id, want))
	}
	c.shoot("api")
	// The first try works, without a word about who asks.
	execute("state", "o-1")
	if status := c.text("[id$=-state] .live-responses-table tbody .response-col_status"); !strings.HasPrefix(status, "200") {
		t.Errorf("GET /state answers %s", status)
	}
	if shown := c.text("[id$=-state] .responses-inner"); strings.Contains(shown, `"string"`) || !strings.Contains(shown, "order.confirmed") {
		t.Errorf("the answers to GET /state are shown as %s", shown)
	}
	if font := ask[string](&c.page, `getComputedStyle(document.querySelector("#viewer .opblock-summary-description")).fontFamily`); font != ask[string](&c.page, `getComputedStyle(document.body).fontFamily`) {
		t.Errorf("the viewer's font is %s", font)
	}
	c.contrast("api-state")
	c.shoot("api-state")
	execute("events", "sluice.hello")

	// The admin address is about itself, and asks itself.
	c.do(chromedp.Navigate(g.AdminURL() + "/docs/"))
	c.until(`document.querySelectorAll("#viewer .opblock").length > 4`)
	execute("readyz", "order-topic")
}

// TestGoExampleBuilds: what the page tells Go programmers to write.
func TestGoExampleBuilds(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "..", "web", "docs", "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?s)<code id="go">(.*?)</code>`).FindSubmatch(page)
	if found == nil {
		t.Fatal("there is none")
	}
	text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(string(found[1]), ""))
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
