package broker

import (
	"cmp"
	"context"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/stream"
)

// policyAge is how old an answer about a topic's configuration may be.
const policyAge = time.Minute

// past is what is asked about one topic's past.
type past struct {
	topic string
	cl    *kgo.Client
	log   *slog.Logger

	bounds questions[*stream.Bounds]
	epochs questions[*epochQuestion]

	mu       sync.Mutex // guards the rest; never held across a question to Kafka
	policy   policy
	policyAt time.Time
	denied   bool // it has been said that the configuration can't be read
	identity identity

	saidBounds, saidOffsets, saidRead string // complaints logged last; "" it works

	judging chan struct{} // one slot: who holds it may ask brokers which topic it is
}

// policy is what a topic's configuration says that concerns reading its past.
type policy struct {
	known           bool // false where this user may not read it
	compacted       bool
	deleteRetention time.Duration // delete.retention.ms
	remote          bool          // remote.storage.enable: an answer without records may mean "not yet"
}

func newPast(topic string, cl *kgo.Client, log *slog.Logger) *past {
	t := &past{topic: topic, cl: cl, log: log.With("topic", topic), judging: make(chan struct{}, 1)}
	t.bounds.cl, t.bounds.ask = cl, t.askBounds
	t.epochs.cl, t.epochs.ask = cl, t.askEpochs
	return t
}

// close waits for what is being asked. The client has been closed before.
func (t *past) close() {
	t.bounds.running.Wait()
	t.epochs.running.Wait()
}

// boundsNow returns what Kafka holds, as asked after the call began. It must not be written to.
func (t *past) boundsNow(ctx context.Context) (stream.Bounds, error) {
	b, err := t.bounds.answer(ctx,
		func(*stream.Bounds) bool { return true }, // all callers ask the same
		func() *stream.Bounds { return new(stream.Bounds) })
	if b == nil {
		b = new(stream.Bounds)
	}
	return *b, err
}

// askBounds asks until there is an answer.
func (t *past) askBounds(ctx context.Context, b *stream.Bounds) error {
	return untilAnswered(ctx, func() (err error) {
		*b, err = t.askBoundsOnce(ctx)
		return err
	})
}

func (t *past) askBoundsOnce(ctx context.Context) (b stream.Bounds, err error) {
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
		if leader < 0 { // nothing of it can be read or denied until there is one
			b.Start[p], b.End[p] = 0, math.MaxInt64
		} else if err := cmp.Or(errStart[p], errEnd[p]); err != nil {
			return b, err
		}
	}
	if errPolicy != nil || !policy.compacted {
		return b, errPolicy
	}
	at := time.Now().Add(-policy.deleteRetention).UnixMilli()
	compacted, errs := listLeaders(ctx, t.cl, t.topic, m, max(at, 0), uncommitted)
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

// readPolicy returns what the topic's configuration says. Without the permission to read
// it (DESCRIBE_CONFIGS on the topic) the zero policy, which is said once.
func (t *past) readPolicy(ctx context.Context) (policy, error) {
	t.mu.Lock()
	p, fresh := t.policy, time.Since(t.policyAt) < policyAge
	t.mu.Unlock()
	if fresh {
		return p, nil
	}
	p, err := askPolicy(ctx, t.cl, t.topic)
	if err != nil {
		return policy{}, err
	}
	if !p.known {
		t.sayDenied()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.policy, t.policyAt = p, time.Now()
	return p, nil
}

// askPolicy asks for a topic's configuration. What this user may not read is an unknown
// policy.
func askPolicy(ctx context.Context, cl *kgo.Client, topic string) (p policy, err error) {
	req := kmsg.NewPtrDescribeConfigsRequest()
	res := kmsg.NewDescribeConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	res.ConfigNames = []string{"cleanup.policy", "delete.retention.ms", "remote.storage.enable"}
	req.Resources = append(req.Resources, res)
	kresp, err := hedged(ctx, func(ctx context.Context) (kmsg.Response, error) {
		one := *req // the client writes its version into it
		return cl.Request(ctx, &one)
	})
	if err != nil {
		return policy{}, err
	}
	for _, res := range kresp.(*kmsg.DescribeConfigsResponse).Resources {
		switch err := kerr.ErrorForCode(res.ErrorCode); err {
		case nil:
			p = policyOf(res.Configs)
		case kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed:
		default:
			return policy{}, err
		}
	}
	return p, nil
}

func policyOf(configs []kmsg.DescribeConfigsResponseResourceConfig) policy {
	p := policy{known: true}
	for _, c := range configs {
		if c.Value == nil {
			continue
		}
		switch c.Name {
		case "cleanup.policy":
			p.compacted = strings.Contains(*c.Value, "compact")
		case "delete.retention.ms":
			ms, _ := strconv.ParseInt(*c.Value, 10, 64)
			p.deleteRetention = time.Duration(min(ms, int64(1<<63-1)/int64(time.Millisecond))) * time.Millisecond
		case "remote.storage.enable":
			p.remote = *c.Value == "true"
		}
	}
	return p
}

func (t *past) sayDenied() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.denied {
		t.denied = true
		t.log.Warn("Kafka doesn't let this user read the topic's configuration (DESCRIBE_CONFIGS): if it is compacted, cursors older than delete.retention.ms can't be told that deletes may be missing")
	}
}
