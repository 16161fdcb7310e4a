package broker

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
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

// mayWrite is the bit of WRITE among the operations that Kafka allows on a topic
// (KIP-430).
const mayWrite = 1 << 4

// NotWritable asks Kafka once which of these topics this user may not write to. Topics
// that aren't there, and those of a Kafka that doesn't tell, are not among them. Its
// errors are those of Inspect.
func NotWritable(ctx context.Context, cfg Config, topics ...string) (denied []string, err error) {
	cl, err := cfg.client()
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	answer, err := hedged(ctx, func(ctx context.Context) (*kmsg.MetadataResponse, error) {
		ask := nameTopics(topics)
		ask.IncludeTopicAuthorizedOperations = true
		return ask.RequestWith(ctx, cl)
	})
	if err != nil {
		return nil, &inspectError{err}
	}
	for _, t := range answer.Topics {
		told := t.ErrorCode == 0 && t.AuthorizedOperations != math.MinInt32
		if t.Topic != nil && told && t.AuthorizedOperations&mayWrite == 0 {
			denied = append(denied, *t.Topic)
		}
	}
	return denied, nil
}
