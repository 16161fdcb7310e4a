package record

import (
	"cmp"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/schema"
	"sluice/broker/shape"
	"sluice/stream"
)

// Rules say how the records of a stream become events. The selectors have the form that
// [ParseSelectors] reads.
type Rules struct {
	Audience stream.Audience // AudienceUser needs User
	User     string          // whose event a record is
	Subject  string          // what the event is about; "": nothing
	Event    string          // the SSE event name; "": no event has a name

	// MaxBytes bounds a record's key, value and headers together, unpacked. A larger
	// record is no event. It also bounds the value once it is decoded or shaped. 0:
	// DefaultMaxBytes.
	MaxBytes int

	Decode    Decoding
	KeyDecode string   // how keys are written: one of the Key… words; "": KeyText
	Unwrap    string   // Debezium; "": a value is what happened itself
	Filter    string   // a jq program: which records are events
	Transform string   // a jq program: what is shown of them
	Keep      []string // or the paths of the fields that are
	Drop      []string // or of those that are not
	Envelope  string   // one of shape's styles; "": shape.Bare
	Headers   []string // that the envelope shows
	OnError   string   // one of the On… words; "": OnErrorDrop

	Names    Names            // for the envelope
	Registry *schema.Registry // nil: there is none
	IDs      shape.RecordID   // for the envelope
}

// Names are what an envelope calls a record's stream and topic.
type Names struct{ Stream, Topic string }

// Decoding says how values are written.
type Decoding struct {
	As      string // a schema's kind, DecodeText, or DecodeJSON; "": DecodeJSON
	File    string // with the schema; "": schemas are a registry's
	Message string // of a Protobuf file; "": the first
}

// The words of Decoding.As besides schema's kinds.
const (
	DecodeJSON = "json"
	DecodeText = "text"
)

// The words of Rules.KeyDecode, besides those of schema's kinds Avro and Protobuf.
const (
	KeyText = "text"
	KeyJSON = "json"
	KeyLong = "long"
	KeyInt  = "int"
	KeyUUID = "uuid"
)

// Debezium is the word of Rules.Unwrap.
const Debezium = "debezium"

// The words of Rules.OnError.
const (
	OnErrorDrop = "drop" // the record is counted, and is no event
	OnErrorPass = "pass" // what can't be decoded goes as it is
	OnErrorStop = "stop" // the partition waits at the record
)

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
