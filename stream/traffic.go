package stream

import "time"

// Traffic is what goes through a stream.
type Traffic struct {
	Subscribers int       // subscriptions that read it
	Deliveries  uint64    // events pulled, by all together
	Oldest      time.Time // when this gateway read the oldest entry in memory; zero: there is none
	Newest      time.Time // when it read the newest event ever; zero: none yet
	Stamp       time.Time // that event's timestamp, which is the producer's or Kafka's
}

// Traffic returns what has gone through a stream by now.
func (h *Hub) Traffic(stream int) Traffic {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	t := Traffic{Subscribers: h.reading(stream), Deliveries: l.deliveries}
	if e := l.oldest(); e != nil {
		t.Oldest = h.wall(e.read)
	}
	if l.begun {
		t.Newest, t.Stamp = h.wall(l.eventRead), Time(l.eventTime)
	}
	return t
}

// wall is a time of the hub's clock as others have it.
func (h *Hub) wall(ms int64) time.Time { return h.start.Add(time.Duration(ms) * time.Millisecond) }
