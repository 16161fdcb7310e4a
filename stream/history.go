package stream

import (
	"context"
	"errors"
	"fmt"
)

// History is what lies outside the hub's memory: Kafka. It is declared here, where it is
// called. Package broker implements it. The stream argument is an index into the hub's
// specs. Every method may block on the network and must honour ctx. Methods are called
// concurrently.
type History interface {
	// Bounds asks Kafka for what it holds of a stream now.
	Bounds(ctx context.Context, stream int) (Bounds, error)

	// OffsetsAt returns, per partition, the first offset whose record is not older than
	// unixMilli, and the end offset where there is none (Kafka's offset-for-time).
	OffsetsAt(ctx context.Context, stream int, unixMilli int64) ([]int64, error)

	// Read reads the stream's partitions from from[p] up to, not including, to[p],
	// read_committed. It calls emit for each run of one partition, in offset order within
	// a partition. The last run of a partition has Next >= to[p]. Events are the callee's
	// only during the call.
	//
	// Read ends early with emit's error or with ctx's. It fails with a [*GoneError] when
	// Kafka no longer has from[p], and with [ErrRecreated] when the topic is not the one
	// of epoch. Any other error says that Kafka doesn't answer.
	Read(ctx context.Context, stream int, epoch string, from, to []int64, emit func(HistoryRun) error) error
}

// HistoryRun is what a reading found in one partition, from where the run before ended.
type HistoryRun struct {
	Partition int32
	Events    []Event // may be empty: then only the position moves
	Next      int64   // the position after the run, which also passes over what is no event
	Leader    int32   // leader epoch of all its records, of which the last is right before Next; -1: not known
}

// EpochHistory is a [History] that can say where leader epochs ended (Kafka's
// OffsetForLeaderEpoch, KIP-320). Without it a position is judged by the epochs that this
// gateway has read itself.
type EpochHistory interface {
	// EpochEnds returns for each partition the largest leader epoch that the leader knows
	// and that is not above the one asked for. With it comes the offset where that epoch
	// ended, which is the log's end for the newest. epochs[p] -1: not asked. The answer's
	// Epoch -1: not known. It may block on the network, is called concurrently and must
	// honour ctx.
	EpochEnds(ctx context.Context, stream int, epochs []int32) ([]EpochEnd, error)
}

// EpochEnd is where a leader epoch ended in a partition.
type EpochEnd struct {
	Epoch int32 // -1: not known
	End   int64 // offset after its last record
}

// Bounds is what Kafka holds of a topic at one moment, indexed by partition.
type Bounds struct {
	Epoch string  // first characters of the topic's id (KIP-516); "0" where brokers have none; cursor.Several for several topics
	Start []int64 // first offset still there
	End   []int64 // offset after the last record (the high watermark, so it may be beyond the last stable offset)

	// Compacted is nil unless the topic is compacted. Then a cursor below Compacted[p] is
	// older than delete.retention.ms: tombstones it has not seen may have been removed.
	Compacted []int64

	// Topics are the keys of the stream's several topics that Kafka has, whether or not the
	// hub was told of them. Partitions of a topic that Kafka no longer has are at [Gone].
	Topics []string
}

// ErrRecreated says that the topic is no longer the one the position was taken in.
var ErrRecreated = errors.New("stream: the topic was deleted and created again")

// ErrUnavailable says that Kafka had to be asked and didn't answer.
var ErrUnavailable = errors.New("stream: kafka does not answer")

// GoneError says that Kafka no longer has the offsets asked for.
type GoneError struct {
	Partition int32
	Start     int64 // the first offset Kafka still has; Gone: the topic was deleted, one of several
}

func (e *GoneError) Error() string {
	return fmt.Sprintf("stream: partition %d begins at offset %d now", e.Partition, e.Start)
}

// memoryOnly is the history of a hub without one: what its logs hold is all there is.
type memoryOnly struct{ hub *Hub }

func (m memoryOnly) Bounds(_ context.Context, stream int) (Bounds, error) {
	mem := m.hub.memory(stream)
	b := Bounds{Epoch: mem.epoch, Start: mem.floor, End: mem.head}
	if mem.layout != nil {
		for _, t := range mem.layout.topics {
			if !t.isGone(mem.head) {
				b.Topics = append(b.Topics, t.key)
			}
		}
	}
	return b, nil
}

func (m memoryOnly) OffsetsAt(_ context.Context, stream int, _ int64) ([]int64, error) {
	return m.hub.memory(stream).floor, nil
}

func (m memoryOnly) Read(_ context.Context, stream int, _ string, from, to []int64, emit func(HistoryRun) error) error {
	for p, start := range m.hub.memory(stream).floor {
		if at(from, p) < start {
			return &GoneError{Partition: int32(p), Start: start}
		}
	}
	for p, end := range to {
		if end == Gone {
			continue
		}
		if err := emit(HistoryRun{Partition: int32(p), Next: end, Leader: noEpoch}); err != nil {
			return err
		}
	}
	return nil
}
