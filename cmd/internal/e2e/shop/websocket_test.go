package shop

import (
	"testing"

	"sluice/broker/kafkatest"
)

// The page on react-use-websocket shows each order once, over HTTP/1.1 and TLS. It comes
// back by itself after the gateway was killed, with what it missed. Its heartbeat is
// answered, and it is loaded once.
func TestAPageOnReactUseWebSocket(t *testing.T) {
	need(t)
	buildShop(t)
	t.Parallel()
	s := newSite(t, kafkatest.Shared(t), "websocket").openBeating("9s", nil) // as by default: rarer than the page's pings
	b := startBrowser(t)
	var pages []*tab
	for _, url := range []string{s.nginx.plain, s.nginx.tls} {
		p := b.follow(s, url, "/websocket", "alice")
		p.forgive("WebSocket connection to") // the gateway is killed
		pages = append(pages, p)
	}
	s.backend.place("alice", 3)
	for _, p := range pages {
		p.exact(s.truth.confirmed(t, "alice"))
	}
	s.gateway.Kill()
	s.backend.place("alice", 2)
	s.gateway.Start()
	s.awaitGateway()
	s.backend.place("alice", 2)
	orders := s.truth.confirmed(t, "alice")
	for _, p := range pages {
		p.exact(orders)
		p.awaitConnection("live")
		if n := p.loads(); n != 1 {
			t.Errorf("%s was loaded %d times", p.name, n)
		}
		if n := p.streamsTo(s.nginx.plain) + p.streamsTo(s.nginx.tls); n > 0 {
			t.Errorf("%s asked for %d event streams", p.name, n)
		}
		p.awaitPong()
	}
}
