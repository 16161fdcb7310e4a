package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Control is a small topic through which gateways tell each other what none may miss.
// Every gateway reads all of it from its beginning, without a group, and then as it
// grows; what stands in it is its users' to say.
type Control struct {
	cl    *kgo.Client
	topic string
	log   *slog.Logger

	caughtUp atomic.Bool

	// touched by Run only
	identity identity
	id       topicID
	next     []int64         // by partition
	end      []int64         // what has to be read before it is caught up
	said     map[string]bool // complaints since all was well
}

const (
	controlMaxBytes = 1 << 20         // of one answer
	controlPause    = time.Second     // after something failed
	controlRefresh  = 3 * time.Second // between two looks at who leads, and whether there are more partitions
)

// NewControl connects to nothing yet. Close it at the end.
func NewControl(cfg Config, topic string, log *slog.Logger) (*Control, error) {
	opts, err := options(cfg)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(opts,
		kgo.RequiredAcks(kgo.AllISRAcks()),                   // acks=all
		kgo.RecordDeliveryTimeout(requestTimeout),            // delivery.timeout.ms
		kgo.ProducerLinger(0),                                // linger.ms: somebody waits
		kgo.UnknownTopicRetries(1),                           // a topic that isn't there is an operator's to make
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // partitioner.class: by key, as Kafka's own does
	)...)
	if err != nil {
		return nil, err
	}
	return &Control{cl: cl, topic: topic, log: log.With("topic", topic), said: make(map[string]bool)}, nil
}

// Close ends the connections. Run has returned before.
func (c *Control) Close() { c.cl.Close() }

// Announce writes a message and returns when all of Kafka's replicas have it. On a
// compacted topic a later message with the same key takes its place.
func (c *Control) Announce(ctx context.Context, key string, message []byte) error {
	err := c.cl.ProduceSync(ctx, &kgo.Record{Topic: c.topic, Key: []byte(key), Value: message}).FirstErr()
	if err != nil {
		return fmt.Errorf("control_topic %s: %w", c.topic, err)
	}
	return nil
}

// CaughtUp reports whether all that was in the topic when Run first reached it has been
// heard.
func (c *Control) CaughtUp() bool { return c.caughtUp.Load() }

// Run hears every message, from the topic's first on, until ctx is done. It waits for
// Kafka and for the topic, however long that takes. A message may be heard twice. hear is
// called from one goroutine.
func (c *Control) Run(ctx context.Context, hear func(message []byte)) error {
	for ctx.Err() == nil {
		if err := c.round(ctx, hear); err != nil && ctx.Err() == nil {
			c.complain(err)
			select {
			case <-ctx.Done():
			case <-time.After(controlPause):
			}
		}
	}
	return nil
}

// round finds the topic and reads on until something fails or it is time to look again.
func (c *Control) round(ctx context.Context, hear func([]byte)) error {
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	metas, err := describe(asking, c.cl, c.topic)
	if err != nil {
		return err
	}
	m, renewed, err := c.identity.believe(asking, c.cl, c.topic, metas[c.topic])
	if err != nil {
		return err
	}
	if err := c.begin(asking, m, renewed); err != nil {
		return err
	}
	byLeader := make(map[int32][]place)
	for p, leader := range m.leaders[:len(c.next)] {
		byLeader[leader] = append(byLeader[leader], place{partition: int32(p)})
	}
	for until := time.Now().Add(controlRefresh); time.Now().Before(until); {
		var failed error
		for leader, places := range byLeader { // all of them, whatever one says
			if err := c.fetch(ctx, leader, places, hear); err != nil {
				failed = err
			}
		}
		if failed != nil {
			return failed
		}
		if len(c.said) > 0 {
			clear(c.said)
			c.log.Info("the control topic is heard again")
		}
	}
	return nil
}

// begin places partitions that are new at their start: all of them the first time, and
// when the topic was made anew.
func (c *Control) begin(ctx context.Context, m topicMeta, renewed bool) error {
	if renewed {
		c.next, c.end = nil, nil
	}
	if c.id = m.id; len(m.leaders) == len(c.next) {
		return nil
	}
	start, err := listOffsets(ctx, c.cl, c.topic, len(m.leaders), earliest, committed)
	if err != nil {
		return err
	}
	end, err := listOffsets(ctx, c.cl, c.topic, len(m.leaders), latest, committed)
	if err != nil {
		return err
	}
	copy(start, c.next)
	c.next, c.end = start, end
	c.look()
	return nil
}

// fetch asks one leader once for what comes next.
func (c *Control) fetch(ctx context.Context, leader int32, places []place, hear func([]byte)) error {
	for i := range places {
		places[i].offset = c.next[places[i].partition]
	}
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	runs, err := fetch(asking, c.cl, leader, c.topic, c.id, places, controlMaxBytes)
	if err != nil {
		return err
	}
	for _, r := range runs {
		switch {
		case errors.Is(r.err, kerr.OffsetOutOfRange): // retention passed: from the oldest that is left
			start, err := listOffsets(asking, c.cl, c.topic, len(c.next), earliest, committed)
			if err != nil {
				return err
			}
			c.next[r.partition] = start[r.partition]
		case r.err != nil:
			return r.err
		default:
			for _, rec := range r.records {
				hear(rec.Value)
			}
			c.next[r.partition] = r.next
			if r.empty { // nothing is there, whatever its end is: compaction may have left a hole
				c.end[r.partition] = min(c.end[r.partition], r.next)
			}
		}
	}
	c.look()
	return nil
}

// look finds out whether all is caught up. Once it is, it stays so.
func (c *Control) look() {
	if c.caughtUp.Load() {
		return
	}
	for p, end := range c.end {
		if c.next[p] < end {
			return
		}
	}
	c.caughtUp.Store(true)
	c.log.Info("the control topic has been read")
}

func (c *Control) complain(err error) {
	if text := inWords(err); !c.said[text] {
		c.said[text] = true
		c.log.Warn("waiting for the control topic", "why", text)
	}
}
