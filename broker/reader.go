package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// Reader follows the topics of its streams and gives their events to a sink. It survives
// whatever Kafka does. It waits for a topic that doesn't exist, takes up new partitions
// and topics that were created anew, and says since when Kafka is away.
//
// Two goroutines do this, and mu lets one of them act at a time. Polling takes records as
// they come. The watch asks every few seconds which topics exist and where they end. A
// topic with streams that decode or shape has a third, see [shaping].
type Reader struct {
	cfg     Config
	opts    []kgo.Opt
	sink    Sink
	log     *slog.Logger
	streams int
	wakeups chan struct{} // one slot: the watch is wanted now

	highsAt time.Time // when high watermarks were last asked; only the watch uses it

	// mu guards the topics' state, and only its holder calls the sink. It is taken before
	// the hub's lock, and never held while Kafka is asked.
	mu     sync.Mutex
	cl     *kgo.Client
	topics map[string]*topic
	events []stream.Event // of one call; kept for the memory of its Users
}

// NewReader checks the configuration. It asks Kafka nothing yet. Errors name the wrong
// key.
func NewReader(cfg Config, streams []StreamConfig, sink Sink, log *slog.Logger) (*Reader, error) {
	if cfg.Refresh == 0 {
		cfg.Refresh = 3 * time.Second
	}
	if cfg.StaleAfter == 0 {
		cfg.StaleAfter = 5 * time.Second
	}
	if cfg.HighWatermarks == 0 {
		cfg.HighWatermarks = 10 * time.Second
	}
	if cfg.OfflineHold == 0 {
		cfg.OfflineHold = 10 * time.Second
	}
	opts, err := readerOptions(cfg.logged(log))
	opts = append(opts, kgo.MaxDecompressBatchBytes(maxBatchBytes(streams)))
	errs := []error{err, check(streams)}
	r := &Reader{cfg: cfg, opts: opts, sink: sink, log: log, streams: len(streams), wakeups: make(chan struct{}, 1), topics: make(map[string]*topic)}
	for i, s := range streams {
		d, err := s.decoder()
		errs = append(errs, err)
		t := r.topics[s.Topic]
		if t == nil {
			t = newTopic(s.Topic, log)
			r.topics[s.Topic] = t
		}
		t.views = append(t.views, newView(i, s, d))
		if d != nil && !d.IsPlain() && t.shaping == nil {
			t.shaping = newShaping()
		}
		t.replay = max(t.replay, s.Replay)
		t.noteState(s)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := kgo.ValidateOpts(opts...); err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return r, nil
}

// Run reads until ctx ends, and then returns nil. It may be called once.
func (r *Reader) Run(ctx context.Context) error {
	// The client has the context as well, since Close would race with a fetch that begins.
	cl, err := kgo.NewClient(append(slices.Clip(r.opts), kgo.WithContext(ctx))...)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	defer cl.Close()
	now := time.Now()
	r.mu.Lock()
	r.cl = cl
	r.highsAt = now // the first question comes once there is something to tell
	for _, t := range r.topics {
		t.answeredAt = now
	}
	r.mu.Unlock()

	var working sync.WaitGroup
	working.Go(func() { r.watch(ctx) })
	for _, t := range r.topics {
		if t.shaping != nil {
			working.Go(func() { r.shape(ctx, t) })
		}
	}
	defer working.Wait()
	for ctx.Err() == nil {
		if r.takeFetches(cl.PollFetches(ctx)) {
			continue
		}
		select { // only errors: Kafka would repeat them at once
		case <-ctx.Done():
		case <-time.After(errorPause):
		}
	}
	return nil
}

// wakeWatch lets the watch begin its next round soon.
func (r *Reader) wakeWatch() {
	select {
	case r.wakeups <- struct{}{}:
	default:
	}
}
