package record

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// Rules say how the records of a stream become events. The selectors have the form that
// [ParseSelector] reads.
type Rules struct {
	Audience stream.Audience // AudienceUser needs User
	User     string          // whose event a record is
	Subject  string          // what the event is about; "": nothing
	Event    string          // the SSE event name; "": no event has a name

	// MaxBytes bounds a record's key, value and headers together, unpacked. A larger record
	// is no event. 0: DefaultMaxBytes.
	MaxBytes int
}

// DefaultMaxBytes is the largest record that Kafka's brokers accept by default
// (message.max.bytes).
const DefaultMaxBytes = 1 << 20

// SizeLimit is MaxBytes or its default.
func (r Rules) SizeLimit() int { return cmp.Or(r.MaxBytes, DefaultMaxBytes) }

// size is how many bytes of a record come from its producer.
func size(rec *kgo.Record) int {
	n := len(rec.Key) + len(rec.Value)
	for i := range rec.Headers {
		n += len(rec.Headers[i].Key) + len(rec.Headers[i].Value)
	}
	return n
}
