package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

// shipment is a run: three gateways that share a delivery, a target that fails in every
// way, and gateways and a Kafka that are killed.
type shipment struct {
	t        *testing.T
	random   *rand.Rand
	kafka    *kafkatest.Cluster
	target   *hardTarget
	gateways [3]*gateway.Gateway
	records  []delivered
}

// Every record is delivered at least once, or is in the dead letters with its cause. The
// order of each key is kept, and repeats have the same id. Sending the dead letters again
// empties them.
func TestDeliveriesThroughChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	records, keys, outage := 2000, 50, 6*time.Second
	if os.Getenv("SLUICE_TEST_FULL") != "" {
		records, keys, outage = 20000, 500, time.Minute
	}
	s := &shipment{t: t, random: rand.New(rand.NewPCG(seed, 1)), kafka: kafkatest.Start(t)}
	s.target = newHardTarget(t, rand.New(rand.NewPCG(seed, 2)))
	s.kafka.CreateTopic(t, "order-topic", 6)
	s.kafka.CreateTopic(t, "order-topic.dead", 2)
	s.start()
	s.produce(records, keys, outage)
	s.awaitDone()
	s.checkMemory()
	s.judge()
}

func (s *shipment) start() {
	secret := filepath.Join(s.t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("whsec_"+webhookSecret), 0o600); err != nil {
		s.t.Fatal(err)
	}
	config := fmt.Sprintf(`
kafka: {brokers: [%q]}
auth: none
streams: {orders: {topic: order-topic, user: key, replay: 1s}}
deliveries:
  order-mail:
    stream: orders
    http: {url: %q, secret_file: %q, timeout: 2s, allow_private: true}
    window: {records: 500}
    retry: {min: 100ms, max: 2s, attempts: 12}
    dead_letter: order-topic.dead
`, s.kafka.Plaintext(), s.target.URL, secret)
	for i := range s.gateways {
		s.gateways[i] = newGateway(s.t, config)
		s.gateways[i].Start()
	}
	ctx := bounded(s.t)
	for _, g := range s.gateways {
		if err := g.AwaitReady(ctx); err != nil {
			s.t.Fatal(err)
		}
	}
	s.await("the delivery runs everywhere", func() bool {
		for _, g := range s.gateways {
			if _, body := g.Ask(ctx, "/deliveries"); !strings.Contains(body, `"state":"running"`) {
				return false
			}
		}
		return true
	})
}

func (s *shipment) await(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(10 * time.Minute); !holds(); {
		select {
		case <-tick.C:
		case <-late:
			var states []string
			for _, g := range s.gateways {
				_, body := g.Ask(s.t.Context(), "/deliveries")
				states = append(states, body)
			}
			s.t.Fatalf("never: %s; %d of %d have arrived\n%s", what, s.target.arrived(), len(s.records), strings.Join(states, "\n"))
		}
	}
}

// produce writes all records, while things happen.
func (s *shipment) produce(records, keys int, outage time.Duration) {
	client := s.kafka.Client(s.t)
	next := make(map[string]int)
	for i := range records {
		key := fmt.Sprint("key", s.random.IntN(keys))
		next[key]++
		d := delivered{key, next[key]}
		s.records = append(s.records, d)
		value, err := json.Marshal(d)
		if err != nil {
			s.t.Fatal(err)
		}
		client.Produce(s.t.Context(), &kgo.Record{Topic: "order-topic", Key: []byte(key), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				s.t.Errorf("producing: %v", err)
			}
		})
		if i%(records/20) == records/40 {
			if err := client.Flush(s.t.Context()); err != nil {
				s.t.Fatal(err)
			}
			s.happen(i*20/records, outage)
		}
	}
	if err := client.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// happen does the nth of twenty things.
func (s *shipment) happen(n int, outage time.Duration) {
	wait := func(d time.Duration) { <-time.After(d) }
	switch g := s.gateways[s.random.IntN(len(s.gateways))]; {
	case n == 7:
		s.target.set(func() { s.target.down = true })
		wait(outage)
		s.target.set(func() { s.target.down = false })
	case n == 12:
		s.kafka.Kill()
		wait(time.Second)
		s.kafka.Start()
	case n%3 == 0:
		g.Kill()
		wait(time.Duration(s.random.IntN(1000)) * time.Millisecond)
		g.Start()
	case n%3 == 1:
		s.await("it answers, and so knows signals", func() bool { status, _ := g.Ask(s.t.Context(), "/livez"); return status == http.StatusOK })
		g.Terminate()
		g.Start()
	default:
		wait(time.Second)
	}
	s.resume()
}

// resume is the operator, who resumes what a 410 has paused.
func (s *shipment) resume() {
	for _, g := range s.gateways {
		if _, body := g.Ask(s.t.Context(), "/deliveries"); !strings.Contains(body, `"state":"paused"`) {
			continue
		}
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, g.AdminURL()+"/deliveries/order-mail/resume", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil { // it may be just starting
			resp.Body.Close()
		}
	}
}

// awaitDone waits until the group has committed all.
func (s *shipment) awaitDone() {
	admin := s.kafka.Admin()
	s.await("all is committed", func() bool {
		s.resume()
		commits, err := admin.FetchOffsets(s.t.Context(), "sluice-order-mail")
		if err != nil {
			return false
		}
		done := int64(0)
		commits.Each(func(o kadm.OffsetResponse) { done += o.At })
		return done == int64(len(s.records))
	})
}

func (s *shipment) checkMemory() {
	for _, g := range s.gateways {
		if rss, err := g.Metric(s.t.Context(), "process_resident_memory_bytes"); err != nil || rss > 300<<20 {
			s.t.Errorf("a gateway takes %.0f bytes, %v", rss, err)
		}
	}
}

// judge holds what came against what was produced, and sends the dead letters again.
func (s *shipment) judge() {
	letters := s.redrive("--list")
	refused := 0
	for _, d := range s.records {
		_, came := s.target.names[d]
		switch {
		case isRefused(d):
			refused++
		case !came && !strings.Contains(letters, "key="+d.Key+" "):
			s.t.Errorf("%v is neither delivered nor in the dead letters", d)
		}
	}
	if n := strings.Count(letters, "\n"); n < refused || strings.Count(letters, "  status_422  ") < refused {
		s.t.Errorf("%d dead letters, want at least the %d that the target refuses:\n%.2000s", n, refused, letters)
	}
	s.target.set(func() { s.target.well = true })
	if said := s.redrive("--all"); !strings.Contains(said, " 0 failed.") {
		s.t.Errorf("%s", said)
	}
	if left := s.redrive("--list"); !strings.Contains(left, "There are no dead letters.") {
		s.t.Errorf("left: %s", left)
	}
	for _, d := range s.records {
		if _, came := s.target.names[d]; !came {
			s.t.Errorf("%v was never delivered", d)
		}
	}
	s.t.Logf("%d records, %d repeats, %d dead letters", len(s.records), s.target.again, strings.Count(letters, "\n"))
}

func (s *shipment) redrive(args ...string) string {
	s.t.Helper()
	binary, err := gateway.Binary()
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	var errs bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, append([]string{"redrive", "-c", s.gateways[0].ConfigFile(), "order-mail"}, args...)...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Errorf("redrive %v: %v\n%s", args, err, &errs)
	}
	return string(out)
}
