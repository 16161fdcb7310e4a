package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
)

// crowdSize is what the console is looked at under: connections, events a second, and how
// long each look is.
type crowdSize struct {
	connections, rate int
	look              time.Duration
	rounds            int
}

func sizeOfCrowd() crowdSize {
	if os.Getenv("SLUICE_TEST_FULL") == "1" {
		return crowdSize{5000, 1000, 8 * time.Second, 3}
	}
	return crowdSize{500, 100, 2 * time.Second, 2}
}

// crowd opens the connections, a user each, and reads them to their end. It returns when
// all are greeted.
func crowd(ctx context.Context, t *testing.T, g *gateway.Gateway, connections int) {
	t.Helper()
	var readers sync.WaitGroup
	t.Cleanup(readers.Wait)
	address := strings.TrimPrefix(g.URL(), "http://")
	for i := range connections {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "GET /events?user=user-%d&stream=orders HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", i, address)
		lines := bufio.NewReaderSize(conn, 512)
		for line := ""; line != "event: sluice.hello\n"; {
			if line, err = lines.ReadString('\n'); err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
		}
		readers.Go(func() { _, _ = io.Copy(io.Discard, lines) }) // to the end, whatever that is
	}
}

// shopFor writes orders of the crowd at a rate, each record to one user, until ctx ends.
// What it returns waits until Kafka has all of them.
func shopFor(ctx context.Context, t *testing.T, producer *kgo.Client, size crowdSize) (finish func()) {
	t.Helper()
	const tick = 20 * time.Millisecond // a rate needs a clock, nothing waits for this one
	random := rand.New(rand.NewPCG(1, 2))
	done := make(chan struct{})
	go func() {
		defer close(done)
		clock := time.NewTicker(tick)
		defer clock.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-clock.C:
			}
			for range size.rate * int(tick) / int(time.Second) {
				user := random.IntN(size.connections)
				producer.Produce(context.WithoutCancel(ctx), &kgo.Record{
					Topic: "order-topic", Partition: int32(user % 3), Key: fmt.Appendf(nil, "user-%d", user),
					Value: fmt.Appendf(nil, `{"orderId":"o-%d","type":"order.confirmed","status":"confirmed","shop":"Corner Books","total":12.50}`, random.IntN(1000)),
				}, nil)
			}
		}
	}()
	return func() {
		t.Helper()
		<-done
		if err := producer.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// smooth is what the page itself has measured: its frames and the tasks that held them
// up, in milliseconds.
type smooth struct {
	Frames             int
	Median, P99, Worst float64
	LongTasks          int
	LongestTask        float64
}

// measure begins to measure in the page.
const measure = `(() => {
	window.frameTimes = [];
	window.longTasks = [];
	let last = 0;
	const frame = (now) => {
		if (last) frameTimes.push(now - last);
		last = now;
		requestAnimationFrame(frame);
	};
	requestAnimationFrame(frame);
	new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((e) => e.duration))).observe({type: "longtask"});
	return true;
})()`

const measured = `(() => {
	const times = frameTimes.slice().sort((a, b) => a - b), at = (q) => times[Math.floor(q * (times.length - 1))];
	return {Frames: times.length, Median: at(0.5), P99: at(0.99), Worst: at(1), LongTasks: longTasks.length, LongestTask: Math.max(0, ...longTasks)};
})()`

// The console over a crowd: it stays smooth, what it costs the gateway is told, and what
// it shows is what /metrics says. How smooth and what it costs depends on the machine and
// is reported; that it moves at all, and that its numbers are true, is what passes or
// fails.
func TestConsoleOverACrowd(t *testing.T) {
	need(t, "chromium", "chromium")
	size := sizeOfCrowd()
	g, producer := consoleGateway(t, "auth: none\nlimits: {connections: 0}\n"+consoleStreams, consoleTopics)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	crowd(ctx, t, g, size.connections)
	writing, close := context.WithCancel(ctx)
	t.Cleanup(close)
	finish := shopFor(writing, t, producer, size)

	browser := startChromium(t)
	c := openConsole(browser, t, "about:blank")
	var cpu struct{ open, shut float64 }
	for range size.rounds {
		c.do(chromedp.Navigate("about:blank"))
		cpu.shut += spends(t, g, size.look)
		c.do(chromedp.Navigate(g.AdminURL() + "/console/"))
		c.until(`document.querySelector("[data-stream=orders] [data-figure='events/s']")?.textContent > "0"`)
		ask[bool](&c.page, measure)
		cpu.open += spends(t, g, size.look)
		s := ask[smooth](&c.page, measured)
		t.Logf("%d connections, %d events/s: %d frames, median %.1f ms, p99 %.1f ms, worst %.1f ms; %d tasks over 50 ms, the longest %.0f ms",
			size.connections, size.rate, s.Frames, s.Median, s.P99, s.Worst, s.LongTasks, s.LongestTask)
		if s.Frames == 0 {
			t.Error("the page stood still")
		}
	}
	t.Logf("the gateway's CPU with the console open: %.3f of a core; shut: %.3f; the ratio %.3f", cpu.open/seconds(size), cpu.shut/seconds(size), cpu.open/cpu.shut)
	c.compareMoving(g)
	c.shoot("crowd")

	close()
	finish()
	nobodys := &kgo.Record{Topic: "order-topic", Value: []byte("{}")}
	if err := producer.ProduceSync(ctx, nobodys).FirstErr(); err != nil {
		t.Fatal(err)
	}
	refused, err := http.Get(g.URL() + "/events")
	if err != nil {
		t.Fatal(err)
	}
	refused.Body.Close()
	c.compare(g, producer)
	c.compareMemory(g)
	c.findAndClose(g, size.connections)
	c.clean()
}

// findAndClose looks through the list of connections, page by page, finds one by its
// user, and closes it.
func (c *console) findAndClose(g *gateway.Gateway, connections int) {
	c.t.Helper()
	c.do(chromedp.Click(`nav a[href="#connections"]`))
	seen := make(map[string]bool)
	for {
		c.until(`document.querySelectorAll("#subscribers tr").length > 0`)
		ids := strings.Fields(ask[string](&c.page, `[...document.querySelectorAll("#subscribers tr")].map(e => e.dataset.id).join(" ")`))
		for _, id := range ids {
			seen[id] = true
		}
		if ask[bool](&c.page, `document.querySelector("#next").disabled`) {
			break
		}
		c.do(chromedp.Click("#next"))
		c.until(fmt.Sprintf(`document.querySelector("#subscribers tr")?.dataset.id !== %q`, ids[0]))
	}
	if len(seen) != connections {
		c.t.Errorf("the pages list %d connections of %d", len(seen), connections)
	}
	c.fill("#find", "user", "user-77")
	c.until(`document.querySelectorAll("#subscribers tr").length === 1 && document.querySelector("#subscribers .user").textContent === "user-77"`)
	c.accessible("connections")
	c.do(chromedp.Click("#subscribers button.danger"))
	c.until(`document.querySelector("#close-dialog").open`)
	c.shoot("close")
	c.do(chromedp.Click("#close-dialog button.danger"))
	c.until(`document.querySelectorAll("#subscribers tr").length === 0 && !document.querySelector("#nothing-found").hidden`)
	if closed := metrics(c.t, g)[`sluice_streams_closed_total{reason="operator"}`]; closed != 1 {
		c.t.Errorf("%v connections were closed by the operator", closed)
	}
}

func seconds(size crowdSize) float64 { return size.look.Seconds() * float64(size.rounds) }

// spends is the CPU time, in seconds, that the gateway takes over a while.
func spends(t *testing.T, g *gateway.Gateway, while time.Duration) float64 {
	t.Helper()
	before := metrics(t, g)["process_cpu_seconds_total"]
	<-time.After(while)
	return metrics(t, g)["process_cpu_seconds_total"] - before
}
