// Package broker brings records in from Kafka: it reads topics into a [Sink] (the
// hub), and reads older ones again for those who have been away ([History]).
//
// It joins no consumer group and commits nothing: every gateway reads all
// partitions of its topics, at offsets it chooses itself. It knows nothing of HTTP or of a subscriber.
//
// The file map: options.go and oauth.go make a client's options; selector.go, path.go and decode.go
// turn a record into an event, refusal.go names what can be wrong with it and explain.go says it
// of one record. reader.go, watch.go and topic.go follow the topics live, begin.go, relocate.go, offline.go and probe.go
// find where to read on, and state.go from further back, all into the sink of sink.go; status.go says how far.
// history.go, history_questions.go, bounds.go, epoch_questions.go and catchup.go answer for the past. identity.go tells which topic of a name it
// is, leader_epochs.go who wrote its records. metadata.go, offsets.go and fetch.go speak to brokers for all;
// fault.go says in plain words what went wrong, fetch_fault.go which fetches fail.
package broker

import (
	"cmp"
	"fmt"
	"time"

	"sluice/stream"
)

// StreamConfig says which records are a stream's and how they become events.
// The selectors are in the form [ParseSelector] takes.
type StreamConfig struct {
	Name     string          // the stream's
	Topic    string          // the Kafka topic it is a view of
	Audience stream.Audience // AudienceUser needs User
	User     string          // whose event a record is
	Subject  string          // what it is about; "" nothing
	Event    string          // the SSE event name; "" every event is unnamed

	// Replay is how far back the reader begins at start, by the records' timestamps; where it has no record,
	// with the newest ones.
	// 0 begins at the end. Streams of one topic begin together, at the longest.
	Replay time.Duration

	// State says that the sink keeps the latest event of each subject: it is fed from further back, a compacted topic from
	// its start, others for StateAge (0: from their start, too).
	State    bool
	StateAge time.Duration

	// MaxRecordBytes is how large a record may be: its key, value and headers together, unpacked.
	// A larger one is no event. 0: DefaultMaxRecordBytes.
	MaxRecordBytes int
}

// DefaultMaxRecordBytes is what Kafka's brokers take by default (message.max.bytes).
const DefaultMaxRecordBytes = 1 << 20

// minBatchBytes is what a batch may always unpack to: sixteen times what brokers take by default.
const minBatchBytes = 16 << 20

// maxRecordBytes is MaxRecordBytes or its default.
func (s StreamConfig) maxRecordBytes() int { return cmp.Or(s.MaxRecordBytes, DefaultMaxRecordBytes) }

// maxBatchBytes is how much one batch of records may unpack to (KIP-98's record batch). What a
// producer compresses well would otherwise take any amount of memory: zeros shrink to a
// thousandth.
func maxBatchBytes(streams []StreamConfig) int {
	most := minBatchBytes
	for _, s := range streams {
		most = max(most, 4*s.maxRecordBytes())
	}
	return most
}

// check says what is wrong with the streams as a whole; a stream's selectors
// are [NewDecoder]'s to judge.
func check(streams []StreamConfig) error {
	if len(streams) == 0 {
		return fmt.Errorf("broker: no streams")
	}
	for _, s := range streams {
		if s.Topic == "" {
			return fmt.Errorf("streams.%s.topic: is empty; name the Kafka topic to read", s.Name)
		}
	}
	return nil
}
