package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
)

// backend places orders as another program of the shop's would: it writes them to the
// topic.
type backend struct {
	t      *testing.T
	client *kgo.Client
	topic  string
	placed atomic.Int64
}

func newBackend(t *testing.T, kafka *kafkatest.Cluster, topic string) *backend {
	t.Helper()
	return &backend{t: t, client: kafka.Client(t), topic: topic}
}

// record is a record that says that a user's next order has this status.
func (b *backend) record(user, status string) (id string, r *kgo.Record) {
	id = fmt.Sprintf("t-%d", b.placed.Add(1))
	value, err := json.Marshal(order{id, user, status, "Enamel kettle", 38, "order." + status})
	if err != nil {
		panic(err) // strings and a number
	}
	return id, &kgo.Record{Topic: b.topic, Key: []byte(user), Value: value}
}

// place places so many orders of a user, and returns when Kafka has them. The worker
// confirms them by and by.
func (b *backend) place(user string, n int) {
	b.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		_, records[i] = b.record(user, "placed")
	}
	if err := b.client.ProduceSync(b.t.Context(), records...).FirstErr(); err != nil {
		b.t.Fatalf("placing orders: %v", err)
	}
}

// confirm writes a confirmation of an order, as the worker does.
func (b *backend) confirm(user, id string) {
	b.t.Helper()
	value, err := json.Marshal(order{id, user, "confirmed", "Enamel kettle", 38, "order.confirmed"})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.client.ProduceSync(b.t.Context(), &kgo.Record{Topic: b.topic, Key: []byte(user), Value: value}).FirstErr(); err != nil {
		b.t.Fatalf("confirming an order: %v", err)
	}
}

// business places a user's orders one after the other until it is stopped.
func (b *backend) business(user string, every time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		next := time.NewTicker(every)
		defer next.Stop()
		for {
			_, r := b.record(user, "placed")
			b.client.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
				if err != nil {
					b.t.Errorf("placing an order: %v", err)
				}
			})
			select {
			case <-next.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-ended
		if err := b.client.Flush(b.t.Context()); err != nil {
			b.t.Errorf("placing orders: %v", err)
		}
	}
}
