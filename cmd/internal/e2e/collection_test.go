package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
)

// A TanStack DB collection of @sluice/client/db has the rows of the compacted topic at
// each of 20 cuts, whether it begins with the stream's snapshot or with the state. On the
// way the gateway is killed, connections are closed, and the stream becomes another
// topic's and comes back.
func TestACollectionIsTheCompactedTopic(t *testing.T) {
	const cuts = 20
	rows := 1_000
	if os.Getenv("SLUICE_TEST_FULL") == "1" {
		rows = 10_000
	}
	need(t, "node", "nodejs")
	kafka := kafkatest.Shared(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // an end that only a failure reaches
	t.Cleanup(cancel)
	for _, topic := range []string{"rows", "rows-other"} {
		kafka.CreateTopic(t, topic, 3, "cleanup.policy=compact", "min.cleanable.dirty.ratio=0.001", "max.compaction.lag.ms=100", "segment.ms=1000")
	}
	number := seed(t)
	t.Logf("SLUICE_TEST_SEED=%d repeats this run", number)
	table := &table{t: t, ctx: ctx, kafka: kafka, random: rand.New(rand.NewPCG(number, 1)), keys: rows / 4, topic: "rows"}
	table.producer = kafka.Client(t)
	table.write(rows / cuts) // there is something in the state before anybody is there
	table.gateway = readyGateway(ctx, t, fmt.Sprintf(`
heartbeat: 1s
kafka: {brokers: [%q]}
auth: none
streams: {rows: {topic: rows, audience: everyone, subject: key}}
`, kafka.Plaintext()))
	table.follow()
	for cut := 1; cut <= cuts; cut++ {
		if cut > 1 {
			table.write(rows / cuts)
		}
		switch cut {
		case 4, 13:
			table.gateway.Kill()
			table.write(10)
			table.gateway.Start()
		case 7, 16:
			table.closeConnections()
		case 10:
			table.become("rows-other")
			table.write(10)
			table.compare("the other topic")
			table.become("rows")
		}
		table.compare(fmt.Sprintf("cut %d", cut))
	}
	for name, shown := range table.shown() {
		if shown.Replaced < 3 { // at the start and by two resets
			t.Errorf("%s: its rows were replaced %d times", name, shown.Replaced)
		}
	}
}

// table is a compacted topic and those that follow it.
type table struct {
	t        *testing.T
	ctx      context.Context
	kafka    *kafkatest.Cluster
	producer *kgo.Client
	gateway  *gateway.Gateway
	random   *rand.Rand
	keys     int
	topic    string
	written  int
	ask      io.Writer
	answers  *bufio.Reader
}

// shownRows is what a collection shows.
type shownRows struct {
	Ready    bool
	Replaced int
	Statuses []string
	Rows     map[string]json.RawMessage
}

// write writes records, of which each fifth is a tombstone.
func (c *table) write(n int) {
	c.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		key := fmt.Sprint("r-", c.random.IntN(c.keys))
		records[i] = &kgo.Record{Topic: c.topic, Key: []byte(key)}
		if c.written++; c.random.IntN(5) > 0 {
			records[i].Value = fmt.Appendf(nil, `{"id":%q,"n":%d}`, key, c.written)
		}
	}
	if err := c.producer.ProduceSync(c.ctx, records...).FirstErr(); err != nil {
		c.t.Fatal(err)
	}
}

// compacted reads the topic, and returns the latest value of each key that has one.
func (c *table) compacted() map[string]string {
	c.t.Helper()
	ends, err := c.kafka.Admin().ListEndOffsets(c.ctx, c.topic)
	if err != nil {
		c.t.Fatal(err)
	}
	start, left := make(map[int32]kgo.Offset), make(map[int32]int64)
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			start[end.Partition], left[end.Partition] = kgo.NewOffset().AtStart(), end.Offset
		}
	})
	client := c.kafka.Client(c.t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.topic: start}))
	defer client.Close()
	latest := make(map[string]string)
	for len(left) > 0 {
		fetches := client.PollFetches(c.ctx)
		if err := fetches.Err(); err != nil {
			c.t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			if r.Value == nil {
				delete(latest, string(r.Key))
			} else {
				latest[string(r.Key)] = string(r.Value)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		}
	}
	return latest
}

// follow starts the program with the collections.
func (c *table) follow() {
	c.t.Helper()
	client, err := filepath.Abs("../../../web/client")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, part := range []string{"dist/db.js", "node_modules/@tanstack/db"} {
		if _, err := os.Stat(filepath.Join(client, part)); err != nil {
			if os.Getenv("SLUICE_TEST_ALL") == "1" {
				c.t.Fatalf("needs web/client to be built: npm ci && npm run build (%v)", err)
			}
			c.t.Skip("needs web/client to be built: npm ci && npm run build")
		}
	}
	// The test's context ends before the program is told to.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), 12*time.Minute)
	node := exec.CommandContext(ctx, "node", "test/gateway/collection.mjs", c.gateway.URL()+"/events?stream=rows&user=alice")
	node.Dir = client
	said := new(strings.Builder)
	node.Stderr = said
	in, err := node.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.ask, c.answers = in, bufio.NewReader(out)
	c.t.Cleanup(func() {
		defer cancel()
		in.Close()
		if err := node.Wait(); err != nil || said.Len() > 0 {
			c.t.Errorf("node: %v\n%s", err, said)
		}
	})
}

func (c *table) shown() (shown map[string]shownRows) {
	c.t.Helper()
	if _, err := io.WriteString(c.ask, "\n"); err != nil {
		c.t.Fatal(err)
	}
	line, err := c.answers.ReadBytes('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal(line, &shown); err != nil {
		c.t.Fatal(err)
	}
	return shown
}

// compare waits until the collections have what the topic has, and says what they have
// instead.
func (c *table) compare(when string) {
	c.t.Helper()
	want := c.compacted()
	wrong := ""
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end, cancel := context.WithTimeout(c.ctx, time.Minute); ; {
		wrong = ""
		for name, shown := range c.shown() {
			got := make(map[string]string, len(shown.Rows))
			for key, row := range shown.Rows {
				got[key] = string(row)
			}
			if !shown.Ready || !maps.Equal(got, want) {
				wrong += fmt.Sprintf("\n%s, %v: ready %t, %s", name, shown.Statuses, shown.Ready, difference(want, got))
			}
		}
		if wrong == "" {
			cancel()
			return
		}
		select {
		case <-again.C:
		case <-end.Done():
			cancel()
			c.t.Fatalf("%s: of %d rows%s\n%s", when, len(want), wrong, c.gateway.Log())
		}
	}
}

// difference says the first few rows that differ.
func difference(want, got map[string]string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d rows", len(got))
	all := maps.Clone(got)
	maps.Copy(all, want)
	said := 0
	for key := range all {
		if want[key] != got[key] && said < 5 {
			fmt.Fprintf(&text, "; %s is %q and not %q", key, got[key], want[key])
			said++
		}
	}
	return text.String()
}

// become has the gateway serve another topic as the stream. No cursor of before is good
// then.
func (c *table) become(topic string) {
	c.t.Helper()
	text, err := os.ReadFile(c.gateway.ConfigFile())
	if err != nil {
		c.t.Fatal(err)
	}
	changed := strings.Replace(string(text), "topic: "+c.topic+",", "topic: "+topic+",", 1)
	if changed == string(text) {
		c.t.Fatalf("the configuration has no %s", c.topic)
	}
	c.gateway.Kill()
	if err := os.WriteFile(c.gateway.ConfigFile(), []byte(changed), 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.topic = topic
	c.gateway.Start()
}

// closeConnections ends all connections, as an operator does.
func (c *table) closeConnections() {
	c.t.Helper()
	if err := c.gateway.AwaitReady(c.ctx); err != nil {
		c.t.Fatal(err)
	}
	status, body := c.gateway.Ask(c.ctx, "/subscribers")
	var list struct{ Subscribers []struct{ ID string } }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		c.t.Fatalf("/subscribers: %d %s", status, body)
	}
	for _, one := range list.Subscribers {
		request, err := http.NewRequestWithContext(c.ctx, http.MethodDelete, c.gateway.AdminURL()+"/subscribers/"+one.ID, nil)
		if err != nil {
			c.t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			c.t.Fatal(err)
		}
		response.Body.Close()
	}
}
