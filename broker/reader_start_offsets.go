package broker

import (
	"context"
	"slices"
	"time"

	"sluice/stream"
)

// replayNewest is how many of a topic's newest records are read at start if, by their
// timestamps, none is in the replay window. The partitions share that number. Timestamps
// may be those of the events, or wrong. With empty memory every returning client would
// make the gateway read Kafka.
const replayNewest = 10_000

// replayStart returns where the replay window starts, by timestamps. If it has no record,
// it starts with the newest records. end is the position after the last one.
func (r *Reader) replayStart(ctx context.Context, t *topic, m topicMeta, end []int64) ([]int64, error) {
	now := time.Now()
	start, err := r.offsetsAt(ctx, t, m, end, now.Add(-t.replay).UnixMilli())
	if err != nil {
		return nil, err
	}
	future, err := r.offsets(ctx, t, m, now.Add(stream.MaxAhead).UnixMilli(), committed)
	if err != nil {
		return nil, err
	}
	empty := true
	for p := range start {
		if start[p] == future[p] { // a timestamp in the future says nothing, and may stay there for years
			start[p] = end[p]
		}
		empty = empty && start[p] >= end[p]
	}
	if !empty {
		return start, nil
	}
	kept, err := r.offsets(ctx, t, m, earliest, uncommitted)
	if err != nil {
		return nil, err
	}
	keepNewest(start, kept, end, replayNewest/int64(max(t.sharing(len(end)), 1)))
	return start, nil
}

// keepNewest moves starts back, so that the newest n offsets of each partition are read.
// It moves none before the first offset that Kafka has kept.
func keepNewest(start, kept, end []int64, n int64) {
	for p := range start {
		start[p] = min(start[p], max(end[p]-n, kept[p]))
	}
}

// startOffsets returns where reading a topic starts, by partition. It is 0 if there is no
// leader.
func (r *Reader) startOffsets(ctx context.Context, t *topic, m topicMeta, stable []int64) ([]int64, error) {
	switch {
	case t.begun || t.isNew:
		return r.offsets(ctx, t, m, earliest, uncommitted)
	case t.replay > 0:
		return r.replayStart(ctx, t, m, stable)
	}
	return slices.Clone(stable), nil
}

// offsets is [listLeaders]. A partition without a leader has offset 0. Any other error
// fails it.
func (r *Reader) offsets(ctx context.Context, t *topic, m topicMeta, at int64, level isolation) ([]int64, error) {
	offsets, errs := listLeaders(ctx, r.cl, t.name, m, at, level)
	for p, err := range errs {
		if err != nil && m.leaders[p] >= 0 {
			return nil, err
		}
	}
	return offsets, nil
}

// offsetsAt is the function of that name, given the last stable offsets. A partition
// without a leader has offset 0.
func (r *Reader) offsetsAt(ctx context.Context, t *topic, m topicMeta, end []int64, unixMilli int64) ([]int64, error) {
	offsets, err := r.offsets(ctx, t, m, max(unixMilli, 0), committed)
	if err != nil {
		return nil, err
	}
	return untilEnd(offsets, end), nil
}
