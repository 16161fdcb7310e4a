package shop

import (
	"fmt"

	"github.com/chromedp/chromedp"
)

// logIn logs a user in at the site with this URL, by the form, and returns the tab in
// which that was done.
func (v *visitor) logIn(url, user string) *tab {
	v.t.Helper()
	p := v.tab(user + "'s login")
	p.logIn(url, user)
	return p
}

func (p *tab) logIn(url, user string) {
	p.t.Helper()
	p.open(url + "/login")
	p.do(
		chromedp.SendKeys(chromedp.CSS(`input[name=username]`), user),
		chromedp.SendKeys(chromedp.CSS(`input[name=password]`), "demo"),
		chromedp.Click(chromedp.CSS(`main button[type=submit]`)),
	)
	p.await(`location.pathname !== "/login" && document.readyState === "complete"`)
}

// follow opens a page that shows a user's orders, in a new browser. It waits until the
// page's stream is open.
func (b *browser) follow(s *site, url, path, user string) *tab {
	s.t.Helper()
	v := b.visitor(s.t)
	v.logIn(url, user).close()
	p := v.tab(fmt.Sprintf("%s%s of %s", url, path, user))
	p.open(url + path)
	p.awaitConnection("live")
	return p
}

// awaitConnection waits until the page says that its stream is in this state.
func (p *tab) awaitConnection(state string) {
	p.t.Helper()
	p.await(fmt.Sprintf(`%s?.textContent === %q`, find("connection"), state))
}

// awaitStreamTo waits until the tab has asked an origin for a stream.
func (p *tab) awaitStreamTo(origin string) {
	p.t.Helper()
	await(p.t, func() string {
		if p.streamsTo(origin) == 0 {
			return fmt.Sprintf("%s has asked %s for no stream", p.name, origin)
		}
		return ""
	})
}

// order orders the first product by clicking, and returns the order's id when its page is
// there.
func (p *tab) order(url string) (id string) {
	p.t.Helper()
	p.open(url)
	p.do(chromedp.Click(chromedp.CSS(`[data-testid=order]`)))
	p.await(`/^.(orders|guest).[a-z]-/.test(location.pathname) && ` + find("status"))
	return ask[string](p, `location.pathname.split("/").pop()`)
}
