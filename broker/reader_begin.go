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
