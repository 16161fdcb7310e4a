package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// On the public address the console shows what the caller may read and nothing of the
// gateway, and without an identity it says so.
func TestConsoleInPublic(t *testing.T) {
	need(t, "chromium", "chromium")
	for _, tt := range []struct{ name, auth, who, next, way, ways string }{
		{"anybody", "auth: none\n", "You have no identity", "This gateway is for trying out, and believes any name: be alice", "user", "user,cookie"},
		{"a login", jwtAuth(t), "You have no identity", "Paste a token of your login below.", "token", "token,cookie"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, producer := consoleGateway(t, tt.auth+consoleStreams, consoleTopics)
			c := openConsole(startChromium(t), t, g.URL()+"/console")
			c.until(fmt.Sprintf(`document.querySelector("#who").textContent.startsWith(%q)`, tt.who))
			if way := ask[string](&c.page, `document.querySelector("#try form").elements.way.value`); way != tt.way {
				t.Errorf("it asks for a %s, and not for a %s", way, tt.way)
			}
			if ways := ask[string](&c.page, `[...document.querySelector("#try form").elements.way.options].map(o => o.value).join()`); ways != tt.ways {
				t.Errorf("it offers %s, and the gateway takes %s", ways, tt.ways)
			}
			if next := c.text("#next"); !strings.HasPrefix(next, tt.next) {
				t.Errorf("it says what to do next by %q", next)
			}
			c.linksLead("public")
			c.fill("#try form", "identity", "alice")
			if tt.way == "user" {
				placed(t, producer, 0, "bob", "o-1")
				placed(t, producer, 0, "alice", hostile)
				c.until(`[...document.querySelectorAll(".trial .event:not(.ours) code")].length === 1`)
			} else {
				c.until(`document.querySelector(".trial .pill").textContent === "refused: 401"`)
				c.until(`document.querySelector(".trial .event code").textContent.startsWith("No identity") && document.querySelector(".trial .place dd").textContent === "0"`)
			}
			c.accessible("public")
			c.shoot("public-" + tt.way)
			c.clean()
		})
	}
}

// linksLead fails the test where a link of the page leads to nothing.
func (c *console) linksLead(view string) {
	c.t.Helper()
	lost := ask[string](&c.page, `Promise.all([...document.querySelectorAll("a[href]")].filter(a => a.checkVisibility() && a.origin === location.origin)
		.map(a => fetch(a.href).then(r => r.ok ? "" : a.href + ": " + r.status))).then(all => all.filter(Boolean).join())`)
	if lost != "" {
		c.t.Errorf("%s: links lead to %s", view, lost)
	}
}

// Somebody who comes without an identity is told how to get one, is shown the streams
// then, and opens one.
func TestConsoleInPublicLeadsOn(t *testing.T) {
	need(t, "chromium", "chromium")
	for _, tt := range []struct{ name, auth, next string }{
		{"a name", "auth: none\n", "believes any name"},
		{"a login", strings.Replace(jwtAuth(t), "jwt: {", `jwt: {from: [header, "cookie:session"], `, 1), "Sign in to your app in this browser"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, producer := consoleGateway(t, tt.auth+consoleStreams, consoleTopics)
			placed(t, producer, 0, "alice", hostile)
			c := openConsole(startChromium(t), t, g.URL()+"/console/")
			c.until(fmt.Sprintf(`document.querySelector("#next").innerText.includes(%q)`, tt.next))
			c.accessible("public-nobody")
			c.shoot("public-nobody")
			if tt.name == "a login" {
				ask[string](&c.page, fmt.Sprintf(`document.cookie = "session=%s; path=/"`, token("alice")))
			}
			c.do(chromedp.Navigate(ask[string](&c.page, `document.querySelector("#next a").href`)))
			c.until(`document.querySelector("#who").textContent === "You are alice. You may read:" && document.querySelector("#next").childElementCount === 0`)
			c.do(chromedp.Click(`#yours article:nth-child(2) button`))
			c.until(`document.querySelector(".trial .event:not(.ours) code") && document.querySelector(".trial .pill").textContent === "live"`)
			if narrowed := c.text(".trial .title"); !strings.Contains(narrowed, "stream orders") {
				t.Errorf("it opened %s", narrowed)
			}
			c.accessible("public-alice")
			c.shoot("public-alice")
			c.clean()
		})
	}
}
