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

	"sluice/broker/record"
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
	cfg      Config
	opts     []kgo.Opt
	sink     Sink
	log      *slog.Logger
	configs  []StreamConfig
	decoders []*record.Decoder // by stream
	wakeups  chan struct{}     // one slot: the watch is wanted now

	highsAt time.Time // when high watermarks were last asked; only the watch uses it

	// mu guards the topics' state, and only its holder calls the sink. It is taken before
	// the hub's lock, and never held while Kafka is asked.
	mu       sync.Mutex
	cl       *kgo.Client
	topics   map[string]*topic // changed by the watch only
	severals []*several        // streams of several topics
	listed   bool              // Kafka has been asked once which topics match patterns
	start    func(t *topic)    // what begins with a topic; nil: the reader doesn't run
	events   []stream.Event    // of one call; kept for the memory of its Users
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
	if cfg.DeletedAfter == 0 {
		cfg.DeletedAfter = 10 * time.Second
	}
	if cfg.OfflineHold == 0 {
		cfg.OfflineHold = 10 * time.Second
	}
	opts, err := readerOptions(cfg.logged(log))
	opts = append(opts, kgo.MaxDecompressBatchBytes(maxBatchBytes(streams)))
	errs := []error{err, check(streams)}
	r := &Reader{cfg: cfg, opts: opts, sink: sink, log: log, configs: streams, wakeups: make(chan struct{}, 1), topics: make(map[string]*topic)}
	for i, s := range streams {
		d, err := s.decoder()
		errs = append(errs, err)
		r.decoders = append(r.decoders, d)
		if s.Topics != nil {
			r.severals = append(r.severals, &several{index: i, name: s.Name, topics: s.Topics, jumps: newJumpCounts(), refused: make(map[record.Refusal]uint64), lastRefused: make(map[record.Refusal]RefusedRecord)})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, name := range topicNames(streams) {
		r.addTopic(name, false)
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
	var working sync.WaitGroup
	r.start = func(t *topic) {
		if t.shaping == nil {
			return
		}
		shaping, stop := context.WithCancel(ctx)
		t.stop = stop
		working.Go(func() {
			defer stop()
			r.shape(shaping, t)
		})
	}
	for _, t := range r.topics {
		t.answeredAt = now
		r.start(t)
	}
	r.mu.Unlock()
	working.Go(func() { r.watch(ctx) })
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
