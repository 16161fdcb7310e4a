package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/r3labs/sse/v2"

	"sluice/broker/kafkatest"
	"sluice/stream/ssetest"
)

// Any producer's records reach any client: kcat writes, and curl, a browser, the r3labs client and a reader that
// follows the standard to the letter are given the same ids and the same data.
func TestOthersToolsSeeTheSame(t *testing.T) {
	need(t, "kcat", "kcat")
	need(t, "curl", "curl")
	need(t, "chromium", "chromium")
	kafka := kafkatest.Shared(t)
	// One partition: several have no order between them, and so no one sequence of ids.
	kafka.CreateTopic(t, "tools", 1)
	ctx := bounded(t)
	g := readyGateway(ctx, t, fmt.Sprintf(`
kafka: {brokers: [%q]}
auth: none
cors: {origins: ["*"]}
streams:
  orders: {topic: tools, user: key, event: value:type}
`, kafka.Plaintext()))
	url := g.URL() + "/events?user=alice&from=earliest"

	kcat(ctx, t, kafka, "tools",
		`alice|{"type":"order.confirmed","orderId":"o-1"}`,
		`bob|{"type":"order.confirmed","orderId":"o-2"}`,
		`alice|{"type":"order.shipped","orderId":"o-1","note":"  spaces, \": colons\" and Ünicode  "}`,
	)
	readers := []func(context.Context, *testing.T, string, int) []seen{readRaw, readWithCurl, readWithR3labs, readWithChromium}
	all := make(chan []seen, len(readers))
	for _, read := range readers {
		go func() { all <- read(ctx, t, url, 3) }()
	}
	kcat(ctx, t, kafka, "tools", `alice|{"type":"order.delivered","orderId":"o-1"}`) // read or live, as it happens

	first := <-all
	if len(first) != 3 || first[2].name != "order.delivered" || !strings.Contains(first[1].data, `": colons\" and Ünicode  "`) {
		t.Errorf("alice was sent %+v", first)
	}
	for range len(readers) - 1 {
		if other := <-all; !slices.Equal(first, other) {
			t.Errorf("two clients were sent different things:\n%+v\n%+v", first, other)
		}
	}
	for _, e := range first {
		if e.id == "" || strings.Contains(e.data, "o-2") {
			t.Errorf("alice was sent %+v", e)
		}
	}
}

// seen is an event as a client shows it.
type seen struct{ id, name, data string }

// kcat produces lines of the form key|value.
func kcat(ctx context.Context, t *testing.T, kafka *kafkatest.Cluster, topic string, lines ...string) {
	t.Helper()
	produce := exec.CommandContext(ctx, "kcat", "-P", "-b", kafka.Plaintext(), "-t", topic, "-K", "|")
	produce.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if said, err := produce.CombinedOutput(); err != nil {
		t.Fatalf("kcat: %v\n%s", err, said)
	}
}

// readRaw reads n events of streams over plain HTTP.
func readRaw(ctx context.Context, t *testing.T, url string, n int) []seen {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return nil
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer response.Body.Close()
	return collect(t, response.Body, n)
}

// readWithCurl reads n events of streams from what `curl -N` prints.
func readWithCurl(ctx context.Context, t *testing.T, url string, n int) []seen {
	ctx, stop := context.WithCancel(ctx)
	curl := exec.CommandContext(ctx, "curl", "-sN", url)
	out, err := curl.StdoutPipe()
	if err == nil {
		err = curl.Start()
	}
	if err != nil {
		stop()
		t.Error(err)
		return nil
	}
	events := collect(t, out, n)
	stop() // it would read on for ever
	var killed *exec.ExitError
	if err := curl.Wait(); err != nil && !errors.As(err, &killed) && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	return events
}

func collect(t *testing.T, body io.Reader, n int) (events []seen) {
	in := ssetest.NewReader(body)
	for len(events) < n {
		e, err := in.Next()
		if err != nil {
			t.Errorf("after %d events: %v", len(events), err)
			return events
		}
		if !strings.HasPrefix(e.Name, "sluice.") {
			events = append(events, seen{e.ID, e.Name, e.Data})
		}
	}
	return events
}

// readWithR3labs reads n events of streams with the r3labs client, which hands on blocks without data too.
func readWithR3labs(ctx context.Context, t *testing.T, url string, n int) (events []seen) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err := sse.NewClient(url).SubscribeRawWithContext(ctx, func(m *sse.Event) {
		if len(events) < n && len(m.Data) > 0 && !strings.HasPrefix(string(m.Event), "sluice.") {
			events = append(events, seen{string(m.ID), string(m.Event), string(m.Data)})
		}
		if len(events) == n {
			stop()
		}
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("r3labs: %v", err)
	}
	return events
}
