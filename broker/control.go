package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Control is a small topic through which gateways tell each other what none may miss:
// revocations, or developers' keys. Every gateway reads all of it from its beginning,
// without a group, and then as it grows. The meaning of a message is up to the caller.
//
// A client consumes the topic and finds new partitions. A watch asks where the partitions
// end (control_watch.go). So it notices a client that makes no progress, whatever the
// reason, and [Control.Unheard] says so.
type Control struct {
	cl      *kgo.Client // produces, and asks where partitions end
	consume []kgo.Opt
	topic   string
	log     *slog.Logger

	isCaughtUp atomic.Bool

	mu         sync.Mutex        // guards the rest; a leaf
	next       []int64           // by partition, the position up to which messages have been read
	failing    map[int32]failure // by partition, how the client last failed
	complaints map[string]bool   // complaints since all was well
	since      time.Time         // messages may be missed since then; zero: none is
	why        string
}

// failure is why a partition could not be fetched, and when it was last tried.
type failure struct {
	err error
	at  time.Time
}

const (
	controlMaxBytes = 1 << 20         // of one fetch (fetch.max.bytes)
	controlPause    = time.Second     // after something failed
	controlRefresh  = 2 * time.Second // between two questions for partitions and their ends, by the client and by the watch
	controlSilence  = 5 * time.Second // without progress or an answer, after which messages may be missed
)

// NewControl connects to nothing yet. Close ends it. name is what its clients are counted
// by: name_producer and name_consumer.
func NewControl(cfg Config, name, topic string, log *slog.Logger) (*Control, error) {
	opts, err := options(cfg.logged(log))
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(slices.Concat(opts, cfg.instrumented(name+"_producer")),
		kgo.RequiredAcks(kgo.AllISRAcks()),                   // acks=all
		kgo.RecordDeliveryTimeout(requestTimeout),            // delivery.timeout.ms
		kgo.ProducerLinger(0),                                // linger.ms: a caller waits
		kgo.UnknownTopicRetries(1),                           // an operator creates the topic
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // partitioner.class: by key, as Kafka's own does
	)...)
	if err != nil {
		return nil, err
	}
	consume := append(slices.Concat(opts, cfg.instrumented(name+"_consumer")),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // auto.offset.reset=earliest
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),      // isolation.level=read_committed
		kgo.KeepControlRecords(),                          // so that a transaction's marker moves the position
		kgo.MetadataMaxAge(controlRefresh),                // metadata.max.age.ms: how soon partitions are found
		kgo.FetchMaxBytes(controlMaxBytes),
		kgo.FetchMaxPartitionBytes(controlMaxBytes),
		kgo.FetchMaxWait(time.Second), // fetch.max.wait.ms
	)
	return &Control{cl: cl, consume: consume, topic: topic, log: log.With("topic", topic), complaints: make(map[string]bool)}, kgo.ValidateOpts(consume...)
}

// Close ends the connections. Run must have returned.
func (c *Control) Close() { c.cl.Close() }

// Announce writes a message. It returns when all of Kafka's replicas have it. On a
// compacted topic a later message with the same key replaces it.
func (c *Control) Announce(ctx context.Context, key string, message []byte) error {
	produce := func() error {
		return c.cl.ProduceSync(ctx, &kgo.Record{Topic: c.topic, Key: []byte(key), Value: message}).FirstErr()
	}
	err := produce()
	if errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition) {
		// The client never takes up a topic that was deleted and created again under its name.
		c.cl.PurgeTopicsFromProducing(c.topic)
		err = produce()
	}
	if err != nil {
		return fmt.Errorf("topic %s: %w", c.topic, err)
	}
	return nil
}

// CaughtUp reports whether every message has been read that the topic had when Run first
// reached it.
func (c *Control) CaughtUp() bool { return c.isCaughtUp.Load() }

// Unheard says since when messages may be missed, and why. The zero time: none is.
func (c *Control) Unheard() (since time.Time, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since, c.why
}

// Run reads every message from the topic's first one on, until ctx is done. It waits for
// Kafka and for the topic, however long that takes. It may read a message twice: after
// the topic was created anew, or after its client was stuck, it reads from the start.
// hear is called from one goroutine at a time. A message of nil says that the key has
// none any more.
func (c *Control) Run(ctx context.Context, hear func(key string, message []byte)) error {
	w := &controlWatch{Control: c, admin: kadm.NewClient(c.cl), began: time.Now()}
	for ctx.Err() == nil {
		hearing, stop := context.WithCancel(ctx)
		// The client has the context as well, since Close would race with a fetch that begins.
		cl, err := kgo.NewClient(append(slices.Clip(c.consume), kgo.WithContext(hearing))...)
		if err != nil {
			stop()
			return fmt.Errorf("topic %s: %w", c.topic, err) // NewControl has checked the options
		}
		c.startOver()
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.consumeAll(hearing, cl, hear)
		}()
		w.watch(ctx)
		stop()
		<-done
		cl.Close()
	}
	return nil
}

// startOver forgets how far the former client was.
func (c *Control) startOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next, c.failing = nil, make(map[int32]failure)
}

// consumeAll hands on the messages that the client fetches, until ctx is done.
func (c *Control) consumeAll(ctx context.Context, cl *kgo.Client, hear func(string, []byte)) {
	for ctx.Err() == nil {
		failed := false
		cl.PollFetches(ctx).EachPartition(func(p kgo.FetchTopicPartition) {
			failed = failed || p.Err != nil
			if ctx.Err() != nil || p.Topic != c.topic {
				return
			}
			next := int64(-1)
			for _, rec := range p.Records {
				if !rec.Attrs.IsControl() {
					hear(string(rec.Key), rec.Value)
				}
				next = rec.Offset + 1
			}
			if large, ok := errors.AsType[*kgo.ErrDecompressTooLarge](p.Err); ok {
				c.log.Error("the control topic has a batch that unpacks to too much: it is passed over, as no gateway writes such a batch",
					"partition", p.Partition, "offset", large.Offset, "next", large.NextOffset)
				cl.SetOffsets(map[string]map[int32]kgo.EpochOffset{c.topic: {p.Partition: {Epoch: large.Epoch, Offset: large.NextOffset}}})
				next, p.Err = large.NextOffset, nil
			}
			if loss, ok := errors.AsType[*kgo.ErrDataLoss](p.Err); ok { // an unclean election: the client goes on from there
				c.noteLoss(p.Partition, loss.ResetTo)
			}
			c.noteConsumed(p.Partition, next, p.Err)
		})
		if failed { // Kafka would repeat the error at once
			select {
			case <-ctx.Done():
			case <-time.After(controlPause):
			}
		}
	}
}

// noteConsumed notes the position up to which a partition has been read. -1: it has not
// moved.
func (c *Control) noteConsumed(partition int32, next int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if partition < 0 {
		return
	}
	for int(partition) >= len(c.next) {
		c.next = append(c.next, 0)
	}
	c.next[partition] = max(c.next[partition], next)
	if err == nil {
		delete(c.failing, partition)
	} else {
		c.failing[partition] = failure{err, time.Now()}
		c.complain(err)
	}
}

// noteLoss notes that a partition is read again from an earlier offset.
func (c *Control) noteLoss(partition int32, to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if partition >= 0 && int(partition) < len(c.next) {
		c.next[partition] = min(c.next[partition], to)
	}
}
