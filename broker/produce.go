package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Produce writes one record. It returns when all of Kafka's replicas have it, and the
// record then has its Partition and Offset. A record with a key goes to the partition
// that Kafka's own producer would choose. Produce never creates a topic.
func Produce(ctx context.Context, cfg Config, record *kgo.Record) error {
	cl, err := cfg.client(
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.UnknownTopicRetries(1),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	err = cl.ProduceSync(ctx, record).FirstErr()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("topic %s: there is no such topic", record.Topic)
	case errors.Is(err, context.DeadlineExceeded):
		if pinged := cl.Ping(ctx); pinged != nil {
			err = pinged
		}
		return fmt.Errorf("topic %s: Kafka doesn't answer in time: %w", record.Topic, err)
	}
	return fmt.Errorf("topic %s: %w", record.Topic, err)
}
