package broker

import (
	"context"
	"slices"
	"sync"
	"time"
)

// stuckPlaces are positions that have records before the end, and don't move.
type stuckPlaces struct {
	mu  sync.Mutex // guards all
	all map[stuckOf][]stuckTopic
}

// stuckOf is what one fetch can ask for together: of one leader, and all topics by id or
// all by name.
type stuckOf struct {
	leader int32
	byName bool
}

type stuckTopic struct {
	topic  *topic
	id     topicID
	places []place
}

// add takes up places of a topic.
func (s *stuckPlaces) add(t *topic, m topicMeta, places []place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = make(map[stuckOf][]stuckTopic)
	}
	byLeader := make(map[int32][]place)
	for _, at := range places {
		if leader := m.leaders[at.partition]; leader >= 0 {
			byLeader[leader] = append(byLeader[leader], at)
		}
	}
	for leader, places := range byLeader {
		of := stuckOf{leader, m.id == (topicID{})}
		s.all[of] = append(s.all[of], stuckTopic{t, m.id, places})
	}
}

// settle notes where the topic ends now, and returns the partitions that have
// more to read and haven't moved since the last look.
func (t *topic) settle(stable []int64, errs []error) (stuck []place) {
	if t.before == nil {
		t.before = make([]int64, len(t.next))
		for p := range t.before {
			t.before[p] = -1
		}
	}
	was, now := t.stable, time.Now()
	t.stable, t.endsAt = slices.Clone(stable), now
	if t.highAsked != nil {
		t.high, t.highAsked = t.highAsked, nil
	}
	for p, next := range t.next {
		if p >= len(errs) || errs[p] != nil {
			if t.stable = t.stable[:min(p, len(t.stable))]; p < len(was) {
				t.stable = append(t.stable, was[p])
			}
			continue
		}
		isStuck := p < len(t.before) && next == t.before[p] && p < len(was) && next < was[p] && next < stable[p]
		if isStuck {
			stuck = append(stuck, place{int32(p), next})
		}
		t.waitsFor(int32(p), isStuck, now)
	}
	t.before = slices.Clone(t.next)
	return stuck
}

// probe looks whether what is left of stuck partitions is no record at all: what
// compaction left of a log's end may be an empty batch, which a poll doesn't show. Then
// the position passes over it. Each leader is asked once for all of them; what it doesn't
// answer is asked at the next look.
func (r *Reader) probe(ctx context.Context, stuck *stuckPlaces) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var asking sync.WaitGroup
	for of, topics := range stuck.all {
		asking.Go(func() {
			places := make([]topicPlaces, len(topics))
			for i, s := range topics {
				places[i] = topicPlaces{s.topic.name, s.id, s.places}
			}
			runs, err := fetchTopics(ctx, r.cl, of.leader, places, fetchMaxPartitionBytes, 0)
			if err != nil {
				return // it is asked again
			}
			// Once a partition has filled the answer, that another has nothing in it
			// means nothing.
			whole := true
			for _, runs := range runs {
				for _, got := range runs {
					whole = whole && got.empty
				}
			}
			for _, s := range topics {
				r.probed(s, runs[s.topic.name], whole)
			}
		})
	}
	asking.Wait()
}

// probed acts on what a probe of one topic brought. whole says that an empty answer means
// that there is nothing.
func (r *Reader) probed(s stuckTopic, runs []run, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := s.topic
	for _, got := range runs {
		p := got.partition
		i := indexOf(s.places, p)
		at := s.places[i]
		if got.err != nil || got.large || len(got.records) > 0 || int(p) >= len(t.next) || t.next[p] != at.offset {
			continue // there are records: the client is about to bring them
		}
		if got.next > at.offset {
			r.tellEpochs(t, p, got.epochs)
			r.pass(t, p, got.next)
		} else if whole && got.stable > at.offset && p < int32(len(t.warmAt)) {
			t.warmAt[p] = min(t.warmAt[p], at.offset) // not even a batch: nothing to wait for
			r.feed(t, p, nil, t.base[p])
		}
	}
	r.warmed(t)
}
