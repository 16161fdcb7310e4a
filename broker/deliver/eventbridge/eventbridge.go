// Package eventbridge delivers records to an Amazon EventBridge bus, in batches
// (PutEvents). An entry that fails is tried again without the others of its batch.
//
// eventbridge.go sends, and entry.go makes entries and measures them.
package eventbridge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"sluice/broker/deliver"
	"sluice/broker/deliver/awsauth"
)

// Config is a target.
type Config struct {
	Bus           string // name or ARN; "": the account's default bus
	Region        string
	Source        string
	DetailType    string // "": the event's name
	Endpoint      string // "": that of the region
	MaxEntryBytes int    // of an entry, and of a batch
	Concurrency   int    // connections that are kept
}

const (
	// maxEntries is what PutEvents takes.
	maxEntries = 10

	// timeout bounds one request.
	timeout = 10 * time.Second
)

// Target sends to one bus. It implements [deliver.Batcher].
type Target struct {
	config Config
	client *eventbridge.Client
}

// New makes a target. AWS isn't asked yet.
func New(c Config) (*Target, error) {
	loaded, err := awsauth.Load(c.Region, c.Concurrency)
	if err != nil {
		return nil, err
	}
	t := &Target{config: c}
	t.client = eventbridge.NewFromConfig(loaded, func(o *eventbridge.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
	})
	return t, nil
}

// String names the bus.
func (t *Target) String() string { return Name(t.config.Bus, t.config.Region) }

// Name is a bus as operators are shown it.
func Name(bus, region string) string {
	return "EventBridge bus " + cmp.Or(bus, "default") + " in " + region
}

// MaxBatch implements [deliver.Batcher].
func (t *Target) MaxBatch() int { return maxEntries }

// Send implements [deliver.Target].
func (t *Target) Send(ctx context.Context, m *deliver.Message) deliver.Outcome {
	return t.SendBatch(ctx, []*deliver.Message{m})[0]
}

// SendBatch implements [deliver.Batcher]. A batch that is too large for one request goes
// in several. Once AWS is found to be down, the rest waits.
func (t *Target) SendBatch(ctx context.Context, batch []*deliver.Message) []deliver.Outcome {
	outcomes := make([]deliver.Outcome, len(batch))
	var requests []request
	for i, m := range batch {
		entry, size, why := t.config.entry(m)
		if outcomes[i] = why; why.Verdict != deliver.Delivered {
			continue
		}
		last := len(requests) - 1
		if last < 0 || requests[last].size+size > t.config.MaxEntryBytes {
			requests = append(requests, request{})
			last++
		}
		requests[last].add(i, entry, size)
	}
	down := false
	for _, r := range requests {
		var results []deliver.Outcome
		if !down {
			results = t.put(ctx, r.entries)
			down = !slices.ContainsFunc(results, func(o deliver.Outcome) bool { return !o.Down })
		}
		for n, i := range r.at {
			if outcomes[i] = (deliver.Outcome{Verdict: deliver.Pending}); results != nil {
				outcomes[i] = results[n]
			}
		}
	}
	return outcomes
}

// request is what goes into one.
type request struct {
	entries []types.PutEventsRequestEntry
	at      []int // where each stands in the batch
	size    int
}

func (r *request) add(i int, entry types.PutEventsRequestEntry, size int) {
	r.entries, r.at, r.size = append(r.entries, entry), append(r.at, i), r.size+size
}

var errUnanswered = errors.New("AWS didn't say what became of it")

// put makes one request. If AWS refuses it as a whole, each entry goes alone: the fault
// of one is not the others'.
func (t *Target) put(ctx context.Context, entries []types.PutEventsRequestEntry) []deliver.Outcome {
	outcomes := make([]deliver.Outcome, len(entries))
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := t.client.PutEvents(limited, &eventbridge.PutEventsInput{Entries: entries})
	if err != nil {
		o := awsauth.Outcome(limited, err)
		if len(entries) > 1 && (o.Cause == awsauth.CauseValidation || o.Verdict == deliver.Refused) {
			for i := range entries {
				outcomes[i] = t.put(ctx, entries[i:i+1])[0]
			}
			return outcomes
		}
		for i := range outcomes {
			outcomes[i] = o
		}
		return outcomes
	}
	for i := range outcomes {
		switch {
		case i >= len(answer.Entries):
			outcomes[i] = deliver.Outcome{Verdict: deliver.Failed, Cause: "unanswered", Err: errUnanswered}
		case answer.Entries[i].ErrorCode != nil:
			outcomes[i] = awsauth.ByCode(*answer.Entries[i].ErrorCode, aws.ToString(answer.Entries[i].ErrorMessage))
		case aws.ToString(answer.Entries[i].EventId) == "":
			outcomes[i] = deliver.Outcome{Verdict: deliver.Failed, Cause: "unanswered", Err: errUnanswered}
		}
	}
	return outcomes
}

// CheckSource says what is wrong with the source of events.
func CheckSource(source string) error {
	switch {
	case source == "":
		return errors.New("is missing: write a name for the events' source, such as shop.orders")
	case strings.HasPrefix(source, "aws."):
		return fmt.Errorf("%q begins with aws., which is AWS's own: write another name", source)
	case len(source) > maxSource:
		return fmt.Errorf("has %d characters: %d at most", len(source), maxSource)
	}
	return nil
}

// CheckDetailType says what is wrong with a detail type; "" is none.
func CheckDetailType(text string) error {
	if utf8.RuneCountInString(text) > maxDetailType {
		return fmt.Errorf("has more than %d characters, which AWS refuses", maxDetailType)
	}
	return nil
}
