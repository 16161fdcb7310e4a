package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
)

func kgoRecord(topic, key, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}
}

// A gateway may start before its Kafka: it lives, is not ready, and becomes ready by
// itself.
func TestGatewayWaitsForKafka(t *testing.T) {
	kafka := kafkatest.Start(t)
	kafka.CreateTopic(t, "orders", 1)
	ctx := bounded(t)
	if err := kafka.Client(t).ProduceSync(ctx, kgoRecord("orders", "alice", "o-1")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	kafka.Stop()
	g := newGateway(t, listenerConfig(fmt.Sprintf(`{brokers: [%q]}`, kafka.Plaintext()), "orders"))
	g.Start()
	if err := g.AwaitLog(ctx, "connection refused"); err != nil {
		t.Fatal(err)
	}
	if status, body := g.Readiness(ctx); status != http.StatusServiceUnavailable {
		t.Errorf("without Kafka, /readyz answers %d: %s", status, body)
	}
	kafka.Start()
	if err := g.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	if got := readRaw(ctx, t, g.URL()+"/events?user=alice&from=earliest", 1); len(got) != 1 || got[0].data != "o-1" {
		t.Errorf("alice was sent %+v", got)
	}
}

// A topic that doesn't exist is waited for, by name, and nothing else is waited for with
// it.
func TestGatewayWaitsForATopic(t *testing.T) {
	kafka := kafkatest.Shared(t)
	ctx := bounded(t)
	g := newGateway(t, listenerConfig(fmt.Sprintf(`{brokers: [%q]}`, kafka.Plaintext()), "not-yet"))
	g.Start()
	if err := g.AwaitLog(ctx, "not-yet"); err != nil {
		t.Fatal(err)
	}
	if status, body := g.Readiness(ctx); status != http.StatusServiceUnavailable || !strings.Contains(body, "not-yet") {
		t.Errorf("/readyz answers %d: %s; want 503 and the topic's name", status, body)
	}
	kafka.CreateTopic(t, "not-yet", 1)
	if err := g.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}
