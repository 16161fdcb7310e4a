package broker

import (
	"cmp"
	"context"
	"errors"
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

	running sync.WaitGroup // the goroutine that asks about bounds, for Close to wait for

	mu       sync.Mutex // guards the rest; never held across a question to Kafka
	asking   bool       // a question about bounds is under way
	next     *question  // the one after it, for those who came meanwhile
	policy   policy
	policyAt time.Time
	denied   bool // it has been said that the configuration can't be read
	identity identity

	askingEpochs   bool
	epochQuestions []*epochQuestion // not asked yet, the next first

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

func newPast(topic string) *past { return &past{topic: topic, judging: make(chan struct{}, 1)} }

// question is one about bounds, with its answer.
type question struct {
	answered chan struct{}
	bounds   stream.Bounds
	err      error
}

// bounds returns what Kafka holds; it must not be written to. Kafka is asked after the
// call began, never before: an older answer would take a position that another gateway
// handed out meanwhile for one past the end. So a storm shares questions one after the
// other: who comes while one is under way waits for the next.
func (t *past) bounds(ctx context.Context) (stream.Bounds, error) {
	t.mu.Lock()
	q := t.next
	if q == nil {
		q = &question{answered: make(chan struct{})}
		t.next = q
		if !t.asking {
			t.asking = true
			t.running.Go(t.answer)
		}
	}
	t.mu.Unlock()
	select {
	case <-q.answered:
		return q.bounds, q.err
	case <-ctx.Done():
		return stream.Bounds{}, ctx.Err()
	}
}

// answer asks Kafka until no question is left. Whoever asked first may go away first, so
// a question ends with the client and not with its caller's context.
func (t *past) answer() {
	for {
		t.mu.Lock()
		q := t.next
		t.next = nil
		t.asking = q != nil
		t.mu.Unlock()
		if q == nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.cl.Context(), requestTimeout)
		q.bounds, q.err = t.ask(ctx)
		cancel()
		close(q.answered)
	}
}

// ask asks until there is an answer, since leaders move and brokers restart.
func (t *past) ask(ctx context.Context) (stream.Bounds, error) {
	for {
		b, err := t.askOnce(ctx)
		if err == nil || errors.Is(err, kerr.UnknownTopicOrPartition) || !mayAskAgain(err) && !errors.Is(err, errNotAnswered) {
			return b, err
		}
		select {
		case <-ctx.Done():
			return b, err
		case <-time.After(catchupPause):
		}
	}
}

func (t *past) askOnce(ctx context.Context) (b stream.Bounds, err error) {
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
