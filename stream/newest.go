package stream

import (
	order "container/heap"
	"math"
)

// mark is where an event stands, and when.
type mark struct {
	stream    int // index into what was asked for
	partition int32
	offset    int64
	time      int64 // the record's timestamp; in newest, the lowest of it and of those after it in its partition
}

// newest takes the n newest of events that it is shown, each partition's from its newest on. Newest
// is by the records' timestamps, but never against the order of a partition: an event is as old
// as the oldest timestamp from it to its partition's end. It keeps n marks, however many it is shown.
type newest struct {
	n     int
	marks []mark    // a heap, the oldest first
	tails [][]shown // by stream and partition
}

// shown is what newest was shown of a partition.
type shown struct {
	offset int64 // of the last event shown
	time   int64 // the lowest timestamp so far
	shut   bool  // nothing older can be among the newest
}

// tail returns what was shown of a partition.
func (k *newest) tail(stream int, partition int32) *shown {
	for len(k.tails) <= stream {
		k.tails = append(k.tails, nil)
	}
	for len(k.tails[stream]) <= int(partition) {
		k.tails[stream] = append(k.tails[stream], shown{offset: math.MaxInt64, time: math.MaxInt64})
	}
	return &k.tails[stream][partition]
}

// show shows the next older event of a partition; false: nothing older of it can be among the newest.
// What was shown already is passed over.
func (k *newest) show(stream int, partition int32, offset, time int64) bool {
	t := k.tail(stream, partition)
	if t.shut || offset >= t.offset {
		return !t.shut
	}
	t.offset, t.time = offset, min(t.time, time)
	m := mark{stream, partition, offset, t.time}
	if len(k.marks) < k.n {
		k.marks = append(k.marks, m)
		order.Fix(k, len(k.marks)-1)
		return true
	}
	if !k.marks[0].olderThan(m) {
		t.shut = true
		return false
	}
	last := &k.marks[0]
	k.tail(last.stream, last.partition).shut = true
	*last = m
	order.Fix(k, 0)
	return true
}

// since is the timestamp of the oldest that is taken, if there are n; else the beginning of time.
func (k *newest) since() int64 {
	if len(k.marks) < k.n {
		return math.MinInt64
	}
	return k.marks[0].time
}

// olderThan is the order in which marks give way. Of the same time, one of a later stream or partition does first.
func (m mark) olderThan(o mark) bool {
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
func (k *newest) Len() int { return len(k.marks) }

// Less implements heap.Interface.
func (k *newest) Less(i, j int) bool { return k.marks[i].olderThan(k.marks[j]) }

// Swap implements heap.Interface.
func (k *newest) Swap(i, j int) { k.marks[i], k.marks[j] = k.marks[j], k.marks[i] }

// Push implements heap.Interface; show appends.
func (k *newest) Push(any) {}

// Pop implements heap.Interface; show replaces.
func (k *newest) Pop() any { return nil }
