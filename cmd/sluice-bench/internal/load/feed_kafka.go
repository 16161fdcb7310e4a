package load

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// kafkaFeeder produces to a topic. The record's key is the user.
type kafkaFeeder struct {
	client *kgo.Client
	topic  string

	mu  sync.Mutex // guards err
	err error
}

// NewKafkaFeeder makes a producer without linger. The caller closes it.
func NewKafkaFeeder(brokers []string, topic string) (*kafkaFeeder, error) {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ProducerLinger(0), // latency is measured
		kgo.MaxBufferedRecords(100_000),
	)
	return &kafkaFeeder{client: cl, topic: topic}, err
}

// Send produces; [kafkaFeeder.Flush] waits.
func (f *kafkaFeeder) Send(ctx context.Context, user string, data []byte) error {
	r := &kgo.Record{Topic: f.topic, Value: data}
	if user != "" {
		r.Key = []byte(user)
	}
	f.client.Produce(ctx, r, f.produced)
	return nil
}

func (f *kafkaFeeder) produced(_ *kgo.Record, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = fmt.Errorf("producing to %s: %w", f.topic, err)
	}
}

// Flush waits for the brokers.
func (f *kafkaFeeder) Flush(ctx context.Context) error {
	err := f.client.Flush(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(err, f.err)
}

// Close ends the producer.
func (f *kafkaFeeder) Close() { f.client.Close() }

// SendMarkers produces one event for user into every partition. A client that has read
// them all has read everything before them.
func SendMarkers(ctx context.Context, brokers []string, topic, user string, partitions int, data func(n int) []byte) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer cl.Close()
	var records []*kgo.Record
	for p := range partitions {
		records = append(records, &kgo.Record{Topic: topic, Partition: int32(p), Key: []byte(user), Value: data(p)})
	}
	return cl.ProduceSync(ctx, records...).FirstErr()
}
