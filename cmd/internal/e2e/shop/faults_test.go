package shop

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"

	"sluice/broker/kafkatest"
)

// One part after the other fails while orders are placed and confirmed all the time. Some
// pages use a plain EventSource and some the client, over HTTP/1.1 and over HTTP/2 with
// TLS. They live through all of it without being loaded again, and end with exactly the
// right list each time.
func TestEveryPartMayFail(t *testing.T) {
	need(t)
	buildShop(t)
	t.Parallel()
	w := &world{site: open(t, kafkatest.Start(t), "faults", nil), browser: startBrowser(t)}
	w.backend.place("alice", 3)
	for _, url := range []string{w.nginx.plain, w.nginx.tls} {
		cable, url := newCable(t, url)
		w.cables = append(w.cables, cable)
		for _, path := range []string{"/plain", "/orders"} {
			w.pages = append(w.pages, w.browser.follow(w.site, url, path, "alice"))
		}
	}
	for _, fault := range []struct {
		name    string
		strikes func(*world)
	}{
		{"nothing", func(w *world) { w.awaitMore(10) }},
		{"gateway killed and restarted", (*world).killGateway},
		{"nginx reloaded", (*world).reloadNginx},
		{"offline and online", (*world).offline},
		{"laptop asleep", (*world).sleep},
		{"laptop asleep, and its connections are gone", (*world).sleepLong},
		{"Kafka killed and restarted", (*world).killKafka},
	} {
		began := time.Now()
		stop := w.backend.business("alice", 200*time.Millisecond)
		fault.strikes(w)
		w.awaitMore(5)
		stop()
		orders := w.truth.confirmed(t, "alice")
		var live []int
		for _, p := range w.pages {
			live = append(live, p.exact(orders).Applied)
		}
		t.Logf("%-46s %d orders with %d events by now; came live to each page: %v; %v", fault.name, len(orders), events(orders), live,
			time.Since(began).Round(100*time.Millisecond))
	}
	for _, p := range w.pages {
		if n := p.loads(); n != 1 {
			t.Errorf("%s was loaded %d times", p.name, n)
		}
	}
}

// world is a site and the pages that are open there.
type world struct {
	*site
	browser *browser
	cables  []*cable // between the pages and nginx
	pages   []*tab
}

// awaitMore waits until so many more orders are placed.
func (s *site) awaitMore(orders int64) {
	s.t.Helper()
	enough := s.backend.placed.Load() + orders
	await(s.t, func() string {
		if n := s.backend.placed.Load(); n < enough {
			return fmt.Sprintf("%d orders of %d", n, enough)
		}
		return ""
	})
}

func (s *site) killGateway() {
	s.awaitMore(5)
	s.gateway.Kill()
	s.awaitMore(10)
	s.gateway.Start()
	s.awaitGateway()
}

// reloadNginx: the workers that go away take the streams with them.
func (w *world) reloadNginx() {
	w.awaitMore(5)
	opened := w.metric("sluice_streams_opened_total")
	w.nginx.reload()
	w.awaitMetric("sluice_streams_opened_total", func(n float64) bool { return n >= opened+float64(len(w.pages)) })
}

// offline: the pages are told so, and what they have open is cut.
func (w *world) offline() {
	w.awaitMore(5)
	w.network(true)
	for _, c := range w.cables {
		c.cut()
	}
	w.awaitMetric("sluice_connections", func(n float64) bool { return n == 0 })
	w.awaitMore(10)
	for _, c := range w.cables {
		c.mend()
	}
	w.network(false)
}

func (w *world) network(offline bool) {
	w.t.Helper()
	for _, p := range w.pages {
		tell(p, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{
			MatchedNetworkConditions: []*network.Conditions{{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1}}})
		tell(p, network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: offline, DownloadThroughput: -1, UploadThroughput: -1})
	}
}

// sleep: the sockets stay, and what is sent meanwhile waits in them.
func (w *world) sleep() {
	w.awaitMore(5)
	w.browser.sleep()
	w.pass(time.Duration(size(60)) * time.Second)
	w.browser.wake()
}

// sleepLong: nobody is left at the other end of the sockets.
func (w *world) sleepLong() {
	w.awaitMore(5)
	w.browser.sleep()
	w.gateway.Kill()
	w.pass(time.Duration(size(60)) * time.Second)
	w.gateway.Start()
	w.awaitGateway()
	w.awaitMore(5)
	w.browser.wake()
}

func (w *world) killKafka() {
	w.awaitMore(5)
	w.kafka.Kill()
	w.awaitMore(10)
	w.kafka.Start()
}
