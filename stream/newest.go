package stream

import (
	order "container/heap"
	"container/list"
	"context"
	"maps"
	"math"
	"slices"
	"sync"
)

// newestEvent is where an event stands, and when.
type newestEvent struct {
	stream    int // index into what was asked for
	partition int32
	offset    int64
	time      int64 // the record's timestamp; in newest, the lowest of it and of those after it in its partition
}

// newestPick takes the n newest of events that it is shown, each partition's from its
// newest on. Newest is by the records' timestamps, but never against the order of a
// partition. An event is as old as the oldest timestamp from it to its partition's end.
// It keeps n events, however many it is shown.
type newestPick struct {
	n      int
	events []newestEvent // a heap, the oldest first
	tails  [][]pickTail  // by stream and partition
}

// pickTail is what newest was shown of a partition.
type pickTail struct {
	offset int64 // of the last event shown
	time   int64 // the lowest timestamp so far
	shut   bool  // nothing older can be among the newest
}

// tail returns what was shown of a partition.
func (k *newestPick) tail(stream int, partition int32) *pickTail {
	for len(k.tails) <= stream {
		k.tails = append(k.tails, nil)
	}
	for len(k.tails[stream]) <= int(partition) {
		k.tails[stream] = append(k.tails[stream], pickTail{offset: math.MaxInt64, time: math.MaxInt64})
	}
	return &k.tails[stream][partition]
}

// show shows the next older event of a partition; false: nothing older of it can be among
// the newest. What was shown already is passed over.
func (k *newestPick) show(stream int, partition int32, offset, time int64) bool {
	t := k.tail(stream, partition)
	if t.shut || offset >= t.offset {
		return !t.shut
	}
	t.offset, t.time = offset, min(t.time, time)
	m := newestEvent{stream, partition, offset, t.time}
	if len(k.events) < k.n {
		k.events = append(k.events, m)
		order.Fix(k, len(k.events)-1)
		return true
	}
	if !k.events[0].olderThan(m) {
		t.shut = true
		return false
	}
	last := &k.events[0]
	k.tail(last.stream, last.partition).shut = true
	*last = m
	order.Fix(k, 0)
	return true
}

// since is the timestamp of the oldest that is taken, if there are n; else the beginning
// of time.
func (k *newestPick) since() int64 {
	if len(k.events) < k.n {
		return math.MinInt64
	}
	return k.events[0].time
}

// olderThan is the order in which events give way. Of the same time, one of a later
// stream or partition does first.
func (m newestEvent) olderThan(o newestEvent) bool {
	switch {
	case m.time != o.time:
		return m.time < o.time
	case m.stream != o.stream:
		return m.stream > o.stream
	case m.partition != o.partition:
		return m.partition > o.partition
	}
	return m.offset < o.offset
}

// Len implements heap.Interface.
func (k *newestPick) Len() int { return len(k.events) }

// Less implements heap.Interface.
func (k *newestPick) Less(i, j int) bool { return k.events[i].olderThan(k.events[j]) }

// Swap implements heap.Interface.
func (k *newestPick) Swap(i, j int) { k.events[i], k.events[j] = k.events[j], k.events[i] }

// Push implements heap.Interface; show appends.
func (k *newestPick) Push(any) {}

// Pop implements heap.Interface; show replaces.
func (k *newestPick) Pop() any { return nil }

// lastN finds the position just before the newest N events that the request would get,
// over all its streams together, as newestPick has it.
//
// Kafka is asked about a stream only if it can make a difference. That is when memory
// alone hasn't N, or when it reaches less far back in this stream than the oldest of
// those N.
func (h *Hub) lastN(ctx context.Context, r Request, unnamed []int, st *starts) error {
	pick := &newestPick{n: min(r.From.N, MaxLast)}
	memories := make([]memory, len(unnamed))
	since := make([]int64, len(unnamed))
	for i, u := range unnamed {
		c := memorySearch{memory: h.memory(r.Streams[u]), r: r, pick: pick, index: i}
		since[i] = h.newestFromMemory(&c)
		memories[i] = c.memory
	}
	for i := range unnamed {
		if since[i] <= pick.since() {
			continue
		}
		if err := h.newestFromKafka(ctx, memories[i], r, pick, i); err != nil {
			return err
		}
	}
	for i, u := range unnamed {
		pos := slices.Clone(memories[i].head)
		for _, m := range pick.events {
			if m.stream == i {
				pos[m.partition] = min(pos[m.partition], m.offset)
			}
		}
		st.streams[u] = streamStart{epoch: memories[i].epoch, gen: memories[i].gen, pos: pos}
	}
	return nil
}

// newestAnswer is what a reading of Kafka has found of somebody's newest events: the
// newest n of each partition from one position to another, or all if they are fewer. What
// it found stays true, so it is read once.
type newestAnswer struct {
	key      newestKey
	epoch    string
	gen      uint64 // the log's, see log.gen
	from, to []int64
	n        int
	marks    map[int32][]offsetTime // by partition, newest last
	begin    []int64                // from where the reading had to look
}

// offsetTime is where an event stands in its partition, and when.
type offsetTime struct{ offset, time int64 }

// trim leaves the newest n of each partition, in memory that nothing else holds.
func (s *newestAnswer) trim() {
	for p, marks := range s.marks {
		s.marks[p] = slices.Clone(marks[max(0, len(marks)-s.n):])
	}
	s.begin = nil
}

func (s *newestAnswer) size() int {
	size := 200 + len(s.key.user) + len(s.key.filter) + 8*(len(s.from)+len(s.to))
	for _, marks := range s.marks {
		size += 64 + 16*len(marks)
	}
	return size
}

// newestCacheBytes is how much is remembered of what readings found, those who asked last
// first.
const newestCacheBytes = 8 << 20

// newestCache remembers what was found.
type newestCache struct {
	mu    sync.Mutex // guards the rest; a leaf
	byKey map[newestKey]*list.Element
	order list.List // of *seen, the last used first
	bytes int
}

// find returns what is known of a key if it reaches from a position up to memory; nil: it
// must be read.
func (l *newestCache) find(key newestKey, m memory, from []int64, n int) *newestAnswer {
	s := l.known(key, m, from, n)
	if s == nil || !covers(s.to, m.floor) {
		return nil
	}
	return s
}

// known returns a copy of what is known of a key from a position on, as far as it
// reaches.
func (l *newestCache) known(key newestKey, m memory, from []int64, n int) *newestAnswer {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.byKey[key]
	if at == nil {
		return nil
	}
	s := at.Value.(*newestAnswer)
	if s.epoch != m.epoch || s.gen != m.gen || len(s.to) < len(m.floor) || !covers(from, s.from) {
		return nil
	}
	for _, marks := range s.marks {
		if len(marks) >= s.n && s.n < n { // there may be more than were kept
			return nil
		}
	}
	l.order.MoveToFront(at)
	other := *s
	other.marks = maps.Clone(s.marks)
	for p, marks := range other.marks {
		other.marks[p] = slices.Clip(marks)
	}
	return &other
}

// remember keeps what a reading found, instead of what was known of its key.
func (l *newestCache) remember(s *newestAnswer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byKey == nil {
		l.byKey = make(map[newestKey]*list.Element)
	}
	if old := l.byKey[s.key]; old != nil {
		l.forget(old)
	}
	l.byKey[s.key] = l.order.PushFront(s)
	l.bytes += s.size()
	for l.bytes > newestCacheBytes {
		l.forget(l.order.Back())
	}
}

func (l *newestCache) forget(at *list.Element) {
	s := l.order.Remove(at).(*newestAnswer)
	delete(l.byKey, s.key)
	l.bytes -= s.size()
}
