package checker

import (
	"cmp"
	"slices"
)

// truncated is the reason of resets that tell of an unclean election.
const truncated = "truncated"

// Truncated says that an unclean election has lost what the partition held from this
// offset on. Whatever Kafka acknowledges from now on is written in its place. The
// partition's producers must rest meanwhile.
func (c *Checker) Truncated(name string, partition int32, from int64) {
	defer c.Changed()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streamLocked(name)
	s.truncations[partition] = append(s.truncations[partition], from)
	for _, e := range s.events {
		if e.acked && e.generation == s.generation && e.partition == partition && e.offset >= from {
			e.truncated = true
		}
	}
	for _, newest := range s.newest {
		delete(newest, partition)
	}
	for number, e := range s.events {
		if e.acked && e.partition == partition {
			s.noteNewestLocked(number)
		}
	}
}

// clientPosition is how far a client has come in one partition: everything before next,
// as the partition was after so many truncations.
type clientPosition struct {
	next    int64
	lineage int
}

// passed reports whether records before next were lost by the elections up to a lineage.
func (at clientPosition) passed(truncations []int64, lineage int) bool {
	return lineage > at.lineage && at.next > slices.Min(truncations[at.lineage:lineage])
}

// judgeTruncationsLocked walks through what the client was sent of one partition. Where
// records that it was sent were lost, a reset has to tell it. The reset goes back to
// where they began, and comes before anything that was written in their place. It is told
// once, and of nothing else.
func (c *Client) judgeTruncationsLocked(v *Verdict, s *stream, partition int32) {
	truncations := s.truncations[partition]
	var at clientPosition
	var latest *producedEvent
	told := c.resetsOfLocked(s.name, partition, truncated)
	// tell takes account of the resets before the event of this index, which has this
	// lineage.
	tell := func(before, next int) {
		for len(told) > 0 && told[0].after <= before {
			lineage, ok := told[0].lineage(truncations, at.lineage, next)
			if ok {
				at = clientPosition{slices.Min(truncations[at.lineage:lineage]), lineage}
				v.Resets++
			} else {
				v.find(Unexpected, "%+v to %d, where no election lost anything that it had not been told of", told[0].Reset, told[0].to)
			}
			told = told[1:]
		}
	}
	for i, a := range c.received {
		e := s.eventOf(a)
		if e == nil || !e.acked || e.generation != s.generation || e.partition != partition {
			continue
		}
		tell(i, e.lineage)
		if at.passed(truncations, e.lineage) {
			v.find(Silent, "%s was sent %v (%v) after %v, and not told that this was lost", c.label, a, e, latest)
		}
		latest = e
		if at.lineage <= e.lineage || at.next <= e.offset {
			at = clientPosition{e.offset + 1, max(at.lineage, e.lineage)}
		}
	}
	tell(len(c.received), len(truncations))
	if at.passed(truncations, len(truncations)) {
		v.find(Silent, "%s was last sent %v of %s, and not told that this was lost", c.label, latest, s.name)
	}
}

// lineage is the one that the reset leads to for a client that comes from another,
// before. A reset that names no offsets leads to that of the event that comes next.
func (r receivedReset) lineage(truncations []int64, before, next int) (after int, ok bool) {
	if !r.known {
		return next, next > before
	}
	for after := before + 1; after <= len(truncations); after++ {
		if r.to == slices.Min(truncations[before:after]) {
			return after, true
		}
	}
	return 0, false
}

// resetsOfLocked are the resets of one partition that the client was sent, for this
// reason.
func (c *Client) resetsOfLocked(stream string, partition int32, reason string) (found []receivedReset) {
	for _, r := range c.told {
		if r.Stream == stream && r.Partition == partition && r.Reason == reason {
			found = append(found, r)
		}
	}
	return found
}

// eventOf is the event that arrived, if it is one of this stream.
func (s *stream) eventOf(a Arrival) *producedEvent {
	if a.Stream != s.name {
		return nil
	}
	return s.events[a.Number]
}

// Record is where Kafka holds an event.
type Record struct {
	Partition int32
	Offset    int64
	Number    int // of the event in its stream
}

// Records are the events that Kafka has acknowledged and still has, of the stream's
// present topic, by partition and offset. Retention and compaction are left out of
// account.
func (c *Checker) Records(stream string) (records []Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streamLocked(stream)
	for number, e := range s.events {
		if e.acked && !e.truncated && e.generation == s.generation {
			records = append(records, Record{e.partition, e.offset, number})
		}
	}
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return records
}
