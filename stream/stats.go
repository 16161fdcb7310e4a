package stream

import "time"

// Stats is what a stream holds, and what has gone through it.
type Stats struct {
	Entries    int   // in memory
	Bytes      int64 // of them, as Spec.ReplayBytes counts
	Subjects   int   // in the state
	StateBytes int64 // as StateBounds.MaxBytes counts

	Subscribers int       // subscriptions that read it
	Deliveries  uint64    // events pulled, by all together
	Oldest      time.Time // when this gateway read the oldest entry in memory; zero: there is none
	Newest      time.Time // when it read the newest event ever; zero: none yet
	Stamp       time.Time // that event's timestamp, which is the producer's or Kafka's
}

// Stats returns the figures of a stream as they are now.
func (h *Hub) Stats(stream int) Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	s := Stats{Bytes: l.bytes, Subscribers: h.reading(stream), Deliveries: l.deliveries}
	if e := l.oldest(); e != nil {
		s.Oldest = h.wall(e.read)
	}
	s.Entries = -l.skip
	for _, b := range l.blocks {
		s.Entries += len(b.entries)
	}
	if l.begun {
		s.Newest, s.Stamp = h.wall(l.eventRead), Time(l.eventTime)
	}
	if t := l.state; t != nil {
		s.Subjects, s.StateBytes = t.values.len(), t.bytes()
	}
	return s
}

// wall is a time of the hub's clock as others have it.
func (h *Hub) wall(ms int64) time.Time { return h.start.Add(time.Duration(ms) * time.Millisecond) }
