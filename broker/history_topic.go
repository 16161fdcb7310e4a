package broker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// topicHistory asks about one topic's past, for all streams of the topic.
type topicHistory struct {
	topic string
	cl    *kgo.Client
	log   *slog.Logger

	bounds questions[*stream.Bounds]
	epochs questions[*epochQuestion]

	mu       sync.Mutex // guards the rest; never held across a question to Kafka
	policy   policy
	policyAt time.Time
	denied   bool // the log says that the configuration can't be read
	identity identity

	saidBounds, saidOffsets, saidRead string // the last complaints in the log; "": none

	judging chan struct{} // one slot; its holder may ask brokers which topic it is
}

func newTopicHistory(topic string, cl *kgo.Client, log *slog.Logger) *topicHistory {
	t := &topicHistory{topic: topic, cl: cl, log: log.With("topic", topic), judging: make(chan struct{}, 1)}
	t.bounds.cl, t.bounds.ask = cl, t.askBounds
	t.epochs.cl, t.epochs.ask = cl, t.askEpochs
	return t
}

// close waits for questions that are under way. The client is closed already.
func (t *topicHistory) close() {
	t.bounds.running.Wait()
	t.epochs.running.Wait()
}

// describe returns what is true of the topic, given what brokers say. An error of the
// topic is an error.
func (t *topicHistory) describe(ctx context.Context) (topicMeta, error) {
	for {
		metas, err := describe(ctx, t.cl, t.topic)
		if err != nil {
			return topicMeta{}, err
		}
		m, err := t.believe(ctx, metas[t.topic])
		if !errors.Is(err, errLagging) {
			return m, err
		}
		select {
		case <-ctx.Done():
			return topicMeta{}, ctx.Err()
		case <-time.After(catchupPause):
		}
	}
}

// believe is [identity.believe] for concurrent callers. If nothing has changed it costs
// one look under the lock.
func (t *topicHistory) believe(ctx context.Context, m topicMeta) (topicMeta, error) {
	t.mu.Lock()
	if m.err == nil && t.identity.epoch != "" && t.identity.isSame(m) {
		m = t.identity.adopt(m)
		t.mu.Unlock()
		return m, nil
	}
	t.mu.Unlock()
	select {
	case t.judging <- struct{}{}:
		defer func() { <-t.judging }()
	case <-ctx.Done():
		return topicMeta{}, ctx.Err()
	}
	t.mu.Lock()
	judged := t.identity
	t.mu.Unlock()
	m, _, err := judged.believe(ctx, t.cl, t.topic, m)
	t.mu.Lock()
	t.identity = judged
	t.mu.Unlock()
	return m, err
}

// offsetsAt is the function of that name.
func (t *topicHistory) offsetsAt(ctx context.Context, unixMilli int64) ([]int64, error) {
	m, err := t.describe(ctx)
	if err != nil {
		return nil, err
	}
	return offsetsAt(ctx, t.cl, t.topic, len(m.leaders), unixMilli)
}

// epoch is the epoch of the topic that was last believed.
func (t *topicHistory) epoch() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.identity.epoch
}

// lacksIDs reports whether some broker has no id for the topic.
func (t *topicHistory) lacksIDs() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.identity.withoutID
}

// isElsewhere asks all brokers whether one of them still has the topic of that epoch.
func (t *topicHistory) isElsewhere(ctx context.Context, epoch string) bool {
	for _, a := range survey(ctx, t.cl, t.topic) {
		if m := a.metas[t.topic]; m.err == nil && m.id.epoch() == epoch {
			return true
		}
	}
	return false
}
