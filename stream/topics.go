package stream

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"sluice/stream/cursor"
)

// A stream of several topics is one log. Each partition of each topic has a number in it,
// in the order in which this gateway came to know them. That number is this gateway's
// alone. Ids name topics by their keys instead, so every gateway can read them. A number
// is never used for anything else: a topic that was deleted stays at [Gone].

// Gone is the position of a partition of a topic that was deleted, in a stream of several
// topics. It lies after all others, so nothing is missing below it, and ids don't name
// it.
const Gone = math.MaxInt64

// layout says which partition of which topic each partition of such a log is. It never
// changes: with and grown return another.
type layout struct {
	topics []logTopic
	of     []int32 // by partition of the log: the topic
	number []int32 // by partition of the log: its number in the topic
	byKey  []int32 // the topics, by key
}

// logTopic is one topic of a log.
type logTopic struct {
	name, key  string
	rank       int64   // of its first partition: see layout.rank
	partitions []int32 // of the log, by number in the topic
}

// with returns the layout with one more topic.
func (y *layout) with(name, key string, partitions int) *layout {
	next := y.clone()
	at, _ := next.search(key)
	next.byKey = slices.Insert(next.byKey, at, int32(len(next.topics)))
	next.topics = append(next.topics, logTopic{name: name, key: key, rank: firstRank(key)})
	next.add(len(next.topics)-1, partitions)
	return next
}

// grown returns the layout with more partitions of a topic.
func (y *layout) grown(topic, partitions int) *layout {
	next := y.clone()
	next.topics[topic].partitions = slices.Clone(next.topics[topic].partitions)
	next.add(topic, partitions)
	return next
}

func (y *layout) add(topic, partitions int) {
	t := &y.topics[topic]
	for range partitions {
		y.number = append(y.number, int32(len(t.partitions)))
		t.partitions = append(t.partitions, int32(len(y.of)))
		y.of = append(y.of, int32(topic))
	}
}

func (y *layout) clone() *layout {
	return &layout{slices.Clone(y.topics), slices.Clone(y.of), slices.Clone(y.number), slices.Clone(y.byKey)}
}

// search finds a key in byKey.
func (y *layout) search(key string) (at int, found bool) {
	return slices.BinarySearchFunc(y.byKey, key, func(i int32, key string) int { return strings.Compare(y.topics[i].key, key) })
}

// find returns the topic of a key.
func (y *layout) find(key string) (topic int, found bool) {
	at, found := y.search(key)
	if !found {
		return 0, false
	}
	return int(y.byKey[at]), true
}

// siblings returns the partitions of the topic that one of the log's is of.
func (y *layout) siblings(partition int32) []int32 { return y.topics[y.of[partition]].partitions }

// rank is a number for a partition that is the same on all gateways, and ascends with its
// number in its topic.
func (y *layout) rank(partition int32) int64 {
	if y == nil || int(partition) >= len(y.of) {
		return int64(partition)
	}
	return y.topics[y.of[partition]].rank | int64(y.number[partition])
}

func firstRank(key string) int64 {
	var bytes [8]byte
	_, _ = base64.RawURLEncoding.Decode(bytes[2:], []byte(key))
	return int64(binary.BigEndian.Uint64(bytes[:]) << 15)
}

// isGone reports whether a position says that a topic was deleted.
func (t *logTopic) isGone(pos []int64) bool { return at(pos, int(t.partitions[0])) == Gone }

// segment has a position of the log, which is in s, as ids name it. ahead is what a
// subscriber carries of topics that this gateway doesn't have. A topic that the position
// doesn't reach was added after it.
func (y *layout) segment(s cursor.Segment, ahead []cursor.TopicPosition) cursor.Segment {
	pos, leaders := s.Offsets, s.Leaders
	s.Offsets = make([]int64, 0, len(pos))
	if leaders != nil || len(ahead) > 0 {
		s.Leaders = make([]int32, 0, len(pos))
	}
	add := func(offset int64, leader int32) {
		s.Offsets = append(s.Offsets, offset)
		if s.Leaders != nil {
			s.Leaders = append(s.Leaders, leader)
		}
	}
	addTopic := func(key string, partitions []int32, more cursor.TopicPosition) {
		first := len(s.Offsets)
		for _, p := range partitions {
			if int(p) < len(pos) {
				add(pos[p], cursor.LeaderAt(leaders, int(p)))
			}
		}
		for n := len(s.Offsets) - first; n < len(more.Offsets); n++ {
			add(more.Offsets[n], cursor.LeaderAt(more.Leaders, n))
		}
		if n := len(s.Offsets) - first; n > 0 {
			s.Topics = append(s.Topics, cursor.Topic{Key: key, Partitions: n})
		}
	}
	for _, i := range y.byKey {
		t := &y.topics[i]
		for ; len(ahead) > 0 && ahead[0].Key < t.key; ahead = ahead[1:] {
			addTopic(ahead[0].Key, nil, ahead[0])
		}
		var more cursor.TopicPosition
		if len(ahead) > 0 && ahead[0].Key == t.key {
			more, ahead = ahead[0], ahead[1:]
		}
		if !t.isGone(pos) {
			addTopic(t.key, t.partitions, more)
		}
	}
	for _, a := range ahead {
		addTopic(a.Key, nil, a)
	}
	return s
}

// adopt takes up what was added to a log of several topics: partitions where they were
// added, or where the subscriber's cursor said. The hub's lock is held.
func (o *ownStream) adopt(l *log) {
	if l.layout == nil {
		return
	}
	o.pos = l.extend(o.pos, len(l.head))
	if o.ahead == nil {
		return
	}
	for i := 0; i < len(o.ahead); i++ {
		a := &o.ahead[i]
		topic, found := l.layout.find(a.Key)
		if !found {
			continue
		}
		partitions := l.layout.topics[topic].partitions
		for n, p := range partitions[:min(len(partitions), len(a.Offsets))] {
			if next := a.Offsets[n]; next > o.pos[p] {
				o.pos[p] = next
				o.keepLeader(int(p), next, cursor.LeaderAt(a.Leaders, n))
			}
		}
		if len(partitions) >= len(a.Offsets) {
			o.ahead = slices.Delete(o.ahead, i, i+1)
			i--
		}
	}
	if len(o.ahead) == 0 {
		o.ahead = nil
	}
}

// extend grows a position to n partitions. In those that are missing it is where they
// were added.
func (l *log) extend(pos []int64, n int) []int64 {
	if l.layout == nil || len(pos) >= n {
		return grow(pos, n)
	}
	return append(slices.Clone(pos), l.addedAt[len(pos):n]...)
}

// AddTopic says that a stream of several topics has one more, at which key (see
// [cursor.TopicKey]), and from which offset of each partition it is read. [Hub.Begin]
// comes before it, with the epoch [cursor.Several] and no partitions. A cursor that
// doesn't name the topic begins at its beginning.
//
// Its partitions are the stream's next ones: other calls, and [History], know them by
// these numbers.
func (h *Hub) AddTopic(stream int, name, key string, start []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	if _, twice := l.layout.find(key); twice {
		panic("stream: a topic is added twice") // numbers would be ambiguous
	}
	l.layout = l.layout.with(name, key, len(start))
	h.addTopicPartitions(l, start)
}

// GrowTopic says that one of a stream's several topics has more partitions.
func (h *Hub) GrowTopic(stream int, key string, start []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	if topic, found := l.layout.find(key); found {
		l.layout = l.layout.grown(topic, len(start))
		h.addTopicPartitions(l, start)
	}
}

func (h *Hub) addTopicPartitions(l *log, start []int64) {
	h.observer.began(l.stream, len(l.head), start)
	l.head, l.addedAt = append(l.head, start...), append(l.addedAt, start...)
	l.forgetIDs()
	l.open()
	if l.oldest() == nil {
		l.base = l.extend(l.base, len(l.head))
	}
}

// RemoveTopic says that one of a stream's several topics was deleted. A reset tells
// subscribers so, for this topic only. A topic of the same name that is created later is
// another one.
func (h *Hub) RemoveTopic(stream int, key string) {
	defer h.wakeRest()
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	topic, found := l.layout.find(key)
	if !found || l.layout.topics[topic].isGone(l.head) {
		return
	}
	partitions := l.layout.topics[topic].partitions
	var moved []Moved
	for _, p := range partitions {
		moved = append(moved, Moved{Partition: p, From: l.head[p], To: Gone})
		l.head[p] = Gone
	}
	h.addJump(stream, ReasonRecreated, moved, false)
	if l.state == nil {
		return
	}
	l.state.hide(partitions)
	for _, p := range partitions {
		h.forgetState(l, p)
	}
}

// leave moves the position to [Gone] in all partitions of a topic that was deleted;
// false: it is there.
func (o *ownStream) leave(l *log, partition int32) bool {
	if at(o.pos, int(partition)) == Gone {
		return false
	}
	o.pos = grow(o.pos, len(l.head))
	for _, p := range l.layout.siblings(partition) {
		o.pos[p] = Gone
	}
	return true
}

// named says of which topics the partitions are that moved, in a stream of several.
func (l *log) named(moved []Moved) []Moved {
	if l.layout == nil {
		return moved
	}
	moved = slices.Clone(moved)
	for i := range moved {
		if m := &moved[i]; !m.isNamed {
			m.Topic, m.isNamed = l.layout.topics[l.layout.of[m.Partition]].name, true
			m.Partition = l.layout.number[m.Partition]
		}
	}
	return moved
}

// TopicPartition says of which topic a stream's partition is, and its number there; ""
// for a stream of one topic.
func (h *Hub) TopicPartition(stream int, partition int32) (topic string, number int32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	y := h.logs[stream].layout
	if y == nil || partition < 0 || int(partition) >= len(y.of) {
		return "", partition
	}
	return y.topics[y.of[partition]].name, y.number[partition]
}

// StreamPartition is the other way: which of a stream's partitions one of a topic's is.
// Of several topics of one name it is the newest.
func (h *Hub) StreamPartition(stream int, topic string, number int32) (partition int32, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	y := h.logs[stream].layout
	if y == nil {
		return number, true
	}
	for i := range slices.Backward(y.topics) {
		if t := &y.topics[i]; t.name == topic && number >= 0 && int(number) < len(t.partitions) {
			return t.partitions[number], true
		}
	}
	return 0, false
}

// width is how much of an id a position takes.
func (y *layout) width(pos []int64, ahead []cursor.TopicPosition) cursor.Width {
	w := cursor.Width{Topics: []int{}}
	if y == nil {
		return cursor.Width{Partitions: len(pos)}
	}
	segment := y.segment(cursor.Segment{Offsets: pos}, ahead)
	for _, t := range segment.Topics {
		w = w.With(t.Partitions)
	}
	return w
}
