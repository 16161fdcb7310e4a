// Package broker brings records in from Kafka: it reads topics into a [Sink] (the
// hub), and reads older ones again for those who have been away ([History]).
//
// It joins no consumer group and commits nothing: every gateway reads all
// partitions of its topics, at offsets it chooses itself. It knows nothing of HTTP or of a subscriber.
//
// The file map: options.go and oauth.go make a client's options; package record turns a record into an
// event. reader.go, watch.go and topic.go follow the topics live, begin.go, relocate.go, offline.go and probe.go
// find where to read on, and state.go from further back, all into the sink of sink.go; status.go says how far.
// history.go, history_questions.go, ask_policy.go, bounds.go, epoch_questions.go and catchup.go answer for the past. identity.go tells which topic of a name it
// is, leader_epochs.go who wrote its records. metadata.go, offsets.go and fetch.go speak to brokers for all;
// fault.go says in plain words what went wrong, fetch_fault.go which fetches fail.
package broker

import (
	"fmt"
	"time"

	"sluice/broker/record"
)

// StreamConfig says which records are a stream's, and how far back they are read.
type StreamConfig struct {
	Name   string       // the stream's
	Topic  string       // the Kafka topic that it shows
	Record record.Rules // how its records become events

	// Replay is how far back the reader begins at start, by the records' timestamps; where it has no record,
	// with the newest ones.
	// 0 begins at the end. Streams of one topic begin together, at the longest.
	Replay time.Duration

	// State says that the sink keeps the latest event of each subject: it is fed from further back, a compacted topic from
	// its start, others for StateAge (0: from their start, too).
	State    bool
	StateAge time.Duration
}

// decoder makes the stream's decoder. Its errors name the key.
func (s StreamConfig) decoder() (*record.Decoder, error) {
	d, err := record.NewDecoder(s.Record)
	if err != nil {
		return nil, fmt.Errorf("streams.%s.%w", s.Name, err)
	}
	return d, nil
}

// minBatchBytes is what a batch may always unpack to: sixteen times what brokers take by default.
const minBatchBytes = 16 << 20

// maxBatchBytes is how much one batch of records may unpack to (KIP-98's record batch). What a
// producer compresses well would otherwise take any amount of memory: zeros shrink to a
// thousandth.
func maxBatchBytes(streams []StreamConfig) int {
	most := minBatchBytes
	for _, s := range streams {
		most = max(most, 4*s.Record.SizeLimit())
	}
	return most
}

// check says what is wrong with the streams, but for their rules.
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
