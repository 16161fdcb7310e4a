package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// History answers from Kafka for what lies outside the hub's memory. It has a
// client of its own, so that catching up never stands before the live reader. Its
// methods may be called concurrently.
//
// It reads from leaders only: a follower may be behind what a cursor has seen.
type History struct {
	cl     *kgo.Client
	log    *slog.Logger
	topics []*past // by stream; streams of one topic share one
	decode []*Decoder
}

var _ stream.History = (*History)(nil)

// NewHistory checks the configuration; nothing is asked of Kafka yet. Close ends it.
func NewHistory(cfg Config, streams []StreamConfig, log *slog.Logger) (*History, error) {
	opts, err := options(cfg)
	if err := errors.Join(err, check(streams)); err != nil {
		return nil, err
	}
	h := &History{log: log}
	byName := make(map[string]*past)
	for _, s := range streams {
		d, err := NewDecoder(s)
		if err != nil {
			return nil, err
		}
		t := byName[s.Topic]
		if t == nil {
			t = newPast(s.Topic)
			byName[s.Topic] = t
		}
		h.topics, h.decode = append(h.topics, t), append(h.decode, d)
	}
	if h.cl, err = kgo.NewClient(append(opts, kgo.MaxDecompressBatchBytes(maxBatchBytes(streams)))...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	for _, t := range byName {
		t.cl, t.log = h.cl, log.With("topic", t.topic)
	}
	return h, nil
}

// Close gives up what is being asked, closes the connections, and returns when
// nothing of it runs any more but calls of Read, which end by their own contexts.
func (h *History) Close() {
	h.cl.Close()
	for _, t := range h.topics {
		t.running.Wait()
	}
}

// Bounds is [stream.History.Bounds]. Callers at the same time share a question, so that a storm of
// reconnects asks a few times and not once each.
func (h *History) Bounds(ctx context.Context, stream int) (stream.Bounds, error) {
	b, err := h.topics[stream].bounds(ctx)
	b.Start, b.End, b.Compacted = slices.Clone(b.Start), slices.Clone(b.End), slices.Clone(b.Compacted)
	return b, unavailable(err)
}

// OffsetsAt is [stream.History.OffsetsAt]. The end is the last stable offset.
func (h *History) OffsetsAt(ctx context.Context, stream int, unixMilli int64) ([]int64, error) {
	t := h.topics[stream]
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	m, err := t.describe(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	offsets, err := offsetsAt(ctx, h.cl, t.topic, len(m.leaders), unixMilli)
	return offsets, unavailable(err)
}

// Read is [stream.History.Read].
func (h *History) Read(ctx context.Context, s int, epoch string, from, to []int64, emit func(partition int32, events []stream.Event, next int64) error) error {
	c := catchup{past: h.topics[s], epoch: epoch, to: to, decoder: h.decode[s].Clone(), emit: emit}
	for p := range to {
		start := int64(0)
		if p < len(from) {
			start = from[p]
		}
		if start < to[p] {
			c.left = append(c.left, place{int32(p), start})
		}
	}
	return c.read(ctx)
}

// unavailable marks an error of Kafka's or the network's as what it means to a caller, in
// plain words; errors that say something of their own pass as they are.
func unavailable(err error) error {
	var gone *stream.GoneError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, stream.ErrRecreated), errors.Is(err, stream.ErrUnavailable), errors.As(err, &gone):
		return err
	}
	return fmt.Errorf("%w: %s", stream.ErrUnavailable, inWords(err))
}

// describe returns what brokers say of the topic; its own error is an error too.
func (t *past) describe(ctx context.Context) (topicMeta, error) {
	metas, err := describe(ctx, t.cl, t.topic)
	if err != nil {
		return topicMeta{}, err
	}
	m := metas[t.topic]
	return m, m.err
}

// isMoving says that an error is of the kind that asking anew, after a look at who leads now, mends.
func isMoving(err error) bool {
	return kerr.IsRetriable(err) && !errors.Is(err, kerr.UnknownTopicID) && !errors.Is(err, kerr.InconsistentTopicID)
}
