package broker

import (
	"time"

	"sluice/stream"
)

// Sink takes what a [Reader] reads: the hub. The stream argument is the index in the
// reader's streams. For one stream the reader calls from one goroutine at a time, and Begin
// before anything else.
type Sink interface {
	// Begin says that the topic was found: its epoch and, per partition, the offset reading starts at. Called
	// again with another epoch, the topic was re-created.
	Begin(stream int, epoch string, start []int64)
	// AddPartitions adds partitions after those known, and where each starts.
	AddPartitions(stream int, start []int64)
	// Retained says what Kafka holds of the topic of a stream with state: whether it is compacted, and the first offset of each
	// partition. It comes after Begin, and again from time to time.
	Retained(stream int, compacted bool, start []int64)
	// FillState gives a stream's state events of one partition from before where reading starts; next is the position after them. After
	// Jump has gone back, the partition is fed anew.
	FillState(stream int, partition int32, events []stream.Event, next int64)
	// Publish adds events of one partition, offsets ascending. They are good during the call only.
	Publish(stream int, events []stream.Event)
	// Advance says that the position passed over records that are no event.
	Advance(stream int, partition int32, next int64)
	// Refused says that a record is no event, and the reason, a label of a refusal of package record. It comes before the Publish or Advance that
	// passes over it.
	Refused(stream int, partition int32, offset, timestamp int64, reason string)
	// SetLeaderEpoch says that the records of a partition from offset start on were written under a leader epoch (KIP-320), until
	// another is said; -1: it isn't known from there. It comes before they are published, and after Begin and Jump for what was
	// written before, ascending.
	SetLeaderEpoch(stream int, partition, epoch int32, start int64)
	// Jump says that reading had to go on elsewhere.
	Jump(stream int, partition int32, reason stream.Reason, to int64)
	// SetStale says since when Kafka hasn't answered, or no fetch has succeeded; the zero time: it
	// does.
	SetStale(stream int, since time.Time)
	// SetWarm says that the replay window, and what the state needs, has been read.
	SetWarm(stream int)
}

var _ Sink = (*stream.Hub)(nil)
