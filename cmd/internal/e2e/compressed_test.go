package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
	"sluice/cmd/internal/e2e/proxy"
)

// The clients that people use read compressed streams as they do plain ones. Each event
// comes when it is sent. After a cut they have what comes after their last id. At first
// the gateway holds the connections, and then it leaves them to goroutines.
func TestClientsReadCompressedStreams(t *testing.T) {
	clients, missing := foreignClients(t, map[string][]string{
		"python": {"httpx-sse", "sseclient-py", "aiohttp-sse-client", "requests-sse"}, // sseclient asks for gzip and can't read it
		"node":   {"eventsource", "fetch-event-source"},
		"java":   {"OkHttp-sse"},
	}, foreignClient{"r3labs/sse", followWithR3labs}, foreignClient{"tmaxmax/go-sse", followWithGoSSE},
		foreignClient{"curl", followWithCompressedCurl}, foreignClient{"chromium", followWithChromium},
		foreignClient{"net/http", func(ctx context.Context, _ *testing.T, url string, each func(seen)) error {
			return followRaw(ctx, url, each)
		}})
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "compressed"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	if _, err := gateway.Binary(); err != nil { // building takes from nobody's time
		t.Fatal(err)
	}
	ctx := bounded(t)
	g := readyGateway(ctx, t, fmt.Sprintf(`
heartbeat: 3s # some clients wait no longer than 5 s
hold: true
compress: 600B
kafka: {brokers: [%q]}
auth: none
limits: {per_user: 0}
cors: {origins: ["*"]}
streams:
  orders: {topic: compressed, user: key, event: header:event}
`, kafka.ListenAddrs()[0]))
	producer, err := kgo.NewClient(kgo.SeedBrokers(kafka.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	produce := func(name, data string) {
		t.Helper()
		record := kgoRecord("compressed", "alice", data)
		record.Headers = []kgo.RecordHeader{{Key: "event", Value: []byte(name)}}
		if err := producer.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	line := `{"sku":"SKU-7","name":"Darjeeling First Flush – 進入 ✅","qty":1},`
	small, large, huge := `{"orderId":"o-1"}`, `{"lines":[`+strings.Repeat(line, 20)+`{}]}`, `{"lines":[`+strings.Repeat(line, 700)+`{}]}` // some clients take no more than 64 KB
	produce("order.confirmed", small)
	produce("order.confirmed", large)
	url := g.URL() + "/events?user=alice&from=earliest"

	before := make(map[string]*foreignReading)
	for _, c := range clients {
		before[c.name] = follow(ctx, t, c, url)
	}
	await := func(reading map[string]*foreignReading, name string) {
		t.Helper()
		for _, r := range reading {
			r.await(ctx, t, name)
		}
	}
	await(before, "order.confirmed")
	for _, step := range []struct{ name, data string }{{"order.shipped", large}, {"order.packed", huge}} { // each waits for all to have the one before
		produce(step.name, step.data)
		await(before, step.name)
	}
	compressed, err := g.Metric(ctx, "sluice_compressed_events_total")
	if err != nil {
		t.Fatal(err)
	}
	if want := float64(3 * len(clients)); compressed != want {
		t.Errorf("%v events were sent compressed, want %v: 3 to each of %d clients", compressed, want, len(clients))
	}

	g.Kill()
	after := make(map[string]*foreignReading)
	last := make(map[string]string)
	for name, r := range before {
		if name == "chromium" { // comes back by itself
			after[name] = r
			continue
		}
		r.cancel()
		<-r.ended
		last[name] = r.events[len(r.events)-1].id
	}
	reconfigure(t, g, "hold: true", "hold: false")
	produce("message", large+"\n"+large)
	g.Start()
	if err := g.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if after[c.name] == nil {
			after[c.name] = follow(ctx, t, c, g.URL()+"/events?user=alice&lastEventId="+last[c.name])
		}
	}
	await(after, "message")
	produce("order.delivered", large)
	await(after, "order.delivered")

	want := readPlain(ctx, t, url, 6)
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			var got []seen
			if r := before[c.name]; r != after[c.name] {
				got = slices.DeleteFunc(r.events, func(e seen) bool { return e.name == "sluice.hello" })
			}
			_, rest := after[c.name].stop(t)
			if got = append(got, rest...); !slices.Equal(got, want) {
				t.Errorf("it was sent\n%.300v\nwant\n%.300v", got, want)
			}
		})
	}
	for name, why := range missing {
		t.Run(name, func(t *testing.T) { proxy.Lacks(t, why) })
	}
}

// reconfigure changes the configuration that a gateway starts with the next time.
func reconfigure(t *testing.T, g *gateway.Gateway, from, to string) {
	t.Helper()
	text, err := os.ReadFile(g.ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(from)) {
		t.Fatalf("no %q in %q", from, text)
	}
	if err := os.WriteFile(g.ConfigFile(), bytes.Replace(text, []byte(from), []byte(to), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// followWithCompressedCurl hands on the events in what `curl -N --compressed` prints.
func followWithCompressedCurl(ctx context.Context, _ *testing.T, url string, each func(seen)) error {
	curl := exec.CommandContext(ctx, "curl", "-sN", "--compressed", url)
	out, err := curl.StdoutPipe()
	if err == nil {
		err = curl.Start()
	}
	if err != nil {
		return err
	}
	err = followBody(out, each)
	return errors.Join(err, curl.Wait())
}

// readPlain reads n events of streams that come as they are.
func readPlain(ctx context.Context, t *testing.T, url string, n int) (events []seen) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	response, err := get(ctx, url, http.Header{"Accept-Encoding": {"identity"}})
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if coding := response.Header.Get("Content-Encoding"); coding != "" {
		t.Errorf("Content-Encoding %q", coding)
	}
	err = followBody(response.Body, func(e seen) {
		if !strings.HasPrefix(e.name, "sluice.") {
			events = append(events, e)
		}
		if len(events) == n {
			cancel()
		}
	})
	if len(events) < n {
		t.Errorf("after %d events: %v", len(events), err)
	}
	return events
}
