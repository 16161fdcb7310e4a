package deliver

import (
	"context"
	"errors"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// topicTarget delivers to another Kafka topic. Key, headers and timestamp go along, and
// the value is what the stream's shape makes of it.
type topicTarget struct {
	producer producer
	topic    string
}

func (t *topicTarget) String() string { return "topic " + t.topic }

// headerID names the record in the other topic, so that repeats can be dropped.
const headerID = "sluice.id"

// Send implements [Target].
func (t *topicTarget) Send(ctx context.Context, m *Message) Outcome {
	rec := m.Record
	headers := append(rec.Headers[:len(rec.Headers):len(rec.Headers)], header(headerID, m.ID))
	out := &kgo.Record{Topic: t.topic, Key: rec.Key, Value: m.Data, Headers: headers, Timestamp: rec.Timestamp}
	if rec.Value == nil {
		out.Value = nil // a deletion stays one
	}
	err := t.producer.ProduceSync(ctx, out).FirstErr()
	switch {
	case err == nil:
		return Outcome{}
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge), errors.Is(err, kerr.InvalidRecord):
		return Outcome{Verdict: Refused, Cause: causeOf(err), Err: err}
	}
	return Outcome{Verdict: Failed, Cause: causeOf(err), Err: err, Down: true}
}

// causeOf is Kafka's own word for an error.
func causeOf(err error) string {
	var known *kerr.Error
	if errors.As(err, &known) {
		return "kafka_" + strings.ToLower(known.Message)
	}
	return "kafka_unreachable"
}
