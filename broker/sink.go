package broker

import (
	"time"

	"sluice/stream"
)

// Sink takes the events of a [Reader]. It is the hub. The argument stream is the index in
// the reader's streams. For one stream the reader calls from one goroutine at a time, and
// Begin first.
type Sink interface {
	// Begin says that the topic was found. It has the topic's epoch and, by partition, the
	// offset at which reading starts. A second call with another epoch means that the topic
	// was created anew.
	Begin(stream int, epoch string, start []int64)
	// AddPartitions adds partitions after the known ones, and says where each starts.
	AddPartitions(stream int, start []int64)
	// AddTopic adds a topic to a stream of several, which has begun with cursor.Several and
	// no partitions. The topic's are the stream's next ones. All other calls know them by
	// these numbers.
	AddTopic(stream int, name, key string, start []int64)
	// GrowTopic adds partitions to a topic of such a stream.
	GrowTopic(stream int, key string, start []int64)
	// RemoveTopic says that a topic of such a stream was deleted. Its partitions stay.
	RemoveTopic(stream int, key string)
	// Retained says what Kafka still has of a topic whose stream has a state: whether it is
	// compacted, and the first offset of each partition. It comes after Begin, and again
	// from time to time. partitions are the stream's that the topic has; nil: all.
	Retained(stream int, partitions []int32, compacted bool, start []int64)
	// FillState gives a stream's state events of one partition from before where reading
	// starts. next is the position after them. After a Jump back, the partition's state is
	// filled anew.
	FillState(stream int, partition int32, events []stream.Event, next int64)
	// Publish adds events of one partition, with ascending offsets. They are valid only
	// during the call.
	Publish(stream int, events []stream.Event)
	// Advance says that the position passed over records that are no event.
	Advance(stream int, partition int32, next int64)
	// Refused says that a record is no event. The reason is the label of a refusal (package
	// record). The call comes before the Publish or Advance that passes over the record.
	Refused(stream int, r stream.Refusal)
	// SetLeaderEpoch says under which leader epoch the records from offset start on were
	// written, up to the next call (KIP-320). -1: it isn't known. The call comes before the
	// records are published. After Begin and Jump, calls in ascending order are about the
	// records before.
	SetLeaderEpoch(stream int, partition, epoch int32, start int64)
	// Jump says that reading goes on at another offset.
	Jump(stream int, partition int32, reason stream.Reason, to int64)
	// SetStale says since when Kafka hasn't answered, or no fetch has succeeded. The zero
	// time: all is well again.
	SetStale(stream int, since time.Time)
	// SetWarm says that the replay window has been read, and all that the state needs.
	SetWarm(stream int)
}

var _ Sink = (*stream.Hub)(nil)
