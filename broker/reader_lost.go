package broker

import (
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

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
