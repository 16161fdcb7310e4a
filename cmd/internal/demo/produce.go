package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// produceEvents plays out what the shops make up, and the orders of those who visit them,
// until ctx ends. As any producer would, it connects to the broker and writes records. A
// record that Kafka didn't take ends it with an error.
func produceEvents(ctx context.Context, brokers []string, s *shops, visits <-chan visit) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ClientID("sluice-demo-shops"),
		kgo.ProducerLinger(0), // an event at a time, as soon as it happens
	)
	if err != nil {
		return fmt.Errorf("shops: %w", err)
	}
	defer client.Close()

	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	opened := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(opened.Add(s.due())))
		select {
		case <-ctx.Done():
			return failure(ctx)
		case v := <-visits:
			s.visit(time.Since(opened), v)
			continue
		case <-timer.C:
		}
		h := s.next()
		record := &kgo.Record{Topic: h.topic, Key: h.key, Value: h.value}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				fail(fmt.Errorf("shops: write to %s: %w", h.topic, err))
			}
		})
	}
}

// failure is why ctx ended; nil when that was only asked for.
func failure(ctx context.Context) error {
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
