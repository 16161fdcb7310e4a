package stream

import (
	"container/list"
	"maps"
	"slices"
	"sync"
)

// seen is what a reading of Kafka has found of somebody's newest events: the newest n of each
// partition from one position to another, or all if they are fewer. What it found stays true, so it
// is read once.
type seen struct {
	key      lookKey
	epoch    string
	gen      uint64 // the log's, see log.gen
	from, to []int64
	n        int
	marks    map[int32][]spotted // by partition, newest last
	begin    []int64             // from where the reading had to look
}

// spotted is where an event stands in its partition, and when.
type spotted struct{ offset, time int64 }

// trim leaves the newest n of each partition, in memory of their own.
func (s *seen) trim() {
	for p, marks := range s.marks {
		s.marks[p] = slices.Clone(marks[max(0, len(marks)-s.n):])
	}
	s.begin = nil
}

func (s *seen) size() int {
	size := 200 + len(s.key.user) + len(s.key.subject) + 8*(len(s.from)+len(s.to))
	for _, marks := range s.marks {
		size += 64 + 16*len(marks)
	}
	return size
}

// seenBytes is how much is remembered of what readings found, those who asked last first.
const seenBytes = 8 << 20

// seenLog remembers what was found.
type seenLog struct {
	mu    sync.Mutex // guards the rest; a leaf
	byKey map[lookKey]*list.Element
	order list.List // of *seen, the last used first
	bytes int
}

// find returns what is known of a key if it reaches from a position up to memory; nil: it must be read.
func (l *seenLog) find(key lookKey, m memory, from []int64, n int) *seen {
	s := l.known(key, m, from, n)
	if s == nil || !covers(s.to, m.floor) {
		return nil
	}
	return s
}

// known returns a copy of what is known of a key from a position on, as far as it reaches.
func (l *seenLog) known(key lookKey, m memory, from []int64, n int) *seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.byKey[key]
	if at == nil {
		return nil
	}
	s := at.Value.(*seen)
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

// remember keeps what a reading found, in the place of what was known of its key.
func (l *seenLog) remember(s *seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byKey == nil {
		l.byKey = make(map[lookKey]*list.Element)
	}
	if old := l.byKey[s.key]; old != nil {
		l.forget(old)
	}
	l.byKey[s.key] = l.order.PushFront(s)
	l.bytes += s.size()
	for l.bytes > seenBytes {
		l.forget(l.order.Back())
	}
}

func (l *seenLog) forget(at *list.Element) {
	s := l.order.Remove(at).(*seen)
	delete(l.byKey, s.key)
	l.bytes -= s.size()
}
