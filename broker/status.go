package broker

import (
	"slices"
	"time"
)

// Status is how far the reader is with one stream.
type Status struct {
	Stream     string
	Topic      string
	Epoch      string    // "" before the topic was found
	Partitions int       //
	Fetching   bool      // the topic is there and Kafka answers for it
	Warm       bool      // the replay window has been read
	Behind     int64     // records, markers and holes included, up to the last stable offset as last asked
	Next       []int64   // the position, by partition
	Stable     []int64   // the last stable offset as last asked, by partition; shorter where a partition was added since
	Answered   time.Time // when Kafka last said everything asked of the topic; zero: it never has
	StaleSince time.Time // when Kafka last answered, while it doesn't; else zero
	Waiting    string    // why it isn't fetching, or not all of it, in plain words; "" it is
	Exists     bool      // the topic is there, as Kafka last said
	Forbidden  bool      // Kafka last said that this user may not read the topic
	Unreadable time.Time // since when the topic doesn't exist or may not be read; zero: it can be
	Offline    []int32   // partitions that nobody has answered for in a while (Config.StaleAfter), ascending; they are read when somebody does

	Events  uint64             // handed to the sink
	Records uint64             // read; transaction markers aren't
	Refused map[Refusal]uint64 // by single refusal; a record may have several
}

// Status returns where each stream stands, in the order they were given.
func (r *Reader) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Status, r.streams)
	for _, t := range r.topics {
		for _, v := range t.views {
			s := Status{
				Stream:     v.name,
				Topic:      t.name,
				Epoch:      t.epoch,
				Partitions: len(t.next),
				Fetching:   t.begun && t.fault == "" && t.fetchFault == "",
				Warm:       t.warm,
				Behind:     t.behind(),
				Next:       slices.Clone(t.next),
				Stable:     slices.Clone(t.stable),
				StaleSince: t.stale,
				Waiting:    t.waiting(),
				Exists:     t.exists,
				Forbidden:  t.forbidden || t.fetchDenied,
				Unreadable: t.unreadable,
				Offline:    t.offlineFor(r.cfg.StaleAfter),
				Events:     v.events,
				Records:    v.records,
				Refused:    make(map[Refusal]uint64, numRefusals),
			}
			if t.begun {
				s.Answered = t.answered
			}
			if s.Waiting == "" && len(s.Offline) > 0 {
				s.Waiting = offlineText(s.Offline)
			}
			for i, n := range v.refused {
				s.Refused[1<<i] = n
			}
			all[v.stream] = s
		}
	}
	return all
}
