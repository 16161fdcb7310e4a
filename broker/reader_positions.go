package broker

import (
	"slices"

	"sluice/stream"
)

// jump moves the position of a partition, which subscribers must be told of.
func (r *Reader) jump(t *topic, partition int32, reason stream.Reason, to int64) {
	if reason == stream.ReasonRetention && to <= t.base[partition] {
		r.advance(t, partition, to) // only the state misses it, and a state shows nothing that Kafka has deleted
		return
	}
	if t.next[partition] < t.base[partition] {
		r.fillState(t, partition, nil, t.base[partition]) // no more comes for the state
	}
	from := max(t.next[partition], t.base[partition]) // the position of the sink
	t.log.Warn("the reader lost its position and goes on elsewhere: events are missing or come again",
		"reason", string(reason), "partition", partition, "from", from, "to", to)
	if l := t.lineage(partition); len(l) > 0 { // the sink does the same
		if l = l.before(min(from, to)); to > from {
			l = append(slices.Clone(l), epochStart{-1, from})
		}
		t.lineages[partition] = l
	}
	t.next[partition], t.base[partition] = to, to
	r.tellJump(t, partition, reason, to)
	if reason == stream.ReasonTruncated {
		r.fillStateAnew(t, partition)
	}
}

// tellJump counts a jump and tells the sink.
func (r *Reader) tellJump(t *topic, partition int32, reason stream.Reason, to int64) {
	for _, v := range t.views {
		v.jumps[reason]++
		r.sink.Jump(v.stream, v.at(partition), reason, to)
	}
}

// newJumpCounts begins at zero for each reason that a reader can have. Rates need a zero
// to start from.
func newJumpCounts() map[stream.Reason]uint64 {
	return map[stream.Reason]uint64{stream.ReasonRetention: 0, stream.ReasonTruncated: 0, stream.ReasonRecreated: 0}
}

// checkWarm tells the sink once that a topic has been read up to where it ended at start.
// Partitions that nobody has answered for in a while don't count, nor do those
// that a record holds.
func (r *Reader) checkWarm(t *topic) {
	if t.warm {
		return
	}
	for p, at := range t.warmOffsets {
		if t.next[p] < at && !t.isLeaderless(int32(p), r.cfg.OfflineHold) && !r.isHeld(t, int32(p)) {
			return
		}
	}
	t.warm = true
	for _, v := range t.views {
		if v.several == nil {
			r.sink.SetWarm(v.stream)
		}
	}
	r.checkSeveralWarm()
}

// advance moves the position over offsets that are no event.
func (r *Reader) advance(t *topic, partition int32, next int64) {
	base := t.base[partition]
	if t.next[partition] < base {
		r.fillState(t, partition, nil, min(next, base))
	}
	if next > base {
		for _, v := range t.views {
			r.sink.Advance(v.stream, v.at(partition), next)
		}
	}
	t.next[partition] = next
}
