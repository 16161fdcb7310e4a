package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/proxy"
)

// socketPage is a page in a browser that opens WebSockets, with nothing that helps it.
type socketPage struct{ page }

// openSocketPage opens the page at this address.
func openSocketPage(browser context.Context, t *testing.T, address string) *socketPage {
	t.Helper()
	tab, stop := chromedp.NewContext(browser)
	t.Cleanup(stop)
	if err := chromedp.Do(tab, chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	p := &socketPage{page{t, tab}}
	ask[bool](&p.page, `(() => {
		window.sockets = [];
		window.dial = (url, ...protocols) => {
			const socket = new WebSocket(url, protocols);
			const mine = {socket, messages: [], pongs: 0};
			socket.onmessage = e => e.data === "pong" ? mine.pongs++ : mine.messages.push(JSON.parse(e.data));
			socket.onclose = e => { mine.closed = {code: e.code, reason: e.reason, messages: mine.messages}; };
			return sockets.push(mine) - 1;
		};
		return true;
	})()`)
	return p
}

// pageSocket is one WebSocket of a page.
type pageSocket struct {
	*socketPage
	name string // its JavaScript
}

// dial opens a WebSocket at a gateway's address, http://….
func (p *socketPage) dial(address string, protocols ...string) pageSocket {
	p.t.Helper()
	args := asJSON(p.t, append([]string{"ws" + strings.TrimPrefix(address, "http")}, protocols...)...)
	return p.socket(ask[int](&p.page, "dial(..."+args+")"))
}

// socket is the nth WebSocket of the page.
func (p *socketPage) socket(n int) pageSocket { return pageSocket{p, fmt.Sprintf("sockets[%d]", n)} }

// asJSON is an array of texts.
func asJSON(t *testing.T, texts ...string) string {
	t.Helper()
	b, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// await waits for a condition, in which s is the socket. It fails the test when the
// socket closes first.
func (s pageSocket) await(condition string) {
	s.t.Helper()
	closed := ask[string](&s.page, `new Promise(resolve => {
		const s = `+s.name+`;
		const look = () => {
			if (`+condition+`) resolve("");
			else if (s.closed) resolve(JSON.stringify(s.closed));
			else setTimeout(look, 20);
		};
		look();
	})`)
	if closed != "" {
		s.t.Fatalf("waiting for %s: %s", condition, closed)
	}
}

func (s pageSocket) awaitHello() {
	s.t.Helper()
	s.await(`s.messages.some(m => m.event === "sluice.hello")`)
}

// awaitFirst waits until the gateway has said something, or the socket has closed.
func (s pageSocket) awaitFirst() {
	s.t.Helper()
	s.await("s.messages.length || s.closed")
}

// isRefused reports whether the gateway has said that it can't serve the page.
func (s pageSocket) isRefused() bool {
	s.t.Helper()
	return ask[bool](&s.page, s.name+`.messages[0]?.event === "sluice.unavailable"`)
}

// send sends a value of JavaScript.
func (s pageSocket) send(value string) {
	s.t.Helper()
	ask[bool](&s.page, `(`+s.name+`.socket.send(`+value+`), true)`)
}

// socketEnd is what a page sees of a socket that has closed.
type socketEnd struct {
	Code     int
	Reason   string
	Messages []struct {
		ID, Event string
		Data      struct {
			OrderID string `json:"orderId"`
			Resume  string
			Reason  string
			RetryMS int `json:"retry_ms"`
		}
	}
}

// ended waits until the socket has closed.
func (s pageSocket) ended() (end socketEnd) {
	s.t.Helper()
	s.await("s.closed")
	if err := json.Unmarshal([]byte(ask[string](&s.page, "JSON.stringify("+s.name+".closed)")), &end); err != nil {
		s.t.Fatal(err)
	}
	return end
}

// orders are those of the messages.
func (e socketEnd) orders() (ids []string) {
	for _, m := range e.Messages {
		if m.Data.OrderID != "" {
			ids = append(ids, m.Data.OrderID)
		}
	}
	return ids
}

// pageServer serves an empty page, and nothing else. Its origin is not the gateway's.
func pageServer(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<!doctype html><title>shop</title>") }))
	t.Cleanup(s.Close)
	return s
}

// A page in Chromium follows a WebSocket: events come live, ping is answered, and after
// the gateway was killed the page goes on at its newest id. A page of another site is
// refused, and reads nothing.
func TestPageFollowsAWebSocket(t *testing.T) {
	need(t, "chromium", "chromium")
	need(t, "kcat", "kcat")
	kafka := kafkatest.Shared(t)
	kafka.CreateTopic(t, "socket-page", 1)
	ctx := bounded(t)
	shop, evil := pageServer(t), pageServer(t)
	g := readyGateway(ctx, t, fmt.Sprintf(`kafka: {brokers: [%q]}
auth: none
cors: {origins: [%q], credentials: true}
streams:
  orders: {topic: socket-page, user: key, event: value:type}
`, kafka.Plaintext(), shop.URL))
	write := func(order string) {
		t.Helper()
		kcat(ctx, t, kafka, "socket-page", fmt.Sprintf(`alice|{"type":"order.confirmed","orderId":%q}`, order))
	}
	browser := startChromium(t)
	page := openSocketPage(browser, t, shop.URL)

	first := page.dial(g.URL()+"/ws?user=alice", "sluice.v1")
	first.awaitHello()
	if protocol := ask[string](&page.page, first.name+".socket.protocol"); protocol != "sluice.v1" {
		t.Errorf("the subprotocol is %q", protocol)
	}
	write("o-1")
	first.await(`s.messages.some(m => m.data?.orderId === "o-1" && m.event === "order.confirmed" && m.stream === "orders")`)
	first.send(`"ping"`)
	first.await(`s.pongs === 1`)
	write("o-2")
	first.await(`s.messages.some(m => m.data?.orderId === "o-2")`)
	newest := ask[string](&page.page, first.name+`.messages.findLast(m => m.id).id`)
	g.Kill()
	first.await(`s.closed?.code === 1006`)
	write("o-3")
	g.Start()
	if err := g.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	again := page.dial(g.URL() + "/ws?user=alice&lastEventId=" + newest)
	write("o-4")
	again.await(`s.messages.some(m => m.data?.orderId === "o-4")`)

	stranger := openSocketPage(browser, t, evil.URL).dial(g.URL() + "/ws?user=alice")
	if end := stranger.ended(); end.Code != 1006 || len(end.Messages) > 0 {
		t.Errorf("a page of another site: %+v", end)
	}

	g.Terminate()
	end := again.ended()
	if end.Code != 1012 || end.Reason != "draining" {
		t.Errorf("a gateway that shuts down: %d %s", end.Code, end.Reason)
	}
	if got := end.orders(); !slices.Equal(got, []string{"o-3", "o-4"}) || end.Messages[0].Data.Resume != "resumed" {
		t.Errorf("it went on with %v", end.Messages)
	}
}

// A page that a gateway serves over HTTP/2 opens its WebSocket at the same address. The
// browser makes another connection for it, with HTTP/1.1.
func TestPageOpensAWebSocketBesideHTTP2(t *testing.T) {
	need(t, "chromium", "chromium")
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cert, key := proxy.NewSetup(t, "", "").Certificate(t)
	g := readyGateway(bounded(t), t, fmt.Sprintf(`kafka: {brokers: [%q]}
auth: none
tls_cert_file: %q
tls_key_file: %q
streams:
  orders: {topic: orders, user: key}
`, cluster.ListenAddrs()[0], cert, key))
	address := strings.Replace(g.URL(), "http:", "https:", 1)
	browser := startChromiumFor(bounded(t), t, chromedp.Flag("ignore-certificate-errors", true))
	page := openSocketPage(browser, t, address+"/docs/")
	if protocol := ask[string](&page.page, `performance.getEntriesByType("navigation")[0].nextHopProtocol`); protocol != "h2" {
		t.Errorf("the page came over %s", protocol)
	}
	ask[bool](&page.page, `new Promise(resolve => {
		window.got = [];
		window.source = new EventSource("/events?user=alice");
		source.onmessage = e => got.push(JSON.parse(e.data).orderId);
		source.addEventListener("sluice.hello", () => resolve(true));
	})`)
	socket := page.dial(address+"/ws?user=alice", "sluice.v1")
	socket.awaitHello()
	(&backend{t: t, ctx: bounded(t), kafka: cluster, topic: "orders"}).write(`{"orderId":"o-1"}`)
	socket.await(`s.messages.some(m => m.data?.orderId === "o-1") && got.includes("o-1")`)
	if protocols := ask[string](&page.page, `performance.getEntriesByType("resource").filter(r => r.name.includes("/events")).map(r => r.nextHopProtocol).join()`); protocols != "" && protocols != "h2" {
		t.Errorf("the stream came over %s", protocols)
	}
	for carrier, want := range map[string]float64{"websocket": 1, "goroutine": 1} {
		if n := metrics(t, g)[`sluice_connections_by_carrier{carrier="`+carrier+`"}`]; n != want {
			t.Errorf("%v connections by %s", n, carrier)
		}
	}
}
