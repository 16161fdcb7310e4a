package broker

import (
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

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

// findLost finds a new position in partitions whose position Kafka doesn't have. Kafka
// deleted the records there (retention), or lost them (an unclean election).
func (r *Reader) findLost(ctx context.Context, t *topic, m topicMeta) error {
	r.mu.Lock()
	lost := slices.Sorted(maps.Keys(t.lost))
	asked := m.leading(lost)
	epochs := make([]int32, len(m.leaders))
	for p := range epochs {
		if epochs[p] = -1; asked.leaders[p] >= 0 {
			epochs[p] = t.lineage(int32(p)).at(t.next[p])
		}
	}
	r.mu.Unlock()
	if len(lost) == 0 {
		return nil
	}
	start, errStart := listLeaders(ctx, r.cl, t.name, asked, earliest, uncommitted)
	end, errEnd := listLeaders(ctx, r.cl, t.name, asked, latest, uncommitted)
	ends, errEpoch := epochEnds(ctx, r.cl, t.name, asked, epochs)
	lineages := askLineages(ctx, r.cl, t.name, asked)
	r.mu.Lock()
	defer r.mu.Unlock()
	at := make(map[int32]kgo.Offset)
	var gone []int32
	for _, p := range lost {
		if errStart[p] != nil || errEnd[p] != nil || errEpoch[p] != nil {
			continue // the next round asks again
		}
		r.placeAnew(t, p, start[p], min(end[p], t.diverged(p, ends[p])), lineages[p])
		delete(t.lost, p)
		gone = append(gone, p)
		at[p] = t.offset(p)
	}
	if len(gone) > 0 {
		r.cl.RemoveConsumePartitions(map[string][]int32{t.name: gone}) // the client does not use its cursor since the error
		r.cl.AddConsumePartitions(map[string]map[int32]kgo.Offset{t.name: at})
	}
	return nil
}

// placeAnew moves the position of a partition to where the log has records. start is the
// first, and parted where the log has parted from what was read. Both may have happened:
// records were lost, and those that were written instead are deleted. If neither has, the
// error was that of a follower. asked is what brokers say of the leader epochs.
func (r *Reader) placeAnew(t *topic, p int32, start, parted int64, asked lineage) {
	if max(t.next[p], t.base[p]) > parted {
		r.jump(t, p, stream.ReasonTruncated, parted)
	}
	if from := max(t.next[p], t.base[p]); t.next[p] < start {
		r.jump(t, p, stream.ReasonRetention, start)
		r.tellAfterGap(t, p, from, start, asked)
	}
}
