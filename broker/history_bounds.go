package broker

import (
	"cmp"
	"context"
	"math"
	"sync"
	"time"

	"sluice/stream"
)

// policyAge is how old an answer about a topic's configuration may be.
const policyAge = time.Minute

// currentBounds returns the bounds that Kafka named after the call began. They must not
// be written to.
func (t *topicHistory) currentBounds(ctx context.Context) (stream.Bounds, error) {
	b, err := t.bounds.answer(ctx,
		func(*stream.Bounds) bool { return true }, // all callers ask the same
		func() *stream.Bounds { return new(stream.Bounds) })
	if b == nil {
		b = new(stream.Bounds)
	}
	return *b, err
}

// askBounds asks until there is an answer.
func (t *topicHistory) askBounds(ctx context.Context, b *stream.Bounds) error {
	return untilAnswered(ctx, func() (err error) {
		*b, err = t.askBoundsOnce(ctx)
		return err
	})
}

func (t *topicHistory) askBoundsOnce(ctx context.Context) (b stream.Bounds, err error) {
	m, err := t.describe(ctx)
	if err != nil {
		return b, err
	}
	b.Epoch = t.epoch()
	var policy policy
	var errPolicy error
	var errStart, errEnd []error
	var asking sync.WaitGroup
	asking.Go(func() { policy, errPolicy = t.readPolicy(ctx) })
	asking.Go(func() { b.Start, errStart = listLeaders(ctx, t.cl, t.topic, m, earliest, uncommitted) })
	asking.Go(func() { b.End, errEnd = listLeaders(ctx, t.cl, t.topic, m, latest, uncommitted) })
	asking.Wait()
	for p, leader := range m.leaders {
		if leader < 0 { // without a leader nobody can say what the partition has
			b.Start[p], b.End[p] = 0, math.MaxInt64
		} else if err := cmp.Or(errStart[p], errEnd[p]); err != nil {
			return b, err
		}
	}
	if errPolicy != nil || !policy.compacted {
		return b, errPolicy
	}
	compacted, errs := listLeaders(ctx, t.cl, t.topic, m, policy.deletesFrom(), uncommitted)
	for p, o := range compacted {
		switch {
		case m.leaders[p] < 0:
		case errs[p] != nil:
			return b, errs[p]
		case o < 0:
			compacted[p] = b.End[p] // every record is older
		}
	}
	b.Compacted = compacted
	return b, nil
}

// readPolicy returns the topic's policy. Without the permission to read it
// (DESCRIBE_CONFIGS) that is the unknown policy, and the log says so once.
func (t *topicHistory) readPolicy(ctx context.Context) (policy, error) {
	if p, fresh := t.freshPolicy(); fresh {
		return p, nil
	}
	p, err := askPolicy(ctx, t.cl, t.topic)
	if err != nil {
		return policy{}, err
	}
	t.notePolicy(p)
	return p, nil
}

// freshPolicy returns the topic's policy, if it has been asked for lately.
func (t *topicHistory) freshPolicy() (p policy, fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.policy, time.Since(t.policyAt) < policyAge
}

// notePolicy keeps what Kafka has said of the topic's policy.
func (t *topicHistory) notePolicy(p policy) {
	if !p.known {
		t.sayDenied()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.policy, t.policyAt = p, time.Now()
}

func (t *topicHistory) sayDenied() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.denied {
		t.denied = true
		t.log.Warn("Kafka doesn't let this user read the topic's configuration (DESCRIBE_CONFIGS): if it is compacted, cursors older than delete.retention.ms can't be told that deletes may be missing")
	}
}
