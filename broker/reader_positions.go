package broker

import (
	"slices"

	"sluice/stream"
)

// jump moves the position of a partition by something that must be said.
func (r *Reader) jump(t *topic, partition int32, reason stream.Reason, to int64) {
	if reason == stream.ReasonRetention && to <= t.base[partition] {
		r.advance(t, partition, to) // only the state misses it, and it shows nothing that Kafka has deleted
		return
	}
	if t.next[partition] < t.base[partition] {
		r.feedState(t, partition, nil, t.base[partition]) // there is no more to come of it
	}
	from := max(t.next[partition], t.base[partition]) // where the sink stands
	t.log.Warn("the reader lost its place and goes on elsewhere: events are missing or come again",
		"reason", string(reason), "partition", partition, "from", from, "to", to)
	if l := t.lineage(partition); len(l) > 0 { // as the sink does
		if l = l.before(min(from, to)); to > from {
			l = append(slices.Clone(l), epochStart{-1, from})
		}
		t.lineages[partition] = l
	}
	t.next[partition], t.base[partition] = to, to
	r.tellJump(t, partition, reason, to)
	if reason == stream.ReasonTruncated {
		r.feedStateAnew(t, partition)
	}
}

// tellJump counts a jump and tells the sink of it.
func (r *Reader) tellJump(t *topic, partition int32, reason stream.Reason, to int64) {
	for _, v := range t.views {
		v.jumps[reason]++
		r.sink.Jump(v.stream, partition, reason, to)
	}
}

// newJumpCounts counts nothing yet of each reason that a reader can have: rates need a zero
// to start from.
func newJumpCounts() map[stream.Reason]uint64 {
	return map[stream.Reason]uint64{stream.ReasonRetention: 0, stream.ReasonTruncated: 0, stream.ReasonRecreated: 0}
}

// checkWarm says once when a topic has been read to where it ended at start, but for
// partitions that nobody has answered for in a while.
func (r *Reader) checkWarm(t *topic) {
	if t.warm {
		return
	}
	for p, at := range t.warmOffsets {
		if t.next[p] < at && !t.isLeaderless(int32(p), r.cfg.OfflineHold) {
			return
		}
	}
	t.warm = true
	for _, v := range t.views {
		r.sink.SetWarm(v.stream)
	}
}

// advance moves the position over what is no record.
func (r *Reader) advance(t *topic, partition int32, next int64) {
	base := t.base[partition]
	if t.next[partition] < base {
		r.feedState(t, partition, nil, min(next, base))
	}
	if next > base {
		for _, v := range t.views {
			r.sink.Advance(v.stream, partition, next)
		}
	}
	t.next[partition] = next
}
