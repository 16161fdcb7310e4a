package deliver

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Target is where records are delivered. Send is called concurrently, and never twice at
// a time for records of one key.
type Target interface {
	Send(ctx context.Context, m *Message) Outcome
	String() string // for operators: without a secret
}

// Batcher is a target that takes several messages at a time, of different keys. It has
// one outcome for each of them, in their order: what fails is tried again alone.
type Batcher interface {
	Target
	SendBatch(ctx context.Context, batch []*Message) []Outcome
	MaxBatch() int
}

// sender is a target's way to send, and how many messages it takes at a time.
func sender(t Target) (send func(context.Context, []*Message) []Outcome, most int) {
	if b, ok := t.(Batcher); ok {
		return b.SendBatch, b.MaxBatch()
	}
	return oneByOne(t.Send), 1
}

func oneByOne(send func(context.Context, *Message) Outcome) func(context.Context, []*Message) []Outcome {
	return func(ctx context.Context, batch []*Message) []Outcome {
		outcomes := make([]Outcome, len(batch))
		for i, m := range batch {
			outcomes[i] = send(ctx, m)
		}
		return outcomes
	}
}

// Message is a record as a target gets it: decoded and in its stream's shape.
type Message struct {
	Record  *kgo.Record // as Kafka has it
	ID      string      // the same for a record everywhere and in each attempt
	Stream  string      // "": the delivery reads a topic
	Name    string      // of the event; "": it has none
	Subject string      // what it is about; "": nothing
	Data    []byte
	IsJSON  bool // Data is
}

// Verdict is what one attempt came to.
type Verdict uint8

// The verdicts.
const (
	Delivered Verdict = iota // the target has the record
	Failed                   // another attempt may succeed
	Refused                  // no attempt will succeed
	Gone                     // the target wants nothing any more
	Pending                  // it could not be tried yet: no attempt
)

// Outcome is what one attempt came to, and why.
type Outcome struct {
	Verdict
	Cause string        // one of few words, such as status_503: for metrics and dead letters
	Err   error         // says more; never quotes a secret
	After time.Duration // the target asks to wait that long; 0: it doesn't
	Down  bool          // the fault is likely the target's, and not the record's

	// NotAsked says that the target had no part in it: the message can't be sent to it.
	NotAsked bool
}

// noTarget is that of a delivery whose records all go to the dead letters.
type noTarget struct{}

func (noTarget) String() string { return "dead letters only" }

// Send implements [Target]. Nothing is ever sent.
func (noTarget) Send(context.Context, *Message) Outcome { return Outcome{} }
