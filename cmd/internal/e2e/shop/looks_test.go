package shop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"sluice/broker/kafkatest"
)

// Every page of the shop, light and dark, on a desk and on a phone. There is a picture of
// each. axe finds no serious fault, nothing is wider than the screen, the console is
// empty, and nothing breaks the content security policy.
func TestLooks(t *testing.T) {
	need(t)
	buildShop(t)
	t.Parallel()
	s := open(t, kafkatest.Shared(t), "looks", nil)
	dir := screenshots(t)
	b := startBrowser(t)
	guest := b.visitor(t).tab("a guest")
	guestOrder := guest.order(s.nginx.plain + "/guest")
	customers := map[string]*tab{"": guest}
	for _, user := range []string{"alice", "sam"} {
		customers[user] = b.visitor(t).logIn(s.nginx.plain, user)
	}
	order := customers["alice"].order(s.nginx.plain)
	s.backend.place("bob", 3)
	s.backend.place("alice", 4)
	s.truth.confirmed(t, "alice")
	s.truth.confirmed(t, "bob")

	for _, at := range []struct{ user, name, path, ready string }{
		{"", "products", "/", `true`},
		{"", "login", "/login", `true`},
		{"", "login-failed", "/login?failed=1", `true`},
		{"", "guest", "/guest", `true`},
		{"", "guest-order", "/guest/" + guestOrder, find("status") + `?.textContent === "confirmed"`},
		{"", "not-found", "/no-such-page", `true`},
		{"alice", "products-alice", "/", `true`},
		{"alice", "products-failed", "/?failed=1", `true`},
		{"alice", "order", "/orders/" + order + "?stay=1", find("status") + `?.textContent === "confirmed"`},
		{"alice", "orders", "/orders?confirmed=" + order, find("connection") + `?.textContent === "live"`},
		{"alice", "plain", "/plain", find("connection") + `?.textContent === "live"`},
		{"alice", "websocket", "/websocket", find("connection") + `?.textContent === "live"`},
		{"alice", "rewrites", "/rewrites", `true`},
		{"alice", "logout", "/logout", `true`},
		{"alice", "staff-forbidden", "/staff", `true`},
		{"sam", "staff", "/staff", find("connection") + `?.textContent === "live"`},
	} {
		p := customers[at.user]
		p.forgive("status of 403") // of pages that are asked for and not to be had
		p.forgive("status of 404 (Not Found) " + s.nginx.plain + "/no-such-page")
		p.open(s.nginx.plain + at.path)
		p.await(at.ready)
		p.checkLooks(at.name, dir)
	}
	for _, p := range customers {
		p.mu.Lock()
		for document, policy := range p.policies {
			if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "nonce-") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s comes with the policy %q", document, policy)
			}
		}
		p.mu.Unlock()
	}
	t.Logf("the pictures are in %s", dir)
}

// checkLooks takes a picture of the page that is open, light and dark, on a desk and on a
// phone. axe finds no serious fault, and nothing is wider than the screen.
func (p *tab) checkLooks(name, dir string) {
	p.t.Helper()
	axe, err := os.ReadFile(filepath.Join(shopDir, "node_modules/axe-core/axe.min.js"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, look := range []struct {
		name, scheme string
		width        int64
	}{
		{"light", "light", 1280},
		{"dark", "dark", 1280},
		{"phone", "light", 375},
		{"phone-dark", "dark", 375},
	} {
		p.look(look.scheme, look.width)
		// What moves only for a moment has come to rest.
		p.await(`document.readyState === "complete" && document.getAnimations().every(a => a.playState !== "running" || a.effect.getTiming().iterations === Infinity)`)
		name := name + "-" + look.name
		p.screenshot(filepath.Join(dir, name+".png"))
		if full || look.name == "light" || look.name == "phone-dark" {
			for _, fault := range p.axe(string(axe)) {
				p.t.Errorf("%s: %s", name, fault)
			}
		}
		if wide := ask[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
			p.t.Errorf("%s is %d pixels wider than the screen", name, wide)
		}
	}
}

// screenshots is the directory that the pictures go to.
func screenshots(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SLUICE_TEST_SCREENSHOTS")
	if dir == "" {
		return t.ArtifactDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// look makes the screen as wide and the user as fond of the dark.
func (p *tab) look(scheme string, width int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, 812))
	tell(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}

func (p *tab) screenshot(file string) {
	p.t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(file, png, 0o644)
	}
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// axe returns what axe finds serious or worse on the page that is open.
func (p *tab) axe(script string) (faults []string) {
	p.t.Helper()
	ask[bool](p, script+"\n;true")
	found := ask[string](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations
		.filter(v => v.impact === "serious" || v.impact === "critical")
		.map(v => v.impact + ": " + v.help + ": " + v.nodes.map(n => n.html.slice(0, 200) + " " + n.failureSummary).join("; "))))`)
	if err := json.Unmarshal([]byte(found), &faults); err != nil {
		p.t.Fatal(err)
	}
	return faults
}
