package broker

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"sluice/stream"
	"sluice/stream/cursor"
)

// topicsAtOnce is how many of a stream's several topics are asked about, or read, at the
// same time, where a question can't be for all of them.
const topicsAtOnce = 16

// severalHistory answers for the past of a stream of several topics. The stream's
// partitions are those of Topics.
type severalHistory struct {
	*History
	topics *Topics
}

// topic returns what is known of a topic, by name.
func (h *History) topic(name string) *topicHistory {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.byName[name]
	if t == nil {
		t = newTopicHistory(name, h.cl, h.log)
		h.byName[name] = t
	}
	return t
}

// found is what Kafka has now of a stream's several topics.
type found struct {
	metas   map[string]topicMeta // of those that can be asked about
	keys    map[string]string    // by name, of those that are there
	unknown map[string]bool      // those that this user may not describe, by name
}

// find asks which topics there are.
func (s *severalHistory) find(ctx context.Context) (found, error) {
	f := found{metas: map[string]topicMeta{}, keys: map[string]string{}, unknown: map[string]bool{}}
	names := s.topics.names
	if s.topics.pattern != nil {
		all, err := askTopicNames(ctx, s.cl)
		if err != nil {
			return f, err
		}
		names = slices.DeleteFunc(all, func(name string) bool { return !s.topics.Has(name) })
		for _, one := range s.topics.all() { // of these it must be certain whether they were deleted
			if !one.gone {
				names = append(names, one.topic)
			}
		}
		slices.Sort(names)
		names = slices.Compact(names)
	}
	if len(names) == 0 {
		return f, nil
	}
	metas, err := describe(ctx, s.cl, names...)
	if err != nil {
		return f, err
	}
	var mu sync.Mutex // guards f and failed
	var failed error
	each(names, func(name string) {
		t := s.topic(name)
		m, err := t.believe(ctx, metas[name])
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err == nil:
			f.metas[name], f.keys[name] = m, keyOf(name, t.epoch())
		case errors.Is(err, kerr.UnknownTopicOrPartition):
		case errors.Is(err, kerr.TopicAuthorizationFailed):
			f.unknown[name] = true
		default:
			failed = err
		}
	})
	return f, failed
}

// each calls f for each topic, some at the same time.
func each(topics []string, f func(topic string)) {
	slots := make(chan struct{}, topicsAtOnce)
	var working sync.WaitGroup
	for _, topic := range topics {
		slots <- struct{}{}
		working.Go(func() {
			defer func() { <-slots }()
			f(topic)
		})
	}
	working.Wait()
}

// isGone reports whether the topic of a partition was deleted.
func (f *found) isGone(one *topicSlot) bool {
	return one.gone || !f.unknown[one.topic] && f.keys[one.topic] != one.key
}

// askBounds is [topicHistory.askBounds] for all topics at once.
func (s *severalHistory) askBounds(ctx context.Context, b *stream.Bounds) error {
	return untilAnswered(ctx, func() (err error) {
		*b, err = s.askBoundsOnce(ctx)
		return err
	})
}

func (s *severalHistory) askBoundsOnce(ctx context.Context) (b stream.Bounds, err error) {
	slots := s.topics.all()
	f, err := s.find(ctx)
	if err != nil {
		return b, err
	}
	starts, ends := list(ctx, s.cl, f.metas, earliest, uncommitted), list(ctx, s.cl, f.metas, latest, uncommitted)
	defer starts.wait()
	defer ends.wait()
	compacted, err := s.compacted(ctx, f)
	if err != nil {
		return b, err
	}
	b = stream.Bounds{Epoch: cursor.Several, Start: make([]int64, len(slots)), End: make([]int64, len(slots))}
	if len(compacted) > 0 {
		b.Compacted = make([]int64, len(slots))
	}
	for _, key := range f.keys {
		b.Topics = append(b.Topics, key)
	}
	for p := range slots {
		one := &slots[p]
		m, known := f.metas[one.topic]
		switch {
		case f.isGone(one):
			b.Start[p], b.End[p] = stream.Gone, stream.Gone
			continue
		case !known || int(one.number) >= len(m.leaders) || m.leaders[one.number] < 0: // nobody can say what it has
			b.Start[p], b.End[p] = 0, math.MaxInt64
			if !known {
				b.Topics = append(b.Topics, one.key)
			}
			continue
		}
		if b.Start[p], err = starts.one(one.topic, m, one.number); err != nil {
			return b, err
		}
		if b.End[p], err = ends.one(one.topic, m, one.number); err != nil {
			return b, err
		}
		if offsets := compacted[one.topic]; int(one.number) < len(offsets) {
			if b.Compacted[p] = offsets[one.number]; b.Compacted[p] < 0 {
				b.Compacted[p] = b.End[p] // every record is older
			}
		}
	}
	return b, nil
}

// compacted returns for the topics that are compacted, by name, the offsets below which
// deletes may be missing. Topics with the same policy are asked about at once.
func (s *severalHistory) compacted(ctx context.Context, f found) (map[string][]int64, error) {
	policies, err := s.policies(ctx, f)
	if err != nil {
		return nil, err
	}
	byPolicy := make(map[policy]map[string]topicMeta)
	for name, p := range policies {
		if !p.compacted {
			continue
		}
		if byPolicy[p] == nil {
			byPolicy[p] = make(map[string]topicMeta)
		}
		byPolicy[p][name] = f.metas[name]
	}
	offsets := make(map[string][]int64)
	for p, metas := range byPolicy {
		l := list(ctx, s.cl, metas, p.deletesFrom(), uncommitted)
		l.wait()
		for name, m := range metas {
			some, errs := l.of(name, m)
			for p, err := range errs {
				if err != nil && m.leaders[p] >= 0 {
					return nil, err
				}
			}
			offsets[name] = some
		}
	}
	return offsets, nil
}

// policies returns the policies of all topics, by name.
func (s *severalHistory) policies(ctx context.Context, f found) (map[string]policy, error) {
	policies := make(map[string]policy)
	var stale []string
	for name := range f.metas {
		if p, fresh := s.topic(name).freshPolicy(); fresh {
			policies[name] = p
		} else {
			stale = append(stale, name)
		}
	}
	if len(stale) == 0 {
		return policies, nil
	}
	asked, err := askPolicies(ctx, s.cl, stale...)
	if err != nil {
		return nil, err
	}
	for _, name := range stale {
		policies[name] = asked[name]
		s.topic(name).notePolicy(asked[name])
	}
	return policies, nil
}

// offsetsAt answers [stream.History.OffsetsAt] for all topics at once.
func (s *severalHistory) offsetsAt(ctx context.Context, unixMilli int64) ([]int64, error) {
	f, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	slots := s.topics.all()
	found, ends := list(ctx, s.cl, f.metas, max(unixMilli, 0), uncommitted), list(ctx, s.cl, f.metas, latest, committed)
	defer found.wait()
	defer ends.wait()
	offsets := make([]int64, len(slots))
	for p := range slots {
		one := &slots[p]
		m, known := f.metas[one.topic]
		if f.isGone(one) {
			offsets[p] = stream.Gone
			continue
		}
		if !known || int(one.number) >= len(m.leaders) || m.leaders[one.number] < 0 {
			return nil, kerr.LeaderNotAvailable
		}
		o, err := found.one(one.topic, m, one.number)
		if err != nil {
			return nil, err
		}
		end, err := ends.one(one.topic, m, one.number)
		if err != nil {
			return nil, err
		}
		if o < 0 || o > end {
			o = end
		}
		offsets[p] = o
	}
	return offsets, nil
}

// byTopic splits what is given for each of the stream's partitions by topic, for those
// where some is wanted. It also returns which partitions of the stream each topic has.
func byTopic(slots []topicSlot, n int, wanted func(p int) bool) (keys []string, partitions map[string][]int32) {
	partitions = make(map[string][]int32)
	isListed := make(map[string]bool)
	for p := range min(n, len(slots)) {
		key := slots[p].key
		if wanted(p) && !isListed[key] {
			isListed[key] = true
			keys = append(keys, key)
		}
		partitions[key] = append(partitions[key], int32(p))
	}
	return keys, partitions
}

// epochEnds answers [stream.EpochHistory.EpochEnds].
func (s *severalHistory) epochEnds(ctx context.Context, epochs []int32) ([]stream.EpochEnd, error) {
	slots := s.topics.all()
	ends := make([]stream.EpochEnd, len(epochs))
	for p := range ends {
		ends[p].Epoch = -1
	}
	keys, partitions := byTopic(slots, len(epochs), func(p int) bool { return epochs[p] >= 0 && !slots[p].gone })
	var mu sync.Mutex // guards failed
	var failed error
	each(keys, func(key string) {
		asked := make([]int32, len(partitions[key]))
		for number, p := range partitions[key] {
			asked[number] = epochs[p]
		}
		answers, err := s.topic(slots[partitions[key][0]].topic).epochEnds(ctx, asked)
		if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			mu.Lock()
			defer mu.Unlock()
			failed = err
			return
		}
		for number, end := range answers {
			ends[partitions[key][number]] = end // each topic has its own
		}
	})
	return ends, failed
}

// read answers [stream.History.Read]: some topics at the same time, each as one is read.
func (s *severalHistory) read(ctx context.Context, index int, from, to []int64, emit func(stream.HistoryRun) error) error {
	slots := s.topics.all()
	keys, partitions := byTopic(slots, len(to), func(p int) bool { return positionAt(from, int32(p)) < to[p] })
	for _, key := range keys {
		if first := partitions[key][0]; slots[first].gone {
			return &stream.GoneError{Partition: first, Start: stream.Gone}
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // guards failed, and calls emit
	var failed error
	each(keys, func(key string) {
		mine := partitions[key]
		one := slots[mine[0]]
		c := newCatchup(s.topic(one.topic), one.epoch, positionsOf(from, mine), positionsOf(to, mine))
		c.decoder = s.decode[index].For(one.topic)
		c.emit = func(run stream.HistoryRun) error {
			mu.Lock()
			defer mu.Unlock()
			if failed != nil {
				return failed
			}
			run.Partition = mine[run.Partition]
			for i := range run.Events {
				run.Events[i].Partition = run.Partition
			}
			return emit(run)
		}
		err := c.read(ctx)
		mu.Lock()
		defer mu.Unlock()
		if err != nil && failed == nil {
			failed = ofStream(err, mine)
			cancel()
		}
	})
	return failed
}

// positionsOf picks the positions of some of the stream's partitions.
func positionsOf(positions []int64, partitions []int32) []int64 {
	picked := make([]int64, len(partitions))
	for number, p := range partitions {
		picked[number] = positionAt(positions, p)
	}
	return picked
}

// ofStream turns what a topic's reading failed with into what the stream's did.
func ofStream(err error, partitions []int32) error {
	if gone, is := errors.AsType[*stream.GoneError](err); is {
		return &stream.GoneError{Partition: partitions[gone.Partition], Start: gone.Start}
	}
	if errors.Is(err, stream.ErrRecreated) || errors.Is(err, kerr.UnknownTopicOrPartition) {
		return &stream.GoneError{Partition: partitions[0], Start: stream.Gone}
	}
	return err
}
