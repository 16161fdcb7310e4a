package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/r3labs/sse/v2"
	gosse "github.com/tmaxmax/go-sse"
	"gopkg.in/cenkalti/backoff.v1"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/proxy"
)

// foreignNames are the names of events in the test of foreign clients: an EventSource
// tells named events only to those who listen for the name.
var foreignNames = []string{"message", "order.confirmed", "order.shipped", "order.packed", "order.delivered", "sluice.hello"}

// foreignClient is somebody else's SSE client. read hands on each event, as the client
// does, until the context ends; any other end is an error.
type foreignClient struct {
	name string
	read func(ctx context.Context, t *testing.T, url string, each func(seen)) error
}

// Any producer's records reach any client: kcat writes. The clients that people use are
// given the ids and the data that a reader true to the standard's letter is given. Each
// has the timeouts that it has by itself. The stream is then idle for longer than OkHttp
// (10 s) and httpx (5 s) wait. By default a heartbeat comes every 9 s: OkHttp stays, and
// httpx comes back with the last id. With one every 4 s httpx stays too.
func TestForeignClientsReadTheSame(t *testing.T) {
	need(t, "kcat", "kcat")
	clients, missing := foreignClients(t, map[string][]string{
		"python": {"httpx-sse", "sseclient", "sseclient-py", "aiohttp-sse-client", "requests-sse"},
		"node":   {"eventsource", "eventsource-parser", "fetch-event-source"},
		"java":   {"OkHttp-sse", "Jersey"},
	}, foreignClient{"r3labs/sse", followWithR3labs}, foreignClient{"tmaxmax/go-sse", followWithGoSSE},
		foreignClient{"curl", followWithCurl}, foreignClient{"chromium", followWithChromium})
	kafka := kafkatest.Shared(t)
	// One partition: several have no order between them, and so no one sequence of ids.
	kafka.CreateTopic(t, "foreign", 1)
	ctx := bounded(t)
	written := func(heartbeat string) string {
		g := readyGateway(ctx, t, fmt.Sprintf(`
%s
kafka: {brokers: [%q]}
auth: none
limits: {per_user: 0}
cors: {origins: ["*"]}
streams:
  orders: {topic: foreign, user: key, event: value:type}
`, heartbeat, kafka.Plaintext()))
		return g.URL() + "/events?user=alice&from=earliest"
	}
	byDefault, oftener := written(""), written("heartbeat: 4s")
	kcat(ctx, t, kafka, "foreign",
		`alice|{"type":"order.confirmed","orderId":"o-1"}`,
		`bob|{"type":"order.confirmed","orderId":"o-2"}`,
		`alice|{"type":"order.shipped","orderId":"o-1","note":"  spaces, \": colons\" and Ünicode 進入 ✅  "}`,
		"alice|{\n\"orderId\": \"o-1\",\n\n\"note\": \"lines\"\n}", // three of them cut all spaces where a line begins
		"alice|{\"rare separators\":\"a\u2028b\u0085c\u000cd\"}",
		`alice|{"type":"order.packed","orderId":"o-1"}`,
	)

	reading := make([]*foreignReading, 0, len(clients)+2)
	for _, c := range clients {
		reading = append(reading, follow(ctx, t, c, byDefault))
		if c.name == "OkHttp-sse" || c.name == "httpx-sse" {
			c.name += " with a heartbeat every 4 s"
			reading = append(reading, follow(ctx, t, c, oftener))
		}
	}
	for _, r := range reading {
		r.await(ctx, t, "order.packed")
	}
	// A heartbeat comes when a stream was silent for at least four fifths of its interval.
	var idle sync.WaitGroup
	idle.Go(func() { awaitHeartbeats(ctx, t, byDefault, 2) })
	idle.Go(func() { awaitHeartbeats(ctx, t, oftener, 4) })
	idle.Wait()
	kcat(ctx, t, kafka, "foreign", `alice|{"type":"order.delivered","orderId":"o-1"}`)
	for _, r := range reading {
		r.await(ctx, t, "order.delivered")
	}

	want := readRaw(ctx, t, byDefault, 6)
	if len(want) != 6 || !strings.Contains(want[1].data, `": colons\" and Ünicode 進入 ✅  "`) || strings.Count(want[2].data, "\n") != 4 {
		t.Errorf("alice was sent %+v", want)
	}
	for _, r := range reading {
		t.Run(r.client.name, func(t *testing.T) {
			hellos, got := r.stop(t)
			want := slices.Clone(want)
			if r.client.name == "sseclient" { // it cuts a line wherever Python's splitlines does
				rare := func(e seen) bool { return strings.HasPrefix(e.data, `{"rare`) }
				got, want = slices.DeleteFunc(got, rare), slices.DeleteFunc(want, rare)
			}
			if !slices.Equal(got, want) {
				t.Errorf("it was sent\n%+v\nwant\n%+v", got, want)
			}
			if comesBack := r.client.name == "httpx-sse"; hellos > 1 != comesBack {
				t.Errorf("it opened %d streams", hellos)
			}
		})
	}
	for name, why := range missing {
		t.Run(name, func(t *testing.T) { proxy.Lacks(t, why) })
	}
}

// foreignClients are those that can be had here, and why the others can't. Those of other
// languages are given by their names. What has to be fetched is fetched side by side.
func foreignClients(t *testing.T, names map[string][]string, here ...foreignClient) (clients []foreignClient, missing map[string]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	missing = make(map[string]string)
	for _, c := range here {
		if _, err := exec.LookPath(c.name); err != nil && !strings.Contains(c.name, "/") { // a Go package has one
			missing[c.name] = "needs " + c.name + " (Debian: " + c.name + ")"
			continue
		}
		clients = append(clients, c)
	}
	var (
		mu      sync.Mutex // guards clients and missing
		fetched sync.WaitGroup
	)
	for _, language := range []foreignPrograms{pythonPrograms, nodePrograms, javaPrograms} {
		if len(names[language.folder]) == 0 {
			continue
		}
		fetched.Go(func() {
			dir, err := language.install(ctx)
			mu.Lock()
			defer mu.Unlock()
			for _, name := range names[language.folder] {
				if err != nil {
					missing[name] = fmt.Sprintf("needs %s: %v", language.needs, err)
					continue
				}
				clients = append(clients, language.client(dir, name))
			}
		})
	}
	fetched.Wait()
	return clients, missing
}

// foreignReading is a client that follows a stream.
type foreignReading struct {
	client foreignClient
	cancel context.CancelFunc
	ended  chan struct{} // closed when read has returned; then err is set
	err    error

	mu     sync.Mutex    // guards what follows
	events []seen        // but heartbeats
	more   chan struct{} // closed, and made anew, with each event
}

func follow(ctx context.Context, t *testing.T, c foreignClient, url string) *foreignReading {
	ctx, cancel := context.WithCancel(ctx)
	r := &foreignReading{client: c, cancel: cancel, ended: make(chan struct{}), more: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = c.read(ctx, t, url, r.add)
	}()
	t.Cleanup(func() { r.cancel(); <-r.ended })
	return r
}

func (r *foreignReading) add(e seen) {
	if e.name == "" {
		e.name = "message" // what the standard calls it; some clients leave that to the caller
	}
	if e.name == "sluice.heartbeat" || e.data == "" {
		return // some make an event of a block that has no data, such as one of retry alone
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	close(r.more)
	r.more = make(chan struct{})
}

// await waits until the client has handed on an event of this name.
func (r *foreignReading) await(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	for {
		r.mu.Lock()
		events, more := r.events, r.more
		r.mu.Unlock()
		if slices.ContainsFunc(events, func(e seen) bool { return e.name == name }) {
			return
		}
		select {
		case <-more:
		case <-r.ended:
			t.Fatalf("%s ended before %s: %v", r.client.name, name, r.err)
		case <-ctx.Done():
			t.Fatalf("%s waits for %s, after %+v", r.client.name, name, events)
		}
	}
}

// stop ends the client and returns how often it was greeted, and the events of streams.
func (r *foreignReading) stop(t *testing.T) (hellos int, events []seen) {
	t.Helper()
	select {
	case <-r.ended:
		t.Errorf("it ended by itself: %v", r.err)
	default:
	}
	r.cancel()
	<-r.ended
	for _, e := range r.events {
		if e.name == "sluice.hello" {
			hellos++
		} else {
			events = append(events, e)
		}
	}
	return hellos, events
}

// awaitHeartbeats follows a stream until so many heartbeats came after its events.
func awaitHeartbeats(ctx context.Context, t *testing.T, url string, n int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := followRaw(ctx, url, func(e seen) {
		if e.name == "sluice.heartbeat" {
			n--
		}
		if n == 0 {
			cancel()
		}
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func followWithR3labs(ctx context.Context, _ *testing.T, url string, each func(seen)) error {
	client := sse.NewClient(url)
	// As by default, but that it ends with the context.
	client.ReconnectStrategy = backoff.WithContext(backoff.NewExponentialBackOff(), ctx)
	return client.SubscribeRawWithContext(ctx, func(m *sse.Event) {
		each(seen{string(m.ID), string(m.Event), string(m.Data)})
	})
}

func followWithGoSSE(ctx context.Context, _ *testing.T, url string, each func(seen)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	connection := gosse.NewConnection(request)
	connection.SubscribeToAll(func(e gosse.Event) { each(seen{e.LastEventID, e.Type, e.Data}) })
	return connection.Connect()
}
