// Package publish reads what back ends publish, and remembers what was published.
//
//   - publish.go: what a request turns into, and what it may be refused for.
//   - read.go: a request's body. message.go: {"key":…,"headers":{…},"value":…}.
//   - cloudevent.go: CloudEvents, structured and binary.
//   - strict.go: JSON that all readers read alike.
//   - keys.go: idempotency keys. budget.go: bodies that are being published.
//
// It knows no Kafka. A [Publisher] encodes and writes.
package publish

import (
	"context"
	"time"
)

// Message is what a back end publishes.
type Message struct {
	Key     []byte // JSON; nil: none
	Value   []byte // JSON; nil: a tombstone
	Headers []Header
}

// Header is a header of the record.
type Header struct{ Name, Value string }

// Position is where Kafka has a record.
type Position struct {
	ID        string // the same everywhere; it tells no offset where ids are sealed
	Topic     string
	Partition int32
	Offset    int64
}

// Publisher writes to Kafka. It is declared here, where it is called.
type Publisher interface {
	// Publish writes a message to a stream's topic, and calls done once when that has come
	// to an end. ctx bounds the wait for a schema. A record that is surely not in Kafka
	// after the time within is given up.
	Publish(ctx context.Context, stream string, m Message, within time.Duration, done func(Outcome))

	// Position says where a record is.
	Position(stream string, partition int32, offset int64) Position
}

// Outcome is where Kafka has a record, or why it doesn't.
type Outcome struct {
	Partition int32
	Offset    int64
	Err       error // an [*Error], or nil
}

// Fault is what a message was not written for.
type Fault uint8

// The faults there are.
const (
	BadMessage  Fault = iota + 1 // it can't be a record of this topic
	BadSchema                    // it doesn't fit the schema
	Unsupported                  // nothing writes this kind
	TooLarge                     // for Kafka
	NotWritten                   // Kafka or the registry doesn't answer, or refuses; it isn't in Kafka
	Unknown                      // it may be in Kafka, or may come to be
)

// Error says why a message was not written. Detail is for the caller, and repeats nothing
// of the message.
type Error struct {
	Fault  Fault
	Detail string
}

func (e *Error) Error() string { return "publish: " + e.Detail }
