package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/e2e/checker"
)

// producer writes events to Kafka and enters them in the books. It rides out a restart of
// Kafka: it is idempotent, so that retrying doubles nothing.
type producer struct {
	books  *checker.Checker
	client *kgo.Client

	mu      sync.Mutex // guards the rest; a leaf lock
	failure error      // the first
}

func newProducer(t *testing.T, kafka kafkaClients, books *checker.Checker, opts ...kgo.Opt) *producer {
	t.Helper()
	opts = append([]kgo.Opt{
		// Partitions that are added must be written to soon.
		kgo.MetadataMinAge(100 * time.Millisecond), kgo.MetadataMaxAge(time.Second),
	}, opts...)
	return &producer{books: books, client: kafka.Client(t, opts...)}
}

// kafkaClients is a Kafka of any kind.
type kafkaClients interface {
	Client(t testing.TB, opts ...kgo.Opt) *kgo.Client
	Admin() *kadm.Client
}

// anywhere leaves the choice of the partition to the key.
const anywhere int32 = -1

// send produces an event of the stream, to the topic of the same name. It doesn't wait
// for Kafka.
func (p *producer) send(ctx context.Context, stream, key string, partition int32, e checker.Event) {
	e.Key = key
	number, value := p.books.Produce(stream, e)
	record := &kgo.Record{Topic: stream, Key: []byte(key), Value: value, Partition: partition, Timestamp: e.Time}
	p.client.Produce(ctx, record, func(r *kgo.Record, err error) {
		if err == nil {
			p.books.Acked(stream, number, r.Partition, r.Offset)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.failure == nil {
			p.failure = fmt.Errorf("producing %s/%d: %w", stream, number, err)
		}
	})
}

// flush waits until Kafka has everything, and returns what went wrong so far.
func (p *producer) flush(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("waiting for Kafka to acknowledge: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failure
}
