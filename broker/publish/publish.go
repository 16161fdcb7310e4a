// Package publish writes records for those without a Kafka client: it encodes what is
// JSON as a stream's topic has it.
//
//   - publish.go: the writer.
//   - encode.go: values and keys.
//   - fate.go: whether a record that failed may be in Kafka.
package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
	"sluice/broker/record"
	"sluice/broker/schema"
	"sluice/broker/shape"
)

const (
	maxBuffered      = 10_000   // records that wait for Kafka
	maxBufferedBytes = 64 << 20 //
	batchRoom        = 64 << 10 // what a batch adds to its largest record, with headers

	// topicRetries is how often Kafka may say that it doesn't know a topic.
	topicRetries = 3
)

// Config says what may be written.
type Config struct {
	Kafka    broker.Config
	Registry *schema.Registry // nil: there is none
	IDs      shape.RecordID
	Streams  []Stream
	MaxBytes int // of a message
}

// Stream is one that may be written to.
type Stream struct {
	Name, Topic string
	Decode      record.Decoding
	KeyDecode   string
}

// Message is what is written. Key and value are JSON; a nil value is a tombstone.
type Message struct {
	Key, Value []byte
	Headers    []kgo.RecordHeader
}

// Done says where a record is, or why it isn't in Kafka, by one of the Err… values. It is
// called once.
type Done func(partition int32, offset int64, err error)

// The reasons for which a message isn't written. What wraps them is for the caller, and
// repeats nothing of the message.
var (
	ErrMessage     = errors.New("it can't be a record of this topic")
	ErrSchema      = errors.New("it doesn't fit the schema")
	ErrUnsupported = errors.New("nothing writes this kind")
	ErrTooLarge    = errors.New("it is too large for Kafka")
	ErrNotWritten  = errors.New("it was not written")
	ErrUnconfirmed = errors.New("whether it was written isn't known")
)

// reason is one of these, in words.
type reason struct {
	error
	text string
}

func (r reason) Error() string { return r.text }
func (r reason) Unwrap() error { return r.error }

func because(kind error, format string, args ...any) error {
	return reason{kind, fmt.Sprintf(format, args...)}
}

// Publisher writes records. Close ends it.
type Publisher struct {
	cl      *kgo.Client
	log     *slog.Logger
	ids     shape.RecordID
	streams map[string]target
	outage  outage

	encoding chan struct{} // has room for as many messages as are encoded at a time

	closing context.Context // done once the publisher closes
	giveUp  context.CancelFunc
	wg      sync.WaitGroup // of records on their way
}

// target is a stream that is written to.
type target struct {
	topic      string
	key, value encoder
}

// New makes a publisher. Nothing is asked of Kafka yet. Errors name the key at fault.
func New(cfg Config, log *slog.Logger) (*Publisher, error) {
	p := &Publisher{log: log, ids: cfg.IDs, streams: make(map[string]target), encoding: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for _, s := range cfg.Streams {
		value, err := newValueEncoder(s, cfg.Registry)
		if err != nil {
			return nil, fmt.Errorf("streams.%s.decode: %w", s.Name, err)
		}
		p.streams[s.Name] = target{s.Topic, newKeyEncoder(s, cfg.Registry), value}
	}
	var err error
	p.cl, err = broker.NewClient(cfg.Kafka, "publisher", log,
		kgo.RequiredAcks(kgo.AllISRAcks()), // acks=all; enable.idempotence is the default
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(0),
		kgo.UnknownTopicRetries(topicRetries),
		kgo.ProducerBatchMaxBytes(int32(cfg.MaxBytes+batchRoom)), // max.request.size; the broker has its own bound
		kgo.MaxBufferedRecords(maxBuffered),
		kgo.MaxBufferedBytes(maxBufferedBytes),
	)
	if err != nil {
		return nil, err
	}
	p.closing, p.giveUp = context.WithCancel(context.Background())
	return p, nil
}

// Close gives up what is not written yet, once ctx is done, and waits for that.
func (p *Publisher) Close(ctx context.Context) {
	_ = p.cl.Flush(ctx) // what is left then is given up
	p.giveUp()
	p.cl.Close()
	p.wg.Wait()
}

// Publish writes a message to a stream's topic. ctx bounds the wait for a schema. A
// record that is surely not in Kafka after the time within is given up.
func (p *Publisher) Publish(ctx context.Context, stream string, m Message, within time.Duration, done Done) {
	rec, err := p.record(ctx, stream, m)
	if err != nil {
		done(0, 0, err)
		return
	}
	life, end := context.WithTimeout(p.closing, within)
	p.wg.Add(1)
	p.cl.TryProduce(life, rec, func(rec *kgo.Record, err error) {
		defer p.wg.Done()
		end()
		if err != nil {
			err = p.failure(rec, err)
		} else {
			p.succeeded()
		}
		done(rec.Partition, rec.Offset, err)
	})
}

// record encodes a message.
func (p *Publisher) record(ctx context.Context, stream string, m Message) (rec *kgo.Record, err error) {
	defer func() {
		if fault := recover(); fault != nil { // of a validator that meets what it didn't expect
			p.log.Error("a message could not be encoded", "stream", stream, "panic", fault)
			rec, err = nil, because(ErrSchema, "The message can't be encoded.")
		}
	}()
	to, known := p.streams[stream]
	if !known {
		return nil, because(ErrMessage, "No stream of this name takes what is published.")
	}
	key, value, err := to.writers(ctx, m)
	if err != nil {
		return nil, err
	}
	select { // JSON takes many times its bytes while it is encoded
	case p.encoding <- struct{}{}:
		defer func() { <-p.encoding }()
	case <-ctx.Done():
		return nil, because(ErrNotWritten, "The gateway is busy with other messages.")
	}
	rec = &kgo.Record{Topic: to.topic, Headers: m.Headers}
	if m.Key != nil {
		if rec.Key, err = key(m.Key); err != nil {
			return nil, err
		}
	}
	if m.Value != nil {
		rec.Value, err = value(m.Value)
	}
	return rec, err
}

// writers are what encodes a message. They may have to be waited for.
func (t target) writers(ctx context.Context, m Message) (key, value writer, err error) {
	if m.Key != nil {
		if key, err = t.key(ctx); err != nil {
			return nil, nil, err
		}
	}
	if m.Value != nil {
		value, err = t.value(ctx)
	}
	return key, value, err
}

// Position says where a record is: its id, as envelopes have it, and its topic.
func (p *Publisher) Position(stream string, partition int32, offset int64) (id, topic string) {
	topic = p.streams[stream].topic
	return string(p.ids.Append(nil, topic, partition, offset)), topic
}
