package broker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

const (
	retryPause = time.Second            // between two looks while something is wrong
	kickPause  = 200 * time.Millisecond // between two looks at least
)

// watch looks at the topics until ctx ends.
func (r *Reader) watch(ctx context.Context) {
	for ctx.Err() == nil {
		pause := r.cfg.Refresh
		if !r.look(ctx) {
			pause = min(pause, retryPause)
		}
		least, next := time.NewTimer(kickPause), time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-next.C:
		case <-r.kick:
			select {
			case <-ctx.Done():
			case <-least.C:
			}
		}
		least.Stop()
		next.Stop()
	}
}

// look asks Kafka what topics there are and where they end, and acts on it. It
// says whether all was well.
func (r *Reader) look(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	names := slices.Sorted(maps.Keys(r.topics))
	metas, err := describe(ctx, r.cl, names...)
	if err != nil {
		for _, name := range names {
			r.silent(ctx, r.topics[name], err)
		}
		return false
	}
	sizes := make(map[string]int)
	for name, m := range metas {
		if m.err == nil {
			sizes[name] = len(m.leaders)
		}
	}
	ends, errs := listAll(ctx, r.cl, sizes, latest, committed)
	well := true
	for _, name := range names {
		t, m := r.topics[name], metas[name]
		err := m.err
		if err == nil {
			err = errs[name]
		}
		if err == nil {
			err = r.follow(ctx, t, m, ends[name])
		}
		if err == nil {
			err = r.retained(ctx, t)
		}
		switch {
		case err == nil:
			r.answered(t)
		case errors.Is(err, kerr.UnknownTopicOrPartition):
			r.missing(t)
			well = false
		default:
			r.silent(ctx, t, err)
			well = false
		}
	}
	return well
}

// follow brings what is read of a topic in line with what Kafka has.
func (r *Reader) follow(ctx context.Context, t *topic, m topicMeta, stable []int64) error {
	// Only this goroutine writes begun, id and the length of next, so they may be read without the lock.
	if m.id == (topicID{}) {
		m.id = t.id // one old broker among new ones answered
	}
	if !t.begun || t.id != m.id || len(m.leaders) < len(t.next) { // a topic never loses partitions and stays the same
		return r.begin(ctx, t, m, stable)
	}
	if len(m.leaders) > len(t.next) {
		r.grow(t, len(m.leaders))
	}
	if err := r.relocate(ctx, t); err != nil {
		return err
	}
	r.mu.Lock()
	stuck := t.settle(stable)
	r.mu.Unlock()
	return r.probe(ctx, t, m, stuck)
}

// begin starts to read a topic: as far back as its replay window, or from the start of one that was
// re-created while its predecessor was read.
func (r *Reader) begin(ctx context.Context, t *topic, m topicMeta, stable []int64) error {
	var start []int64
	var err error
	switch {
	case t.begun:
		start, err = listOffsets(ctx, r.cl, t.name, len(m.leaders), earliest, uncommitted)
	case t.replay > 0:
		start, err = r.replayStart(ctx, t, stable)
	default:
		start = slices.Clone(stable)
	}
	if err != nil {
		return err
	}
	from, kept, err := r.stateStart(ctx, t, start, stable)
	if err != nil {
		return err
	}
	if t.begun {
		// The client keeps to the old id otherwise. This waits for a question it may have under way, so
		// it comes before the lock; what a poll still brings of the old topic is told by its id.
		r.cl.PurgeTopicsFromClient(t.name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.begun {
		t.log.Warn("the topic was deleted and created again; reading the new one from its start", "was", t.epoch, "is", m.id.epoch())
	} else if m.id == (topicID{}) {
		t.log.Info("brokers have no topic ids: a topic that is re-created can't be told from the one before")
	}
	t.begun, t.id, t.epoch = true, m.id, m.id.epoch()
	t.next, t.base, t.from, t.kept = slices.Clone(from), start, from, kept
	t.stable, t.before, t.warmAt = stable, nil, slices.Clone(stable)
	clear(t.lost)
	for _, v := range t.views {
		r.sink.Begin(v.stream, t.epoch, slices.Clone(start))
	}
	r.sayRetained(t)
	r.consume(t, 0)
	r.warmed(t)
	return nil
}

// grow takes up partitions added to a topic, from their first offset on.
func (r *Reader) grow(t *topic, partitions int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := len(t.next)
	added := make([]int64, partitions-known)
	t.log.Info("the topic has more partitions", "were", known, "are", partitions)
	t.next, t.base, t.from = append(t.next, added...), append(t.base, added...), append(t.from, added...)
	for _, v := range t.views {
		r.sink.AddPartitions(v.stream, slices.Clone(added))
	}
	r.consume(t, known)
}

// consume makes the client fetch the partitions from first on, at their positions.
func (r *Reader) consume(t *topic, first int) {
	at := make(map[int32]kgo.Offset)
	for p := first; p < len(t.next); p++ {
		at[int32(p)] = kgo.NewOffset().At(t.next[p])
	}
	r.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.name: at})
}

// relocate finds a new place in partitions whose position Kafka doesn't have: it
// removed what was there (retention), or lost it (an unclean election).
func (r *Reader) relocate(ctx context.Context, t *topic) error {
	r.mu.Lock()
	lost := slices.Sorted(maps.Keys(t.lost))
	r.mu.Unlock()
	if len(lost) == 0 {
		return nil
	}
	start, err := listOffsets(ctx, r.cl, t.name, len(t.next), earliest, uncommitted)
	if err != nil {
		return err
	}
	end, err := listOffsets(ctx, r.cl, t.name, len(t.next), latest, uncommitted)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := make(map[int32]kgo.Offset)
	for _, p := range lost {
		switch {
		case t.next[p] < start[p]:
			r.jump(t, p, stream.ReasonRetention, start[p])
		case t.next[p] > end[p]:
			r.jump(t, p, stream.ReasonTruncated, end[p])
		} // else producers have reached it again by now, or it was a follower's error
		delete(t.lost, p)
		at[p] = kgo.NewOffset().At(t.next[p])
	}
	r.cl.RemoveConsumePartitions(map[string][]int32{t.name: lost}) // its cursor is out of use since the error
	r.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.name: at})
	return nil
}

// settle notes where the topic ends now, and returns the partitions that have
// more to read and haven't moved since the last look.
func (t *topic) settle(stable []int64) (stuck []place) {
	for p, next := range t.next {
		if p < len(t.before) && next == t.before[p] && p < len(t.stable) && next < t.stable[p] && next < stable[p] {
			stuck = append(stuck, place{int32(p), next})
		}
	}
	t.stable, t.before = stable, slices.Clone(t.next)
	return stuck
}

// probe looks whether what is left of stuck partitions is no record at all: what compaction left of a log's end
// may be an empty batch, which a poll doesn't show. Then the position passes over it.
func (r *Reader) probe(ctx context.Context, t *topic, m topicMeta, stuck []place) error {
	for _, at := range stuck {
		runs, err := fetch(ctx, r.cl, m.leaders[at.partition], t.name, m.id, []place{at}, fetchMaxPartitionBytes)
		if err != nil {
			return err
		}
		r.mu.Lock()
		for _, got := range runs {
			p := got.partition
			if got.err != nil || len(got.records) > 0 || t.next[p] != at.offset {
				continue // there are records: the client is about to bring them
			}
			if got.next > at.offset {
				r.pass(t, p, got.next)
			} else if got.empty && got.stable > at.offset && p < int32(len(t.warmAt)) {
				t.warmAt[p] = min(t.warmAt[p], at.offset) // not even a batch: nothing to wait for
				r.feed(t, p, nil, t.base[p])
			}
			r.warmed(t)
		}
		r.mu.Unlock()
	}
	return nil
}

// answered notes that Kafka said everything asked of a topic.
func (r *Reader) answered(t *topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if t.fetchFault != "" && now.Sub(t.fetchFaultAt) > r.cfg.Refresh+2*errorPause {
		t.fetchFault = "" // it would have come again
	}
	t.answered, t.fault = now, ""
	if t.fetchFault == "" {
		t.recovered()
	}
	r.setStale(t, time.Time{})
}

// missing notes that Kafka answers and has no such topic.
func (r *Reader) missing(t *topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.answered, t.fault = time.Now(), "the topic "+t.name+" does not exist"
	t.complain(t.fault)
	r.setStale(t, time.Time{})
}

// silent notes that Kafka didn't answer, or with an error. Before the topic was found that is said at
// once; afterwards only if it lasts, as brokers restart and leaders move all the time.
func (r *Reader) silent(ctx context.Context, t *topic, err error) {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // the reader is ending
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	lasting := time.Since(t.answered) >= r.cfg.StaleAfter
	if t.begun && !lasting {
		return
	}
	t.fault = inWords(err)
	t.complain(t.fault)
	if t.begun {
		r.setStale(t, t.answered)
	}
}

func (r *Reader) setStale(t *topic, since time.Time) {
	if t.stale.Equal(since) {
		return
	}
	t.stale = since
	for _, v := range t.views {
		r.sink.SetStale(v.stream, since)
	}
}
