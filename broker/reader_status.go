package broker

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"sluice/broker/record"
	"sluice/stream"
)

// Status is how far the reader is with one stream.
type Status struct {
	Stream            string
	Topic             string
	Epoch             string    // "": the topic has not been found yet
	Partitions        int       //
	Fetching          bool      // the topic is there and Kafka answers for it
	Warm              bool      // the replay window has been read
	Behind            int64     // offsets up to the last stable one; -1: Kafka has not said it for Config.StaleAfter
	LSOLag            int64     // records that open transactions hold back; -1: not known
	Next              []int64   // the position, by partition
	LastStableOffsets []int64   // by partition, as last asked; -1: not known any more; a new partition may be missing
	AnsweredAt        time.Time // when Kafka last answered all questions about the topic; zero: never
	StaleSince        time.Time // since when Kafka has not answered, or no fetch has succeeded; zero: all is well
	Waiting           string    // why it is not fetching, or not all of it, in plain words; "": it is
	Exists            bool      // the topic is there, as Kafka last said
	Forbidden         bool      // Kafka last said that this user may not read the topic
	UnreadableSince   time.Time // since when the topic doesn't exist or may not be read; zero: it can be
	Held              []HeldPartition
	Offline           []int32 // partitions without an answer for Config.StaleAfter, ascending

	Topics     []TopicStatus     // of a stream of several topics, by name
	Parts      []PartitionStatus // of a stream of several topics, instead of Next and LastStableOffsets
	Unadmitted bool              // of one of several: it has no room in ids
	at         []int32           // of one of several: its partitions in the stream

	Events  uint64                    // handed to the sink
	Records uint64                    // read, without transaction markers
	Jumps   map[stream.Reason]uint64  // by reason, one for each partition; recreated counts a topic once
	Refused map[record.Refusal]uint64 // by single refusal; a record may have several

	LastRefused map[record.Refusal]RefusedRecord // those that there were
}

// Status returns how far each stream is, in the order they were given.
func (r *Reader) Status() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Status, len(r.configs))
	parts := make([][]Status, len(r.configs)) // of streams of several topics
	for _, name := range slices.Sorted(maps.Keys(r.topics)) {
		t := r.topics[name]
		fetchText, held := r.fetchText(t), r.heldPartitions(t)
		for _, v := range t.shown() {
			s := Status{
				Stream:            v.name,
				Topic:             t.name,
				Epoch:             t.epoch,
				Partitions:        len(t.next),
				Fetching:          t.begun && t.outage == "" && fetchText == "",
				Warm:              t.warm,
				Behind:            r.behind(t),
				LSOLag:            r.lsoLag(t),
				Next:              slices.Clone(t.next),
				LastStableOffsets: r.knownEnds(t),
				StaleSince:        t.staleSince,
				Waiting:           cmp.Or(t.outage, fetchText),
				Exists:            t.exists,
				Forbidden:         t.forbidden || t.fetchDenied(),
				UnreadableSince:   t.unreadableSince,
				Offline:           t.leaderless(r.cfg.StaleAfter),
				Held:              held,
				Events:            v.events,
				Records:           v.records,
				Jumps:             maps.Clone(v.jumps),
				Refused:           make(map[record.Refusal]uint64, len(v.refused)),
				LastRefused:       make(map[record.Refusal]RefusedRecord),
			}
			if t.begun {
				s.AnsweredAt = t.answeredAt
			}
			if s.Waiting == "" && len(s.Offline) > 0 {
				s.Waiting = leaderlessText(s.Offline)
			}
			for one, r := range v.refused {
				if s.Refused[one] = r.n; r.n > 0 {
					s.LastRefused[one] = r.last
				}
			}
			if v.several == nil {
				all[v.stream] = s
				continue
			}
			s.at, s.Unadmitted = v.partitions, v.unadmitted != ""
			if s.Unadmitted {
				s.Waiting, s.Fetching, s.Next, s.LastStableOffsets = v.unadmitted, false, nil, nil
			}
			parts[v.stream] = append(parts[v.stream], s)
		}
	}
	for _, s := range r.severals {
		all[s.index] = s.status(parts[s.index])
	}
	return all
}

// shown are all streams that show a topic, or would.
func (t *topic) shown() []*view {
	all := slices.Clone(t.several)
	for _, v := range t.views {
		if v.several == nil {
			all = append(all, v)
		}
	}
	return all
}

// endsKnown reports whether Kafka has said lately where the topic ends.
func (r *Reader) endsKnown(t *topic) bool {
	return t.begun && t.outage == "" && time.Since(t.endsAskedAt) < r.cfg.StaleAfter+r.cfg.Refresh
}

// knownEnds returns the last stable offset of each partition. -1: nobody says it.
func (r *Reader) knownEnds(t *topic) []int64 {
	ends := slices.Clone(t.lastStableOffsets)
	known := r.endsKnown(t)
	for p := range ends {
		if !known || t.isLeaderless(int32(p), r.cfg.StaleAfter) {
			ends[p] = -1
		}
	}
	return ends
}

// behind is how many records are still to be read. -1: it is not known of a partition.
func (r *Reader) behind(t *topic) int64 {
	if !r.endsKnown(t) {
		return -1
	}
	if slices.Min(append(r.knownEnds(t), 0)) < 0 {
		return -1
	}
	return t.behind()
}

// lsoLag is how many records open transactions hold back. -1: it is not known of a
// partition. A high watermark is older than the last stable offset that it is compared
// with. So records that were written and committed in between don't count.
func (r *Reader) lsoLag(t *topic) (n int64) {
	ends := r.knownEnds(t)
	if len(t.highWatermarks) == 0 || !r.endsKnown(t) {
		return -1
	}
	for p, high := range t.highWatermarks[:min(len(t.highWatermarks), len(ends))] {
		if high < 0 || ends[p] < 0 {
			return -1
		}
		n += max(0, high-ends[p])
	}
	return n
}
