package shop

import (
	"fmt"
	"testing"

	"sluice/broker/kafkatest"
)

// Somebody logs in, clicks, and sees the order confirmed, over HTTP/1.1 and over HTTP/2
// with TLS; so does a guest, and staff see all of it.
func TestAnOrderIsConfirmed(t *testing.T) {
	need(t)
	buildShop(t)
	t.Parallel()
	s := open(t, kafkatest.Shared(t), "clicks", nil)
	b := startBrowser(t)
	board := b.follow(s, s.nginx.tls, "/staff", "sam")
	for protocol, url := range map[string]string{"http/1.1": s.nginx.plain, "h2": s.nginx.tls} {
		v := b.visitor(t)
		v.logIn(url, "alice").close()
		p := v.tab("alice over " + protocol)
		id := p.order(url)
		if got := ask[string](p, `performance.getEntriesByType("navigation")[0].nextHopProtocol`); got != protocol {
			t.Errorf("the page came by %s, want %s", got, protocol)
		}
		p.await(fmt.Sprintf(`%s?.textContent === "confirmed" && %s`, find("status"), find("success")))
		// From there the shop goes on to the list.
		p.await(fmt.Sprintf(`location.pathname === "/orders" && location.search.includes(%q) && %s`, id, find("orders")))
		p.exact(s.truth.confirmed(t, "alice"))
		p.awaitStreamTo(url)

		guest := b.visitor(t).tab("a guest over " + protocol)
		id = guest.order(url + "/guest")
		guest.await(find("status") + `?.textContent === "confirmed"`)
		if orders := s.truth.confirmed(t, "guest:"+id); orders[id].events != 2 {
			t.Errorf("Kafka has %v of the guest's order %s", orders, id)
		}
	}
	board.exactIn("board", s.truth.all(t))

	curious := b.visitor(t)
	p := curious.logIn(s.nginx.plain, "alice")
	p.forgive("403")
	p.open(s.nginx.plain + "/staff")
	if text := ask[string](p, `document.body.innerText`); ask[bool](p, `!!`+find("board")) {
		t.Errorf("a customer is shown the board of all orders:\n%s", text)
	}
	if status := ask[int](p, `fetch("/events?stream=board", {headers: {accept: "text/event-stream"}}).then(r => r.status)`); status != 403 {
		t.Errorf("the gateway answers a customer who asks for the board %d, want 403", status)
	}
	s.rewrites(b)
}

// rewrites shows what the shop's page about Next's rewrites() says. Through them, a
// gateway that restarts ends a page's EventSource permanently.
func (s *site) rewrites(b *browser) {
	v := b.visitor(s.t)
	p := v.logIn(s.nginx.plain, "bob")
	p.open(s.nginx.plain + "/rewrites")
	is := func(way, state string, arrived int) string {
		return fmt.Sprintf(`%s?.dataset.state === %q && %[1]s.dataset.arrived >= %[3]d`, find(way), state, arrived)
	}
	p.await(is("direct", "open", 0) + " && " + is("rewritten", "open", 0))
	s.backend.place("bob", 1)
	p.await(is("direct", "open", 2) + " && " + is("rewritten", "open", 2))
	s.gateway.Kill()
	p.await(is("rewritten", "closed for good", 2))
	s.gateway.Start()
	s.awaitGateway()
	s.backend.place("bob", 1)
	p.await(is("direct", "open", 4) + " && " + is("rewritten", "closed for good", 2))
}

// A page of the shop follows a gateway of another origin, with CORS and with the shop's
// cookie.
func TestAnOrderIsConfirmedCrossOrigin(t *testing.T) {
	need(t)
	buildShop(t)
	t.Parallel()
	s := open(t, kafkatest.Shared(t), "cross-origin", func(s *site) []string { return []string{"SLUICE_PUBLIC_URL=" + s.nginx.other} })
	b := startBrowser(t)
	plain, list := b.follow(s, s.nginx.plain, "/plain", "alice"), b.follow(s, s.nginx.plain, "/orders", "alice")
	v := b.visitor(t)
	v.logIn(s.nginx.plain, "alice").close()
	p := v.tab("alice")
	p.order(s.nginx.plain)
	p.await(find("status") + `?.textContent === "confirmed"`)
	orders := s.truth.confirmed(t, "alice")
	for _, p := range []*tab{plain, list} {
		p.exact(orders)
	}
	for _, p := range []*tab{plain, list, p} {
		p.awaitStreamTo(s.nginx.other)
		if n := p.streamsTo(s.nginx.plain); n > 0 {
			t.Errorf("%s asked its own origin for events %d times", p.name, n)
		}
	}
}
