package shop

import (
	"fmt"
	"testing"
	"time"

	"sluice/broker/kafkatest"
)

// Eight tabs of one user have one connection, over HTTP/1.1 too, of which a browser
// allows six. Closing the tab that holds it, again and again until one is left, loses
// nothing and doubles nothing.
func TestEightTabsHaveOneConnection(t *testing.T) {
	need(t)
	buildShop(t)
	t.Parallel()
	s := open(t, kafkatest.Shared(t), "tabs", nil)
	v := startBrowser(t).visitor(t)
	v.logIn(s.nginx.plain, "alice").close()
	stop := s.backend.business("alice", 250*time.Millisecond)
	tabs := v.eight(s.nginx.plain + "/orders")
	stop()
	exact := func() {
		orders := s.truth.confirmed(t, "alice")
		for _, p := range tabs {
			p.exact(orders)
		}
	}
	exact()
	s.haveOpened(1, 1)
	for closed := 1; len(tabs) > 1; closed++ {
		leader := -1
		await(t, func() string {
			for i, p := range tabs {
				if p.streaming() {
					leader = i
					return ""
				}
			}
			return "no tab has a stream"
		})
		stop := s.backend.business("alice", 50*time.Millisecond)
		tabs[leader].close()
		tabs = append(tabs[:leader], tabs[leader+1:]...)
		s.haveOpened(1, 1+float64(closed))
		stop()
		exact()
	}
	orders := s.truth.confirmed(t, "alice")
	t.Logf("8 tabs, 7 of which were closed while they led: the last has all %d events of %d orders, and 8 connections were opened in all", events(orders), len(orders))
}

// Eight tabs with a plain EventSource have eight streams. Over HTTP/2 that is no matter.
func TestEightPlainTabs(t *testing.T) {
	need(t)
	buildShop(t)
	t.Parallel()
	s := open(t, kafkatest.Shared(t), "plain-tabs", nil)
	b := startBrowser(t)
	v := b.visitor(t)
	v.logIn(s.nginx.tls, "alice").close()
	stop := s.backend.business("alice", 250*time.Millisecond)
	tabs := v.eight(s.nginx.tls + "/plain")
	stop()
	orders := s.truth.confirmed(t, "alice")
	for _, p := range tabs {
		p.exact(orders)
	}
	s.haveOpened(8, 8)
	for _, p := range tabs {
		p.close()
	}
	s.awaitMetric("sluice_connections", func(n float64) bool { return n == 0 })

	// Over HTTP/1.1 six of them have a connection. The others wait, without an error, until
	// one is closed.
	v = b.visitor(t)
	p := v.logIn(s.nginx.plain, "alice")
	ask[bool](p, `window.sources = Array.from({length: 8}, () => new EventSource("/events")), true`)
	open := `sources.filter(s => s.readyState === EventSource.OPEN).length`
	p.await(open + ` === 6`)
	s.haveOpened(6, 14)
	if waiting := ask[int](p, `sources.filter(s => s.readyState === EventSource.CONNECTING).length`); waiting != 2 {
		t.Errorf("%d of 8 EventSources wait for a connection, want 2", waiting)
	}
	ask[bool](p, `sources.find(s => s.readyState === EventSource.OPEN).close(), true`)
	p.await(open + ` === 6`) // besides the one that is closed
	s.haveOpened(6, 15)
}

// eight opens eight tabs of a page, and waits until each is live.
func (v *visitor) eight(url string) (tabs []*tab) {
	for i := range 8 {
		p := v.tab(fmt.Sprintf("tab %d", i+1))
		p.open(url)
		p.awaitConnection("live")
		tabs = append(tabs, p)
	}
	return tabs
}

// haveOpened waits until so many streams are open at the gateway, of so many that have
// been opened in all.
func (s *site) haveOpened(now, inAll float64) {
	s.t.Helper()
	s.awaitMetric("sluice_streams_opened_total", func(n float64) bool { return n >= inAll })
	s.awaitMetric("sluice_connections", func(n float64) bool { return n == now })
	if n := s.metric("sluice_streams_opened_total"); n != inAll {
		s.t.Fatalf("%v streams have been opened at the gateway, want %v", n, inAll)
	}
}
