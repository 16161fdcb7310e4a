// Package status says what is known of each stream: how far its reader is, and what the
// hub has of it (status.go). readiness.go tells from that whether a load balancer should
// send requests here. absence.go tells which streams can't be read yet. deliveries.go has
// what is known of deliveries.
package status

import (
	"slices"
	"time"

	"sluice/stream"
)

// Source says how far each stream's reader is. It is declared here, where it is
// called; what reads Kafka implements it. Status is called concurrently and must
// answer from memory.
type Source interface {
	Status() []Stream
}

// Stream is the state of one stream's reader.
type Stream struct {
	Name       string
	Topic      string
	Fetching   bool      // records are being read
	Warm       bool      // the replay window has been read
	Behind     int64     // records up to the last stable offset; -1 while unknown, as it is while Kafka is away
	LSOLag     int64     // records between the last stable offset and the high watermark, which open transactions hold back; -1 while unknown
	StaleSince time.Time // Kafka hasn't answered since, or no fetch has succeeded; zero: it answers
	Answered   time.Time // when Kafka last did; zero: never yet
	Waiting    string    // what for, while it is not fetching, or why it is withdrawn; no secret in it
	Withdrawn  bool      // it is not served, whatever its reader does

	// UnreadableSince is since when its topic doesn't exist, may not be read, or has
	// partitions without a leader; zero: none of that.
	UnreadableSince time.Time

	Held []HeldPartition // in ascending order

	Topics []Topic // of a stream of several, by name; then Topic is what they are named by

	Records    uint64            // read
	Events     uint64            // made of them
	Refused    map[string]uint64 // records with something wrong, by reason, each reason listed; a record may have several
	Partitions []Partition

	LastRefused map[string]RefusedRecord // the newest of Refused, by reason; those that there were

	Jumps map[string]uint64 // times that its reader had to go on elsewhere, by reason

	CatchupFailures uint64 // times that something older than memory was wanted and could not be had from Kafka
}

// RefusedRecord says where a record is that has something wrong.
type RefusedRecord struct {
	Topic     string    `json:"topic"`
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	At        time.Time `json:"at"` // when it was read
}

// HeldPartition is a partition that waits at a record.
type HeldPartition struct {
	Topic     string    `json:"topic,omitempty"` // of a stream of several
	Partition int32     `json:"partition"`
	Offset    int64     `json:"offset"`
	Since     time.Time `json:"since"`
	Stream    string    `json:"stream"` // whose rules hold it: all streams of its topic wait
	Stops     bool      `json:"stops"`  // until the rules change; else the record's schema is awaited
	Reason    string    `json:"reason"` // the same word as in Refused
	Why       string    `json:"why"`    // in words, none of them the record's
}

// Topic is the state of one of a stream's several topics.
type Topic struct {
	Topic      string `json:"topic"`
	Partitions int    `json:"partitions"`
	Fetching   bool   `json:"fetching"`
	Behind     int64  `json:"behind"`            // -1 while unknown
	Waiting    string `json:"waiting,omitempty"` // what for, while it is not fetching
	Refused    bool   `json:"refused,omitempty"` // it has no room in ids, and is not served
	Records    uint64 `json:"records"`
	Events     uint64 `json:"events"`
}

// Has reports whether a topic is the stream's, or one of its topics.
func (s *Stream) Has(topic string) bool {
	return topic == s.Topic || slices.ContainsFunc(s.Topics, func(t Topic) bool { return t.Topic == topic })
}

// isStopped reports whether a partition is held until a stream's rules change.
func (s *Stream) isStopped() bool {
	return slices.ContainsFunc(s.Held, func(h HeldPartition) bool { return h.Stops })
}

// Partition is how far a partition has been read.
type Partition struct {
	Topic  string // of a stream of several; "" otherwise
	Number int32  // in its topic

	Next int64 // the next offset to read
	End  int64 // the last stable offset as last asked; -1 while unknown
}

// unreadablePatience is how long a topic that can't be read keeps a gateway from becoming
// ready: long enough for a look at Kafka that came too early, and no longer.
const unreadablePatience = 10 * time.Second

// HeldUp reports whether nobody waits for the stream's topic any longer.
func (s *Stream) HeldUp(now time.Time) bool {
	return !s.UnreadableSince.IsZero() && now.Sub(s.UnreadableSince) >= unreadablePatience
}

// Facts is what is known of one stream at a moment: by its reader, and by the hub.
// /metrics and /live both say what stands here.
type Facts struct {
	Stream
	stream.Stats
	Audience stream.Audience
	Several  bool // it has several topics
}

// Streams knows the facts of all streams, from memory.
type Streams struct {
	Source Source
	Hub    *stream.Hub
}

// Facts are those of all streams, in the order of the configuration.
func (s Streams) Facts() []Facts {
	var all []Facts
	specs := s.Hub.Specs()
	for _, status := range s.Source.Status() {
		f := Facts{Stream: status}
		if i, ok := s.Hub.Lookup(status.Name); ok {
			f.Stats, f.Audience, f.Several = s.Hub.Stats(i), specs[i].Audience, specs[i].Several
		}
		all = append(all, f)
	}
	return all
}
