package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// CreateTopics makes the topics anew: what an earlier run left would be replayed.
func CreateTopics(ctx context.Context, brokers []string, partitions int, topics ...string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if _, err := adm.DeleteTopics(ctx, topics...); err != nil {
		return fmt.Errorf("deleting old topics at %v: %w", brokers, err)
	}
	for {
		res, err := adm.CreateTopics(ctx, int32(partitions), 1, nil, topics...)
		if err != nil {
			return fmt.Errorf("creating topics at %v: %w", brokers, err)
		}
		again := false
		for _, t := range res {
			if errors.Is(t.Err, kerr.TopicAlreadyExists) { // its deletion takes a moment, or it was made in an earlier round
				again = again || !created(ctx, adm, t.Topic)
			} else if t.Err != nil {
				return fmt.Errorf("creating topic %s: %w", t.Topic, t.Err)
			}
		}
		if !again {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// created reports whether the topic is there and empty.
func created(ctx context.Context, adm *kadm.Client, topic string) bool {
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err != nil || ends.Error() != nil {
		return false
	}
	empty := true
	ends.Each(func(o kadm.ListedOffset) { empty = empty && o.Offset == 0 })
	return empty && len(ends) > 0
}

// PollClient is a bare franz-go consumer of a topic, from its start: what the floor
// reads Kafka with, and what latency is compared with.
func PollClient(brokers, topic string) (*kgo.Client, error) {
	return kgo.NewClient(
		kgo.SeedBrokers(SplitList(brokers)...),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)
}
