package stream

import (
	"cmp"
	"context"
	"slices"

	"sluice/stream/cursor"
)

// locateTopics turns a cursor's segment of several topics into a position of this
// gateway's log. Kafka is asked if the cursor and the log have different topics: only
// Kafka can say which of them are new and which were deleted.
//
//   - A topic that the log has and the cursor doesn't name was created after the cursor.
//     Its position is its start.
//   - A topic that only the cursor names, and Kafka has, is new to this gateway, or not
//     served here. The position is carried: see ownStream.ahead.
//   - A topic that only the cursor names, and Kafka no longer has, was deleted. A reset
//     says so.
//   - A topic that only the log has, and Kafka no longer has, was deleted. The cursor
//     comes from a gateway that knows. It is not told again.
func (h *Hub) locateTopics(ctx context.Context, m memory, seg *cursor.Segment, r *Request) (found cursor.Segment, ahead []cursor.TopicPosition, gone []Moved, err error) {
	found = cursor.Segment{Stream: m.name, Epoch: m.epoch, Filter: seg.Filter, Offsets: make([]int64, len(m.head)), Leaders: unknownEpochs(len(m.head))}
	named, ahead, unknown := m.placeTopics(seg, &found)
	gone = m.passDeleted(&found, named)
	if len(unknown) == 0 && !m.hasOthers(named) {
		return found, ahead, gone, nil
	}
	if err = r.reach(); err != nil {
		return found, nil, nil, err
	}
	b, err := h.bounds(ctx, m)
	if err != nil {
		return found, nil, nil, err
	}
	for i := range m.layout.topics {
		if t := &m.layout.topics[i]; !named[i] && !t.isGone(m.head) && !slices.Contains(b.Topics, t.key) {
			for _, p := range t.partitions {
				found.Offsets[p] = Gone
			}
		}
	}
	for _, a := range unknown {
		if slices.Contains(b.Topics, a.Key) {
			ahead = append(ahead, a)
			continue
		}
		name := m.successor(a.Key, named)
		for n, from := range a.Offsets {
			gone = append(gone, Moved{Topic: name, Partition: int32(n), From: from, To: Gone, isNamed: true})
		}
	}
	slices.SortFunc(ahead, func(a, b cursor.TopicPosition) int { return cmp.Compare(a.Key, b.Key) })
	return found, ahead, gone, nil
}

// placeTopics puts what a segment says of the log's topics where the log has them. named
// says which those are. ahead has more partitions than the log, and unknown is not in it.
func (m *memory) placeTopics(seg, found *cursor.Segment) (named []bool, ahead, unknown []cursor.TopicPosition) {
	named = make([]bool, len(m.layout.topics))
	several := *seg
	several.Topics = m.topicsOf(seg)
	for said := range several.ByTopic() {
		topic, known := m.layout.find(said.Key)
		if !known {
			unknown = append(unknown, said)
			continue
		}
		named[topic] = true
		partitions := m.layout.topics[topic].partitions
		for n, p := range partitions[:min(len(partitions), len(said.Offsets))] {
			found.Offsets[p] = said.Offsets[n]
			if m.head[p] != Gone {
				found.Leaders[p] = cursor.LeaderAt(said.Leaders, n)
			}
		}
		if len(said.Offsets) > len(partitions) {
			ahead = append(ahead, said)
		}
	}
	return named, ahead, unknown
}

// passDeleted moves a position past what memory no longer has of topics that were
// deleted, and returns what it is told of that. Memory tells of the rest.
func (m *memory) passDeleted(found *cursor.Segment, named []bool) (gone []Moved) {
	for i := range m.layout.topics {
		t := &m.layout.topics[i]
		if !t.isGone(m.head) {
			continue
		}
		for _, p := range t.partitions {
			switch from := found.Offsets[p]; {
			case !named[i]: // the gateway that wrote the cursor has told of it
				found.Offsets[p] = Gone
			case from < m.floor[p]:
				gone = append(gone, Moved{Partition: p, From: from, To: Gone})
				found.Offsets[p] = m.floor[p]
			}
		}
	}
	return gone
}

// hasOthers reports whether the log has topics that a cursor doesn't name.
func (m *memory) hasOthers(named []bool) bool {
	for i := range m.layout.topics {
		if !named[i] && !m.layout.topics[i].isGone(m.head) {
			return true
		}
	}
	return false
}

// lacks reports whether Kafka no longer has one of several topics, of which a position
// needs what is older than memory.
func (m *memory) lacks(b Bounds, pos []int64) bool {
	if m.layout == nil {
		return false
	}
	return slices.ContainsFunc(m.layout.topics, func(t logTopic) bool {
		return !t.isGone(m.head) &&
			slices.ContainsFunc(t.partitions, func(p int32) bool { return at(pos, int(p)) < at(m.floor, int(p)) }) &&
			!slices.Contains(b.Topics, t.key) // last, as it is the longest search
	})
}

// topicsOf returns the topics of a segment. One from when the stream had a single topic
// is of the topic of its epoch.
func (m *memory) topicsOf(seg *cursor.Segment) []cursor.Topic {
	if seg.Epoch == cursor.Several {
		return seg.Topics
	}
	for _, t := range m.layout.topics {
		if cursor.IsKeyOf(t.key, seg.Epoch) {
			return []cursor.Topic{{Key: t.key, Partitions: len(seg.Offsets)}}
		}
	}
	return nil
}

// successor is the name of a topic that was deleted, if one was created in its place.
func (m *memory) successor(key string, named []bool) string {
	for i, t := range m.layout.topics {
		if !named[i] && cursor.SameName(t.key, key) {
			return t.name
		}
	}
	return ""
}

// ofOne turns a segment of several topics into one of the stream's single topic, which it
// may have had among others before.
func (m *memory) ofOne(seg cursor.Segment) cursor.Segment {
	for t := range seg.ByTopic() {
		if cursor.IsKeyOf(t.Key, m.epoch) {
			seg.Epoch, seg.Offsets, seg.Leaders = m.epoch, t.Offsets, t.Leaders
			break
		}
	}
	return seg
}
