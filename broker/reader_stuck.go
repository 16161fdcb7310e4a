package broker

import (
	"context"
	"slices"
	"sync"
	"time"
)

// stuckPartitions are partitions that have records before their end, and don't move.
type stuckPartitions struct {
	mu      sync.Mutex // guards the rest
	byFetch map[stuckFetch][]stuckTopic
}

// stuckFetch says what one fetch can ask for: one leader, and topics that are all named
// by id or all by name.
type stuckFetch struct {
	leader int32
	byName bool
}

type stuckTopic struct {
	topic   *topic
	id      topicID
	offsets []partitionOffset
}

// add takes up partitions of a topic.
func (s *stuckPartitions) add(t *topic, m topicMeta, offsets []partitionOffset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byFetch == nil {
		s.byFetch = make(map[stuckFetch][]stuckTopic)
	}
	byLeader := make(map[int32][]partitionOffset)
	for _, at := range offsets {
		if leader := m.leaders[at.partition]; leader >= 0 {
			byLeader[leader] = append(byLeader[leader], at)
		}
	}
	for leader, offsets := range byLeader {
		of := stuckFetch{leader, m.id == (topicID{})}
		s.byFetch[of] = append(s.byFetch[of], stuckTopic{t, m.id, offsets})
	}
}

// noteEnds notes where the topic ends now. It returns the partitions that have more to
// read and have not moved since the last round.
func (t *topic) noteEnds(stable []int64, errs []error) (stuck []partitionOffset) {
	if t.nextBefore == nil {
		t.nextBefore = make([]int64, len(t.next))
		for p := range t.nextBefore {
			t.nextBefore[p] = -1
		}
	}
	was, now := t.lastStableOffsets, time.Now()
	t.lastStableOffsets, t.endsAskedAt = slices.Clone(stable), now
	if t.newHighWatermarks != nil {
		t.highWatermarks, t.newHighWatermarks = t.newHighWatermarks, nil
	}
	for p, next := range t.next {
		if p >= len(errs) || errs[p] != nil {
			if t.lastStableOffsets = t.lastStableOffsets[:min(p, len(t.lastStableOffsets))]; p < len(was) {
				t.lastStableOffsets = append(t.lastStableOffsets, was[p])
			}
			continue
		}
		isStuck := p < len(t.nextBefore) && next == t.nextBefore[p] && p < len(was) && next < was[p] && next < stable[p] && !t.waitsForShape(int32(p))
		if isStuck {
			stuck = append(stuck, partitionOffset{int32(p), next})
		}
		t.noteWaiting(int32(p), isStuck, now)
	}
	t.nextBefore = slices.Clone(t.next)
	return stuck
}

// fetchStuck fetches from stuck partitions to see whether any record is left there.
// Compaction may leave an empty batch at the end of a log, which a poll doesn't show.
// Then the position passes over it. Each leader is asked once for all of them, and the
// next round asks again for what it didn't answer.
func (r *Reader) fetchStuck(ctx context.Context, stuck *stuckPartitions) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var asking sync.WaitGroup
	for of, topics := range stuck.byFetch {
		asking.Go(func() {
			asked := make([]topicOffsets, len(topics))
			for i, s := range topics {
				asked[i] = topicOffsets{s.topic.name, s.id, s.offsets}
			}
			byTopic, err := fetchTopics(ctx, r.cl, of.leader, asked, fetchMaxPartitionBytes, 0)
			if err != nil {
				return // the next round asks again
			}
			// If one partition fills the answer, another one may have more than the answer
			// shows.
			whole := true
			for _, answers := range byTopic {
				for _, got := range answers {
					whole = whole && got.empty
				}
			}
			for _, s := range topics {
				r.noteStuck(s, byTopic[s.topic.name], whole)
			}
		})
	}
	asking.Wait()
}

// noteStuck acts on what was fetched of one topic. whole says that an empty answer means
// that the partition has nothing.
func (r *Reader) noteStuck(s stuckTopic, answers []fetched, whole bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := s.topic
	for _, got := range answers {
		p := got.partition
		i := indexOfPartition(s.offsets, p)
		at := s.offsets[i]
		if got.err != nil || got.large || len(got.records) > 0 || int(p) >= len(t.next) || t.next[p] != at.offset {
			continue // the client is about to fetch records, or has moved
		}
		if got.next > at.offset {
			r.tellEpochs(t, p, got.epochs)
			r.advance(t, p, got.next)
		} else if whole && got.lastStableOffset > at.offset && p < int32(len(t.warmOffsets)) {
			t.warmOffsets[p] = min(t.warmOffsets[p], at.offset) // not even a batch: there is nothing to wait for
			r.fillState(t, p, nil, t.base[p])
		}
	}
	r.checkWarm(t)
}
