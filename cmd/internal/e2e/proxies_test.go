package e2e

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
	"sluice/cmd/internal/e2e/proxy"
	"sluice/stream/ssetest"
)

// Through each proxy of deploy/proxies an event arrives while its stream stays open,
// uncompressed. Pages with a plain EventSource, of the proxy's own origin and of another,
// outlive the gateway and have each event once. So have pages with a WebSocket. The
// gateway that comes back compresses events, and these arrive so.
func TestProxies(t *testing.T) {
	need(t, "chromium", "chromium")
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	if _, err := gateway.Binary(); err != nil { // building takes from nobody's time
		t.Fatal(err)
	}
	browser := startChromium(t)
	for _, p := range proxy.Recipes {
		t.Run(p.Name, func(t *testing.T) {
			need(t, p.Command, p.DebianPackage)
			t.Parallel()
			behindProxy(t, p, kafka, browser)
		})
	}
}

func behindProxy(t *testing.T, p proxy.Proxy, kafka *kfake.Cluster, browser context.Context) {
	ctx := bounded(t)
	if err := kafka.CreateTopic(p.Name, 1, nil); err != nil {
		t.Fatal(err)
	}
	// A page of another origin; it needn't be more than a page.
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	// Heartbeats are left out: nothing but the event itself may push an event through.
	g := readyGateway(ctx, t, fmt.Sprintf(`
heartbeat: 1h
kafka: {brokers: [%q]}
auth: none
cors: {origins: [%q], credentials: true}
streams:
  orders: {topic: %s, user: key}
`, kafka.ListenAddrs()[0], other.URL, p.Name))
	url := p.Run(ctx, t, g.URL(), other.URL)
	b := &backend{t: t, ctx: ctx, kafka: kafka, topic: p.Name}

	arrivesAtOnce(b, url, "")

	const stream = "/events?user=alice&from=earliest"
	pages := map[string]*page{
		"same origin":  openPage(browser, t, url, stream),
		"other origin": openPage(browser, t, other.URL, url+stream),
	}
	sockets := map[string]*proxiedSocket{
		"same origin":  openProxiedSocket(browser, t, url, url),
		"other origin": openProxiedSocket(browser, t, other.URL, url),
	}
	b.order(10)
	all := func() {
		for _, page := range pages {
			page.await(fmt.Sprintf("got.length >= %d", len(b.orders)))
		}
		for _, s := range sockets {
			s.await(fmt.Sprintf("s.messages.filter(m => m.text).length >= %d", len(b.orders)-s.before))
		}
	}
	all()

	g.Kill()
	for _, s := range sockets {
		s.await("s.closed")
	}
	for _, page := range pages { // an answer that opens the stream is the proxy's own now
		page.await(fmt.Sprintf("opened > %d", ask[int](page, "opened")))
	}
	b.order(10)
	waits(ctx, t, url, other.URL)
	reconfigure(t, g, "heartbeat: 1h", "heartbeat: 1h\ncompress: 600B")
	g.Start()
	if err := g.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	for _, s := range sockets {
		s.again()
	}
	b.order(10)
	all()
	arrivesAtOnce(b, url, "gzip")
	all()
	for name, s := range sockets {
		if got := s.got(); !slices.Equal(got, b.orders) {
			t.Errorf("the WebSocket of the %s has\n%q, want\n%q", name, got, b.orders)
		}
	}
	for name, page := range pages {
		if got := page.got(); !slices.Equal(got, b.orders) {
			t.Errorf("the page of the %s has\n%q, want\n%q", name, got, b.orders)
		}
	}
}

// backend places alice's orders.
type backend struct {
	t      *testing.T
	ctx    context.Context
	kafka  *kfake.Cluster
	topic  string
	orders []string // in order
}

// order places so many, and returns when Kafka has them.
func (b *backend) order(n int) {
	b.t.Helper()
	orders := make([]string, n)
	for i := range orders {
		orders[i] = fmt.Sprintf("order %d", len(b.orders)+1+i)
	}
	b.write(orders...)
}

// write places these, and returns when Kafka has them.
func (b *backend) write(orders ...string) {
	b.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.kafka.ListenAddrs()...))
	if err != nil {
		b.t.Fatal(err)
	}
	defer client.Close()
	for _, order := range orders {
		if err := client.ProduceSync(b.ctx, kgoRecord(b.topic, "alice", order)).FirstErr(); err != nil {
			b.t.Fatal(err)
		}
		b.orders = append(b.orders, order)
	}
}

// arrivesAtOnce reads an order from a stream that stays open. The client would take it
// compressed, and gets it as it left the gateway.
func arrivesAtOnce(b *backend, url, coding string) {
	b.t.Helper()
	response, err := get(b.ctx, url+"/events?user=alice", http.Header{"Accept": {"text/event-stream"}, "Accept-Encoding": {"gzip"}})
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	if encoding := response.Header.Get("Content-Encoding"); response.StatusCode != http.StatusOK || encoding != coding {
		b.t.Fatalf("status %d, Content-Encoding %q", response.StatusCode, encoding)
	}
	var body io.Reader = response.Body
	if coding != "" {
		if body, err = gzip.NewReader(body); err != nil {
			b.t.Fatal(err)
		}
	}
	events := ssetest.NewReader(body)
	next := func() ssetest.Event {
		e, err := events.Next()
		if err != nil {
			b.t.Fatal(err)
		}
		return e
	}
	if e := next(); e.Name != "sluice.hello" {
		b.t.Fatalf("the stream begins with %+v", e)
	}
	order := "order of " + strings.Repeat("tea and ", 200) + "biscuits"
	b.write(order)
	if e := next(); e.Data != order {
		b.t.Fatalf("%+v came instead of %q", e, order)
	}
}

// waits asks the proxy for a stream that no gateway has, many at once. The proxy gives
// one that says when to come back, not everyone at the same time, and ends. Only an
// origin that may read the streams may read that.
func waits(ctx context.Context, t *testing.T, url, origin string) {
	t.Helper()
	var (
		clients sync.WaitGroup
		mu      sync.Mutex // guards retries
		retries = make(map[int]bool)
	)
	for i := range 40 {
		from, allowed, credentials := origin, origin, "true"
		if i%2 == 0 {
			from, allowed, credentials = "https://elsewhere.example", "", ""
		}
		clients.Go(func() {
			retry, header, err := waitingAnswer(ctx, url, from)
			if err != nil {
				t.Error(err)
				return
			}
			for name, want := range map[string]string{"Access-Control-Allow-Origin": allowed, "Access-Control-Allow-Credentials": credentials} {
				if got := header.Get(name); got != want {
					t.Errorf("asked from %s, the waiting answer has %s: %q, want %q", from, name, got, want)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			retries[retry] = true
		})
	}
	clients.Wait()
	if len(retries) < 5 {
		t.Errorf("40 clients were told to come back all at the same time: %v", retries)
	}
}

// waitingAnswer is how long a client of this origin is told to wait, in ms, and the
// answer's header.
func waitingAnswer(ctx context.Context, url, origin string) (retry int, _ http.Header, err error) {
	response, err := get(ctx, url+"/events?user=alice", http.Header{"Accept": {"text/event-stream"}, "Origin": {origin}})
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, err
	}
	said := retryOnly.FindSubmatch(body)
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/event-stream") || said == nil {
		return 0, nil, fmt.Errorf("without a gateway the answer is %d %v\n%q", response.StatusCode, response.Header, body)
	}
	retry, err = strconv.Atoi(string(said[1]))
	if err == nil && (retry < 1000 || retry > 4999) {
		err = fmt.Errorf("retry: %d is not from 1000 to 4999", retry)
	}
	return retry, response.Header, err
}

var retryOnly = regexp.MustCompile(`^retry: (\d+)\n\n$`)

func get(ctx context.Context, url string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, header)
	return http.DefaultClient.Do(request)
}
