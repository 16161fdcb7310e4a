package broker

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/singleflight"

	"sluice/stream"
)

const (
	boundsAge = time.Second // how old an answer about bounds may be
	policyAge = time.Minute // and one about a topic's configuration
)

// past is what is asked about one topic's past.
type past struct {
	topic string
	cl    *kgo.Client
	log   *slog.Logger

	flight singleflight.Group // at most one question about bounds under way

	mu       sync.Mutex // guards the rest; never held across a question to Kafka
	last     stream.Bounds
	lastAt   time.Time
	policy   policy
	policyAt time.Time
	denied   bool // it has been said that the configuration can't be read
}

// policy is what a topic's configuration says that concerns reading its past.
type policy struct {
	known           bool // false where this user may not read it
	compacted       bool
	deleteRetention time.Duration // delete.retention.ms
	remote          bool          // remote.storage.enable: an answer without records may mean "not yet"
}

func newPast(topic string) *past { return &past{topic: topic} }

// bounds returns what Kafka holds; it must not be written to.
func (t *past) bounds(ctx context.Context) (stream.Bounds, error) {
	t.mu.Lock()
	b, fresh := t.last, time.Since(t.lastAt) < boundsAge
	t.mu.Unlock()
	if fresh {
		return b, nil
	}
	// Whoever asks first may go away first: the question must not end with its context.
	answer := t.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(t.cl.Context(), requestTimeout)
		defer cancel()
		b, err := t.ask(ctx)
		if err == nil {
			t.mu.Lock()
			t.last, t.lastAt = b, time.Now()
			t.mu.Unlock()
		}
		return b, err
	})
	select {
	case a := <-answer:
		return a.Val.(stream.Bounds), a.Err
	case <-ctx.Done():
		return stream.Bounds{}, ctx.Err()
	}
}

func (t *past) ask(ctx context.Context) (b stream.Bounds, err error) {
	m, err := t.describe(ctx)
	if err != nil {
		return b, err
	}
	n := len(m.leaders)
	b.Epoch = m.id.epoch()
	if b.Start, err = listOffsets(ctx, t.cl, t.topic, n, earliest, uncommitted); err != nil {
		return b, err
	}
	if b.End, err = listOffsets(ctx, t.cl, t.topic, n, latest, uncommitted); err != nil {
		return b, err
	}
	policy, err := t.readPolicy(ctx)
	if err != nil || !policy.compacted {
		return b, err
	}
	at := time.Now().Add(-policy.deleteRetention).UnixMilli()
	if b.Compacted, err = listOffsets(ctx, t.cl, t.topic, n, max(at, 0), uncommitted); err != nil {
		return b, err
	}
	for p, o := range b.Compacted {
		if o < 0 {
			b.Compacted[p] = b.End[p] // every record is older
		}
	}
	return b, nil
}

// readPolicy returns what the topic's configuration says. Without the
// permission to read it (DESCRIBE_CONFIGS on the topic) the zero policy, which is said once.
func (t *past) readPolicy(ctx context.Context) (policy, error) {
	t.mu.Lock()
	p, fresh := t.policy, time.Since(t.policyAt) < policyAge
	t.mu.Unlock()
	if fresh {
		return p, nil
	}
	req := kmsg.NewPtrDescribeConfigsRequest()
	res := kmsg.NewDescribeConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, t.topic
	res.ConfigNames = []string{"cleanup.policy", "delete.retention.ms", "remote.storage.enable"}
	req.Resources = append(req.Resources, res)
	kresp, err := t.cl.Request(ctx, req)
	if err != nil {
		return policy{}, err
	}
	p = policy{}
	for _, res := range kresp.(*kmsg.DescribeConfigsResponse).Resources {
		switch err := kerr.ErrorForCode(res.ErrorCode); err {
		case nil:
			p = policyOf(res.Configs)
		case kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed:
			t.sayDenied()
		default:
			return policy{}, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.policy, t.policyAt = p, time.Now()
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
