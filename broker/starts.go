package broker

import (
	"context"
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
	newest(start, kept, end, replayNewest/int64(max(len(end), 1)))
	return start, nil
}

// newest takes starts back to where the newest n records of each partition are among what follows,
// as far as Kafka has kept them. It counts offsets.
func newest(start, kept, end []int64, n int64) {
	for p := range start {
		start[p] = min(start[p], max(end[p]-n, kept[p]))
	}
}
