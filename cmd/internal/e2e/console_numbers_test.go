package e2e

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/gateway"
)

// shown is a place of the console and the number that is to stand there, in one of its
// formats.
type shown struct {
	Selector, Format string
	Value            float64
}

// compare waits until every panel shows what /metrics says, where nothing moves any more.
func (c *console) compare(g *gateway.Gateway, kafka *kgo.Client) {
	c.t.Helper()
	partitions := partitions(c.t, kafka)
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	late := time.After(30 * time.Second)
	for {
		m := metrics(c.t, g)
		places := append(places(m), partitions...)
		wrong := c.wrong(places)
		if wrong == "" {
			c.t.Logf("%d numbers are those of /metrics; %v events written to %v connections", len(places), m["sluice_events_written_total"], m["sluice_connections"])
			return
		}
		select {
		case <-again.C:
		case <-late:
			c.t.Fatalf("the console shows\n%s", wrong)
		}
	}
}

// wrong lists the places that show something else.
func (c *console) wrong(places []shown) string {
	c.t.Helper()
	list, err := json.Marshal(places)
	if err != nil {
		c.t.Fatal(err)
	}
	return ask[string](&c.page, fmt.Sprintf(`import(new URL("format.js", location.href)).then(format => %s.flatMap(p => {
		const is = document.querySelector(p.Selector)?.textContent, want = format[p.Format](p.Value);
		return is === want ? [] : [p.Selector + ": " + is + ", and not " + want];
	}).join("\n"))`, list))
}

// Rates are what a counter gained by the gateway's own clock; a restart in between is no
// rate.
func TestConsoleRates(t *testing.T) {
	need(t, "chromium", "chromium")
	g, _ := consoleGateway(t, "auth: none\n"+consoleStreams, consoleTopics)
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/")
	const snapshot = `(time, started, n) => ({time, gateway: {started, connections: 7, cpu_seconds: n / 100, rss_bytes: 1 << 20}, written: {events: 20 * n, bytes: 1000 * n},
		streams: [{name: "orders", records: 12 * n, events: 10 * n, deliveries: 30 * n, lag: 3, kafka_answered: "2026-01-01T00:00:00Z"}, {name: "news", records: n, events: n, deliveries: n, lag: null}]})`
	got := ask[string](&c.page, `import("/console/live.js").then(({figures}) => {
		const at = `+snapshot+`, first = at("2026-01-01T00:00:00Z", "a", 10);
		return [undefined, first, at("2026-01-01T00:00:00Z", "a", 100)].map(before => {
			const f = figures(at("2026-01-01T00:00:02.5Z", "a", 15), before);
			return [f.connections, f["records/s"], f["written/s"], f["bytes/s"], f.cpu?.toFixed(3), f.memory, f.lag, f["orders events/s"], f["orders deliveries/s"], f["orders lag"], f["orders answered"], f["news events/s"], f["news lag"]].join(" ");
		}).join("\n");
	})`)
	if want := "7     1048576    3 2.5  \n7 26 40 2000 2.000 1048576  20 60 3 2.5 2 \n7     1048576    3 2.5  "; got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

// places are all panels that have a number, each with that of /metrics. What never
// happened isn't listed by the console.
func places(m map[string]float64) []shown {
	list := []shown{
		{"#figure-connections", "count", m["sluice_connections"]},
		{"[data-group='Open now'] [data-count=descriptors]", "count", m["process_open_fds"]},
		{"#figure-written", "rate", 0},
		{"#figure-records", "rate", 0},
	}
	lag := 0.0
	for _, stream := range []string{"orders", "news"} {
		of := func(metric string) float64 { return m[fmt.Sprintf("%s{stream=%q}", metric, stream)] }
		lag += of("sluice_stream_lag_records")
		card := fmt.Sprintf("[data-stream=%s] ", stream)
		list = append(list,
			shown{card + "[data-fact=Subscribers]", "count", of("sluice_stream_subscribers")},
			shown{card + "[data-fact='Records read']", "count", of("sluice_records_total")},
			shown{card + "[data-fact=Events]", "count", of("sluice_events_total")},
			shown{card + "[data-fact=Deliveries]", "count", of("sluice_stream_deliveries_total")},
			shown{card + "[data-fact='Entries in memory'] span:first-child", "short", of("sluice_log_entries")},
			shown{card + "[data-fact='Entries in memory'] span:last-child", "bytes", of("sluice_log_bytes")},
			shown{card + "[data-fact='Subjects in state'] span:first-child", "short", of("sluice_state_subjects")},
			shown{card + "[data-fact='Subjects in state'] span:last-child", "bytes", of("sluice_state_bytes")},
			shown{card + "[data-figure=lag]", "count", of("sluice_stream_lag_records")},
			shown{card + "[data-figure='events/s']", "rate", 0},
			shown{card + "[data-figure='deliveries/s']", "rate", 0},
		)
	}
	list = append(list, shown{"#figure-lag", "count", lag})
	for series, value := range m {
		metric, rest, _ := strings.Cut(series, "{")
		place := countPlace(metric, rest)
		if place != "" && value > 0 {
			list = append(list, shown{place, "count", value})
		}
	}
	return list
}

// partitions are the tables of partitions once all has been read: /metrics has no
// positions, so these are Kafka's own.
func partitions(t *testing.T, kafka *kgo.Client) (list []shown) {
	t.Helper()
	for stream, topic := range map[string]string{"orders": "order-topic", "news": "news"} {
		ends, err := kadm.NewClient(kafka).ListCommittedOffsets(bounded(t), topic)
		if err == nil {
			err = ends.Error()
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, shown{fmt.Sprintf("[data-stream=%s] [data-count=partitions]", stream), "count", float64(len(ends[topic]))})
		for _, end := range ends[topic] {
			list = append(list, partition(stream, float64(end.Partition), float64(end.Offset), float64(end.Offset), 0)...)
		}
	}
	return list
}

// countPlace is where the console lists a metric by its reasons; "" where it doesn't.
func countPlace(metric, labels string) string {
	label := func(name string) string {
		_, rest, _ := strings.Cut(labels, name+`="`)
		value, _, _ := strings.Cut(rest, `"`)
		return value
	}
	group := func(title, by string) string {
		return fmt.Sprintf("[data-group='%s'] [data-count='%s']", title, label(by))
	}
	switch metric {
	case "sluice_streams_opened_total":
		return group("Streams opened", "outcome")
	case "sluice_streams_closed_total":
		return group("Streams closed", "reason")
	case "sluice_resets_total":
		return group("Resets sent", "reason")
	case "sluice_unavailable_total":
		return group("Refused (retry later)", "reason")
	case "sluice_auth_failures_total":
		return group("Refused (no identity)", "reason")
	case "sluice_connections_by_carrier":
		return group("Open now", "carrier")
	case "sluice_records_refused_total":
		return fmt.Sprintf("[data-stream='%s'] [data-counts=poison] [data-count='%s']", label("stream"), label("reason"))
	}
	return ""
}

// A page that is opened on a bad day shows what was before it, and goes on from there.
func TestConsoleShowsWhatWasBeforeIt(t *testing.T) {
	need(t, "chromium", "chromium")
	g, _ := consoleGateway(t, "auth: none\n"+consoleStreams, consoleTopics)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for ctx := bounded(t); ; {
		response, err := get(ctx, g.AdminURL()+"/live/history", nil)
		if err != nil {
			t.Fatal(err)
		}
		var history struct{ Samples []struct{} }
		err = json.NewDecoder(response.Body).Decode(&history)
		_ = response.Body.Close() // it was read
		if err != nil {
			t.Fatal(err)
		}
		if len(history.Samples) >= 4 {
			break
		}
		<-again.C
	}
	c := openConsole(startChromium(t), t, g.AdminURL()+"/console/")
	// Of the line's points only the last can be of the page's own first look.
	const points = `(document.querySelector("#figures .line")?.getAttribute("d") ?? "").split(/[ML]/).length - 1`
	c.until(points + " > 0")
	if n := ask[int](&c.page, points); n < 4 {
		t.Errorf("the graph begins with %d points", n)
	}
	c.until(points + " >= 7")
	if x := ask[string](&c.page, `document.querySelector("#figures .line").getAttribute("d").match(/[ML]([\d.]+)/g).map(p => p.slice(1)).join()`); !isEveryStep(x) {
		t.Errorf("the graph's points are at %s", x)
	}
}

// isEveryStep reports whether numbers follow each other without a gap.
func isEveryStep(list string) bool {
	before := -1
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || before >= 0 && n != before+1 {
			return false
		}
		before = n
	}
	return true
}
