package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
	"sluice/stream"
)

// History reads from Kafka what the hub's memory doesn't have. It has a separate client,
// so that catching up never delays the live reader. Its methods may be called
// concurrently.
//
// It reads from leaders only. A follower may be behind a cursor.
type History struct {
	cl     *kgo.Client
	log    *slog.Logger
	topics []*topicHistory // by stream; streams of one topic share it
	decode []*record.Decoder

	several []*severalHistory // by stream; nil: it has one topic. Then topics has its questions and its complaints

	mu     sync.Mutex // guards byName; a leaf
	byName map[string]*topicHistory

	failureCounts []atomic.Uint64 // by stream
}

var (
	_ stream.History      = (*History)(nil)
	_ stream.EpochHistory = (*History)(nil)
)

// NewHistory checks the configuration. It asks Kafka nothing yet. Close ends it.
func NewHistory(cfg Config, streams []StreamConfig, log *slog.Logger) (*History, error) {
	opts, err := options(cfg.logged(log))
	if err := errors.Join(err, check(streams)); err != nil {
		return nil, err
	}
	h := &History{log: log, failureCounts: make([]atomic.Uint64, len(streams))}
	for _, s := range streams {
		d, err := s.decoder()
		if err != nil {
			return nil, err
		}
		h.decode = append(h.decode, d)
	}
	opts = append(opts, cfg.instrumented("history")...)
	if h.cl, err = kgo.NewClient(append(opts, kgo.MaxDecompressBatchBytes(maxBatchBytes(streams)))...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	h.byName, h.several = make(map[string]*topicHistory), make([]*severalHistory, len(streams))
	for i, s := range streams {
		if s.Topics == nil {
			h.topics = append(h.topics, h.topic(s.Topic))
			continue
		}
		h.several[i] = &severalHistory{h, s.Topics}
		t := newTopicHistory(s.Topics.String(), h.cl, log)
		t.bounds.ask = h.several[i].askBounds
		h.topics = append(h.topics, t)
	}
	return h, nil
}

// Close gives up all questions, closes the connections, and waits for the goroutines.
// Calls of Read end by their own contexts.
func (h *History) Close() {
	h.cl.Close()
	for _, t := range h.topics {
		t.close()
	}
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.byName))
	h.mu.Unlock()
	for _, t := range all {
		t.close()
	}
}

// Bounds is [stream.History.Bounds]. Callers share a question, so a storm of reconnects
// asks Kafka only a few times.
func (h *History) Bounds(ctx context.Context, stream int) (stream.Bounds, error) {
	t := h.topics[stream]
	b, err := t.currentBounds(ctx)
	h.noteResult(stream, &t.saidBounds, err)
	b.Start, b.End, b.Compacted = slices.Clone(b.Start), slices.Clone(b.End), slices.Clone(b.Compacted)
	return b, unavailable(err)
}

// EpochEnds is [stream.EpochHistory.EpochEnds].
func (h *History) EpochEnds(ctx context.Context, s int, epochs []int32) ([]stream.EpochEnd, error) {
	ask := h.topics[s].epochEnds
	if several := h.several[s]; several != nil {
		ask = several.epochEnds
	}
	ends, err := ask(ctx, epochs)
	return ends, unavailable(err)
}

// OffsetsAt is [stream.History.OffsetsAt]. The end is the last stable offset.
func (h *History) OffsetsAt(ctx context.Context, stream int, unixMilli int64) ([]int64, error) {
	t := h.topics[stream]
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	ask := t.offsetsAt
	if several := h.several[stream]; several != nil {
		ask = several.offsetsAt
	}
	var offsets []int64
	err := untilAnswered(asking, func() (err error) {
		offsets, err = ask(asking, unixMilli)
		return err
	})
	h.noteResult(stream, &t.saidOffsets, err)
	return offsets, unavailable(err)
}

// Read is [stream.History.Read].
func (h *History) Read(ctx context.Context, s int, epoch string, from, to []int64, emit func(stream.HistoryRun) error) error {
	var err error
	if several := h.several[s]; several != nil {
		err = several.read(ctx, s, from, to, emit)
	} else {
		c := newCatchup(h.topics[s], epoch, from, to)
		c.decoder, c.emit = h.decode[s].Clone(), emit
		err = c.read(ctx)
	}
	if err == nil || errors.Is(err, stream.ErrUnavailable) { // other errors are not Kafka's fault, or the client is told of them
		h.noteResult(s, &h.topics[s].saidRead, err)
	}
	return err
}

// noteResult counts failures and logs the first of them, until Kafka answers again. said
// is the last complaint about the same kind of question.
func (h *History) noteResult(s int, said *string, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return
	}
	t := h.topics[s]
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil && *said != "":
		*said = ""
		t.log.Info("older records can be read again for clients that were away")
	case err != nil:
		h.failureCounts[s].Add(1)
		if text := plainText(err); *said == "" {
			*said = text
			t.log.Warn("older records can't be read for clients that were away: they are told to come again", "why", text)
		}
	}
}

// Failures is how often Kafka could not answer for a stream's past.
func (h *History) Failures(stream int) uint64 { return h.failureCounts[stream].Load() }
