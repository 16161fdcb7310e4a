package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// begin starts to read a topic: as far back as its replay window, or from the start of
// one that was re-created while its predecessor was read. Partitions without a leader are
// waited for, and not for long.
func (r *Reader) begin(ctx context.Context, t *topic, m topicMeta, stable []int64, errs []error) error {
	if text := r.holdUp(t, errs); text != "" {
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
		// The client keeps to the old id otherwise. This waits for a question it may have
		// under way, so it comes before the lock; what a poll still brings of the old
		// topic is told by its id.
		r.cl.PurgeTopicsFromClient(t.name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.begun {
		t.log.Warn("the topic was deleted and created again; reading the new one from its start", "was", t.epoch, "is", t.identity.epoch)
		for _, v := range t.views {
			v.jumps[stream.ReasonRecreated]++
		}
	} else if m.id == (topicID{}) {
		t.log.Info("brokers have no topic ids: a topic that is re-created can't be told from the one before")
	}
	r.unpause(t)
	t.begun, t.renewed, t.id, t.epoch = true, false, m.id, t.identity.epoch
	t.next, t.base, t.from, t.kept = slices.Clone(from), start, from, kept
	t.stable, t.before, t.warmAt = stable, nil, slices.Clone(stable)
	t.lineages = make([]lineage, len(start))
	t.high, t.highAsked, t.endsAt = nil, nil, time.Now()
	t.forgetFetching()
	clear(t.lost)
	clear(t.unplaced)
	for p, err := range errs {
		if err != nil {
			t.unplaced[int32(p)] = m.epochs[p]
		}
	}
	for _, v := range t.views {
		r.sink.Begin(v.stream, t.epoch, slices.Clone(start))
	}
	for p, l := range lineages {
		r.tell(t, int32(p), l.before(start[p]))
	}
	r.sayRetained(t)
	r.consume(t, 0)
	r.warmed(t)
	return nil
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

// grow takes up partitions added to a topic, from their first offset on.
func (r *Reader) grow(t *topic, partitions int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := len(t.next)
	added := make([]int64, partitions-known)
	t.log.Info("the topic has more partitions", "were", known, "are", partitions)
	t.next, t.base, t.from = append(t.next, added...), append(t.base, added...), append(t.from, added...)
	t.lineages = append(t.lineages, make([]lineage, len(added))...)
	for _, v := range t.views {
		r.sink.AddPartitions(v.stream, slices.Clone(added))
	}
	r.consume(t, known)
}

// consume makes the client fetch the partitions from first on, at their positions; those
// without one wait.
func (r *Reader) consume(t *topic, first int) {
	at := make(map[int32]kgo.Offset)
	for p := first; p < len(t.next); p++ {
		if _, waits := t.unplaced[int32(p)]; !waits {
			at[int32(p)] = t.offset(int32(p))
		}
	}
	if len(at) > 0 {
		r.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.name: at})
	}
}

// offset is a partition's position for the client, with the leader epoch before it where
// that is known: then the client finds out whether the records before it are those that
// were read.
func (t *topic) offset(p int32) kgo.Offset {
	at := kgo.NewOffset().At(t.next[p])
	if epoch := t.lineage(p).at(t.next[p]); epoch >= 0 {
		at = at.WithEpoch(epoch)
	}
	return at
}

// place begins to read partitions that had no leader when reading began, and have one
// now. What was written while they had none is nothing, so they are read from where they
// ended before: from where the epochs of leaders after that one begin.
func (r *Reader) place(ctx context.Context, t *topic, m topicMeta) error {
	r.mu.Lock()
	ends := make([]int32, len(m.leaders)) // the epoch whose end is asked for
	waiting := 0
	for p := range ends {
		ends[p] = -1
		if epoch, waits := t.unplaced[int32(p)]; waits && m.leaders[p] >= 0 {
			ends[p] = epoch
			waiting++
		}
	}
	r.mu.Unlock()
	if waiting == 0 {
		return nil
	}
	stable, errs := listLeaders(ctx, r.cl, t.name, m, latest, committed)
	before, _ := epochEnds(ctx, r.cl, t.name, m, ends)
	var aged []int64
	if t.replay > 0 {
		var err error
		if aged, err = r.replayStart(ctx, t, m.reachable(errs), stable); err != nil {
			return err
		}
	}
	from, _, err := r.stateStart(ctx, t, m.reachable(errs), stable, stable)
	if err != nil {
		return err
	}
	lineages := askLineages(ctx, r.cl, t.name, m)

	r.mu.Lock()
	defer r.mu.Unlock()
	at := make(map[int32]kgo.Offset)
	for p := range ends {
		part := int32(p)
		if _, waits := t.unplaced[part]; !waits || m.leaders[p] < 0 || errs[p] != nil {
			continue
		}
		to := stable[p]
		if before[p].Epoch >= 0 {
			to = min(to, before[p].End)
		}
		if aged != nil {
			to = min(to, aged[p])
		}
		delete(t.unplaced, part)
		t.log.Info("a partition that had no leader is read from now on", "partition", p, "from", to)
		if to > 0 {
			t.next[p], t.base[p] = to, to
			r.sayJump(t, part, stream.ReasonRetention, to) // whoever comes with a position has to be told that it is from here on
		}
		r.tell(t, part, lineages[p].before(to))
		if t.state && from[p] < to { // the state is fed late
			t.from[p], t.next[p] = from[p], from[p]
		}
		at[part] = t.offset(part)
	}
	if len(at) > 0 {
		r.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.name: at})
	}
	return nil
}
