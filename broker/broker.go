// Package broker brings records in from Kafka. A [Reader] follows topics and gives their
// events to a [Sink], which is the hub. A [History] reads older records again for clients
// that were away.
//
// It joins no consumer group and commits nothing. Every gateway reads all partitions of
// its topics, at offsets that it chooses itself. The package knows nothing of HTTP or of
// a subscriber. What a record means is up to package record.
//
// The files of one family begin with the same word.
//
// client.go has the options of every Kafka client. Package connect logs in and encrypts.
//
// The ask files hold the requests to brokers. ask_metadata.go asks which topics there are
// and who leads them, ask_offsets.go where partitions begin and end, and ask_epochs.go
// where leader epochs ended, and which wrote a partition. ask_fetch.go fetches records
// once. ask_policy.go asks for a topic's configuration. errors.go has the errors, how to
// tell them apart, and their plain text.
//
// topic_identity.go tells which topic of a name it is, after it may have been created
// anew.
//
// The reader files follow topics live:
//   - reader.go begins and ends. reader_topic.go has the state of one topic.
//   - reader_poll.go takes what a poll brings. reader_positions.go moves positions,
//     and finds a new one when Kafka doesn't have the old one.
//   - reader_shaping.go decodes and shapes records, and reader_held.go knows which of
//     them hold their partition.
//   - reader_watch.go asks Kafka every few seconds what there is, and reader_answers.go
//     notes whether it answers. reader_fetch_faults.go notes whether records come.
//   - reader_begin.go finds out where a topic's reading starts, and begins to read it.
//     reader_state_fill.go fills a state from further back.
//   - reader_several.go has streams of several topics: which there are, and which have
//     room in ids.
//   - reader_leaderless.go waits for partitions without a leader. reader_stuck.go passes
//     over batches without a record.
//   - reader_epochs.go tells the sink the leader epochs. reader_status.go says how far
//     the reader is.
//   - sink.go has the sink's calls.
//
// The history files answer for the past. history.go has the calls, history_topic.go what
// is known of a topic, and history_questions.go lets callers share a question.
// history_bounds.go and history_epochs.go are such questions. history_catchup.go reads
// records.
//
// broker.go has what a stream is to this package, and topics.go which topics it has.
// control.go is the topic through which gateways tell each other what none may miss, and
// control_watch.go notices when messages are missed. inspect.go asks about topics before
// anything is read. produce.go writes one record.
package broker

import (
	"fmt"
	"time"

	"sluice/broker/record"
)

// StreamConfig says which records a stream has, and how far back they are read.
type StreamConfig struct {
	Name   string       // the stream's
	Topic  string       // the Kafka topic that it shows
	Topics *Topics      // nil: it has one topic; else Topic is not looked at
	Record record.Rules // how its records become events

	// Replay is how far back the reader begins at start, by the records' timestamps. If that
	// finds no record, it begins with the newest ones. 0: it begins at the end. Streams of
	// one topic begin together, with the longest Replay.
	Replay time.Duration

	// State says that the sink keeps the latest event of each subject. A compacted topic is
	// then read from its start, and any other topic for StateAge. StateAge 0: from its
	// start.
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

// minBatchBytes is what every batch may unpack to: sixteen times what brokers accept by
// default.
const minBatchBytes = 16 << 20

// BatchLimit is what one batch of records with these rules may unpack to (KIP-98).
// Otherwise a batch that compresses well could take any amount of memory. Zeros shrink to
// a thousandth.
func BatchLimit(r record.Rules) int { return max(minBatchBytes, 4*r.SizeLimit()) }

// maxBatchBytes is the largest limit of the streams.
func maxBatchBytes(streams []StreamConfig) int {
	most := minBatchBytes
	for _, s := range streams {
		most = max(most, BatchLimit(s.Record))
	}
	return most
}

// check says what is wrong with the streams, except for their rules.
func check(streams []StreamConfig) error {
	if len(streams) == 0 {
		return fmt.Errorf("broker: no streams")
	}
	for _, s := range streams {
		if s.Topics == nil && s.Topic == "" {
			return fmt.Errorf("streams.%s.topic: is empty; name the Kafka topic to read", s.Name)
		}
	}
	return nil
}
