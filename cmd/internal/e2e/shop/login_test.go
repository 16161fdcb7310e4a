package shop

import (
	"fmt"
	"testing"
	"time"

	"sluice/broker/kafkatest"
)

// sessionLifetime is how long a login lasts here, in seconds. sluice says ten seconds
// ahead that it ends, and a busy machine needs some to load a page in.
const sessionLifetime = 20

// clockTolerance is how many seconds Auth.js, and sluice with it, take a login that has
// ended.
const clockTolerance = 15

// A login that lasts a few seconds is renewed again and again by pages that are open,
// since sluice tells them ahead. When it has run out while the browser was asleep, they
// wait for another, which the user gets in another tab. Nothing is lost either way.
func TestLoginsEnd(t *testing.T) {
	need(t)
	buildShop(t)
	t.Parallel()
	s := open(t, kafkatest.Shared(t), "logins", func(*site) []string { return []string{fmt.Sprintf("SESSION_MAX_AGE=%d", sessionLifetime)} })
	b := startBrowser(t)
	stop := s.backend.business("alice", 200*time.Millisecond)
	type visit struct {
		*visitor
		page *tab
	}
	var visits []visit
	for _, path := range []string{"/plain", "/orders"} {
		v := b.visitor(t)
		v.logIn(s.nginx.tls, "alice").close()
		p := v.tab(path)
		p.open(s.nginx.tls + path)
		p.awaitConnection("live")
		visits = append(visits, visit{v, p})
	}
	exact := func(when string) {
		t.Helper()
		stop()
		orders := s.truth.confirmed(t, "alice")
		for _, v := range visits {
			v.page.exact(orders)
		}
		t.Logf("%s: %d orders with %d events; the plain page has asked for a stream %d times, the client's %d times",
			when, len(orders), events(orders), visits[0].page.streamsTo(s.nginx.tls), visits[1].page.streamsTo(s.nginx.tls))
	}
	for _, v := range visits {
		await(t, func() string {
			// The first login, the one that it was renewed to, and another.
			if n := v.page.streamsTo(s.nginx.tls); n < 3 {
				return fmt.Sprintf("%s has asked for a stream %d times", v.page.name, n)
			}
			return ""
		})
	}
	exact("renewed")
	if n := s.metric("sluice_auth_failures_total"); n != 0 {
		t.Errorf("logins were renewed, and %v requests were refused", n)
	}

	for _, v := range visits {
		v.page.forgive(s.nginx.tls + "/state?") // the client tries a poll where streams are refused again and again
	}
	stop = s.backend.business("alice", 200*time.Millisecond)
	b.sleep()
	s.awaitMetric("sluice_connections", func(n float64) bool { return n == 0 }) // the gateway has ended the streams
	// A renewal that the shop answered to a browser asleep waits there to be read, and
	// Chromium counts a cookie's life from when it reads it. So the last login that the shop
	// can have given has to run out for the shop and the gateway too.
	s.pass((sessionLifetime + clockTolerance) * time.Second)
	b.wake()
	visits[1].page.await(find("login-ended"))
	s.awaitMetric("sluice_auth_failures_total", func(n float64) bool { return n >= 2 })
	for _, v := range visits {
		v.logIn(s.nginx.tls, "alice").close()
	}
	for _, v := range visits {
		v.page.awaitConnection("live")
	}
	exact("expired")
	for _, v := range visits {
		if n := v.page.loads(); n != 1 {
			t.Errorf("%s was loaded %d times", v.page.name, n)
		}
	}
}
