package broker

import (
	"context"
	"slices"
	"time"

	"sluice/stream"
)

// replayNewest is how many of a topic's newest records are read into memory at start, shared out
// among its partitions, where the replay window has none by their timestamps. Those may be of the
// events, or wrong, and with empty memory everybody who comes back would have Kafka read.
const replayNewest = 10_000

// replayStart returns where the replay window starts: with what is no older by timestamp or, where
// nothing is, with the newest records. end is the position after the last.
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
		if start[p] == future[p] { // of the future: it may stand there for years, and says nothing
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
	keepNewest(start, kept, end, replayNewest/int64(max(len(end), 1)))
	return start, nil
}

// keepNewest takes starts back to where the newest n records of each partition are among what follows,
// as far as Kafka has kept them. It counts offsets.
func keepNewest(start, kept, end []int64, n int64) {
	for p := range start {
		start[p] = min(start[p], max(end[p]-n, kept[p]))
	}
}

// startOffsets returns where reading a topic starts, by partition; 0 where there is no
// leader to ask.
func (r *Reader) startOffsets(ctx context.Context, t *topic, m topicMeta, stable []int64) ([]int64, error) {
	switch {
	case t.begun:
		return r.offsets(ctx, t, m, earliest, uncommitted)
	case t.replay > 0:
		return r.replayStart(ctx, t, m, stable)
	}
	return slices.Clone(stable), nil
}

// offsets is [listLeaders] of the partitions that have a leader; the others' are 0.
func (r *Reader) offsets(ctx context.Context, t *topic, m topicMeta, at int64, level isolation) ([]int64, error) {
	offsets, errs := listLeaders(ctx, r.cl, t.name, m, at, level)
	for p, err := range errs {
		if err != nil && m.leaders[p] >= 0 {
			return nil, err
		}
	}
	return offsets, nil
}

// offsetsAt is the function of that name for the partitions that have a leader, whose
// last stable offsets are end; the others' are 0.
func (r *Reader) offsetsAt(ctx context.Context, t *topic, m topicMeta, end []int64, unixMilli int64) ([]int64, error) {
	offsets, err := r.offsets(ctx, t, m, max(unixMilli, 0), committed)
	if err != nil {
		return nil, err
	}
	return untilEnd(offsets, end), nil
}
