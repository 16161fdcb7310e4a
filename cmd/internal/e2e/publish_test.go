package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/cmd/internal/e2e/gateway"
	"sluice/stream/ssetest"
)

// publishers write to a gateway by HTTP, each message until it is answered 202.
type publishers struct {
	t   *testing.T
	url string
	key string // an API key

	mu       sync.Mutex
	accepted map[string]string // partition and offset, by idempotency key
	statuses map[int]int
	changed  chan struct{} // gets one for each that is accepted
}

// send sends a message until Kafka has it. Kafka being away is said by 503, and by
// nothing else.
func (p *publishers) send(ctx context.Context, name string) {
	body := fmt.Sprintf(`{"key":%q,"value":{"n":%q}}`, name, name)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/publish/orders", strings.NewReader(body))
		if err != nil {
			p.t.Error(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+p.key)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", name)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			p.t.Error(err)
			return
		}
		var answer struct {
			Partition int32
			Offset    int64
			Type      string
		}
		err = json.NewDecoder(resp.Body).Decode(&answer)
		resp.Body.Close()
		p.mu.Lock()
		p.statuses[resp.StatusCode]++
		if resp.StatusCode == http.StatusAccepted {
			p.accepted[name] = fmt.Sprintf("%d/%d", answer.Partition, answer.Offset)
		}
		p.mu.Unlock()
		switch {
		case err != nil, resp.StatusCode != http.StatusAccepted && resp.StatusCode != http.StatusServiceUnavailable, resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "":
			p.t.Errorf("%s: %d %+v %v", name, resp.StatusCode, answer, err)
			return
		case resp.StatusCode == http.StatusAccepted:
			p.changed <- struct{}{}
			return
		}
		<-again.C
	}
}

// What was answered 202 is in Kafka once, and reaches the page, though Kafka is killed
// and started again meanwhile. A key that is sent again is answered as before.
func TestWhatIsPublishedReachesThePageOnce(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 12
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	t.Cleanup(cancel)
	kafka := kafkatest.Start(t)
	kafka.CreateTopic(t, "order-topic", 3)
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	key := newKey(t, keys)
	g := readyGateway(ctx, t, fmt.Sprintf(`kafka: {brokers: [%q]}
auth: {api_keys_file: %s, jwt: {secret: 0123456789abcdef0123456789abcdef, require_exp: true}}
streams: {orders: {topic: order-topic, audience: everyone, access: [anyone]}}
publish: {streams: [orders], rate: 0}
`, kafka.Brokers()[0], keys))
	p := &publishers{t: t, url: g.URL(), key: key, accepted: make(map[string]string), statuses: make(map[int]int), changed: make(chan struct{}, workers*each)}
	var working sync.WaitGroup
	for w := range workers {
		working.Go(func() {
			for i := range each {
				p.send(ctx, fmt.Sprintf("k-%d-%d", w, i))
			}
		})
	}
	for range workers * each / 4 {
		<-p.changed
	}
	kafka.Kill()
	kafka.Start()
	working.Wait()
	if len(p.accepted) != workers*each || t.Failed() {
		t.Fatalf("%d of %d are accepted; answers: %v", len(p.accepted), workers*each, p.statuses)
	}
	before := p.accepted["k-0-0"]
	p.send(ctx, "k-0-0")
	if after := p.accepted["k-0-0"]; after != before {
		t.Errorf("sent again it is at %s, and was at %s", after, before)
	}
	t.Logf("answers: %v", p.statuses)

	found := make(map[string]string)
	reader := kafka.Client(t, kgo.ConsumeTopics("order-topic"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ends, err := kafka.Admin().ListEndOffsets(ctx, "order-topic")
	if err != nil {
		t.Fatal(err)
	}
	var total, read int64
	for _, e := range ends["order-topic"] {
		total += e.Offset
	}
	for read < total {
		fetched := reader.PollFetches(ctx)
		if err := fetched.Err0(); err != nil {
			t.Fatal(err)
		}
		for _, rec := range fetched.Records() {
			read++
			at, name := fmt.Sprintf("%d/%d", rec.Partition, rec.Offset), string(rec.Headers[0].Value)
			if found[name] != "" {
				t.Errorf("%s is at %s and at %s", name, found[name], at)
			}
			found[name] = at
			if p.accepted[name] != at || string(rec.Value) != fmt.Sprintf(`{"n":%q}`, name) {
				t.Errorf("%s is at %s, and was said to be at %s: %s", name, at, p.accepted[name], rec.Value)
			}
		}
	}
	if len(found) != workers*each {
		t.Errorf("%d records are in Kafka, %d were accepted", len(found), workers*each)
	}

	page, err := http.NewRequestWithContext(ctx, http.MethodGet, g.URL()+"/events?from=earliest", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(page)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	seen := make(map[string]bool)
	for events := ssetest.NewReader(resp.Body); len(seen) < workers*each; {
		e, err := events.Next()
		if err != nil {
			t.Fatal(err, len(seen))
		}
		if e.Name == "message" {
			seen[e.Data] = true
		}
	}
}

// newKey makes an API key in a file.
func newKey(t *testing.T, file string) string {
	t.Helper()
	binary, err := gateway.Binary()
	if err != nil {
		t.Fatal(err)
	}
	key, err := exec.Command(binary, "keys", "new", "-f", file, "shop").Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(key))
}
