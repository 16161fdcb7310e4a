package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// begin starts to read a topic, as far back as its replay window. A topic that was
// created anew is read from its start. Partitions without a leader are waited for, but
// not for long.
func (r *Reader) begin(ctx context.Context, t *topic, m topicMeta, stable []int64, errs []error) error {
	if text := r.waitForLeaders(t, errs); text != "" {
		return errors.New(text)
	}
	start, err := r.startOffsets(ctx, t, m, stable)
	if err != nil {
		return err
	}
	from, kept, err := r.stateStart(ctx, t, m, start, stable)
	if err != nil {
		return err
	}
	lineages := askLineages(ctx, r.cl, t.name, m)
	if t.begun {
		// Otherwise the client keeps the old id. The call may wait for a request, so it
		// comes before the lock. A poll may still bring records of the old topic, which have
		// the old id.
		r.cl.PurgeTopicsFromClient(t.name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.begun {
		t.log.Warn("the topic was deleted and created again: the new one is read from its start", "was", t.epoch, "is", t.identity.epoch)
		for _, v := range t.views {
			if v.several == nil {
				v.jumps[stream.ReasonRecreated]++
			}
		}
	} else if m.id == (topicID{}) {
		t.log.Info("brokers have no topic ids: a topic that is created anew looks like the one before")
	}
	r.unpause(t)
	r.forgetAllShaping(t)
	t.begun, t.renewed, t.id, t.epoch = true, false, m.id, t.identity.epoch
	t.next, t.base, t.stateFrom, t.firstOffsets = slices.Clone(from), start, from, kept
	t.lastStableOffsets, t.nextBefore, t.warmOffsets = stable, nil, slices.Clone(stable)
	t.lineages = make([]lineage, len(start))
	t.highWatermarks, t.newHighWatermarks, t.endsAskedAt = nil, nil, time.Now()
	t.forgetFetching()
	clear(t.lost)
	clear(t.unbegun)
	for p, err := range errs {
		if err != nil {
			t.unbegun[int32(p)] = m.epochs[p]
		}
	}
	for _, v := range t.views {
		if v.several == nil {
			r.sink.Begin(v.stream, t.epoch, slices.Clone(start))
		}
	}
	r.show(t, start)
	for p, l := range lineages {
		r.tellLineage(t, int32(p), l.before(start[p]))
	}
	r.tellRetention(t)
	r.consume(t, 0)
	r.checkWarm(t)
	return nil
}

// grow takes up partitions that were added to a topic, from their first offset on.
func (r *Reader) grow(t *topic, partitions int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := len(t.next)
	added := make([]int64, partitions-known)
	t.log.Info("the topic has more partitions", "were", known, "are", partitions)
	t.next, t.base, t.stateFrom = append(t.next, added...), append(t.base, added...), append(t.stateFrom, added...)
	t.lineages = append(t.lineages, make([]lineage, len(added))...)
	for _, v := range t.views {
		if v.several == nil {
			r.sink.AddPartitions(v.stream, slices.Clone(added))
			continue
		}
		v.partitions = append(v.partitions, v.several.add(t.name, v.key, t.epoch, known, len(added))...)
		r.sink.GrowTopic(v.stream, v.key, slices.Clone(added))
	}
	r.consume(t, known)
}

// consume makes the client fetch the partitions from first on, at their positions.
// Partitions that wait for a leader are left out.
func (r *Reader) consume(t *topic, first int) {
	at := make(map[int32]kgo.Offset)
	for p := first; p < len(t.next); p++ {
		if _, waits := t.unbegun[int32(p)]; !waits {
			at[int32(p)] = t.offset(int32(p))
		}
	}
	if len(at) > 0 {
		r.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.name: at})
	}
}

// offset returns a partition's position for the client. If the leader epoch before it is
// known, it is part of that. Then the client finds out whether the records before it are
// still the ones that were read.
func (t *topic) offset(p int32) kgo.Offset {
	at := kgo.NewOffset().At(t.next[p])
	if epoch := t.lineage(p).at(t.next[p]); epoch >= 0 {
		at = at.WithEpoch(epoch)
	}
	return at
}

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
