package broker

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// noteState notes that a stream of the topic has a state.
func (t *topic) noteState(s StreamConfig) {
	if !s.State {
		return
	}
	if t.state && t.stateAge == 0 || s.StateAge == 0 {
		t.stateAge = 0 // from the topic's start
	} else {
		t.stateAge = max(t.stateAge, s.StateAge)
	}
	t.state = true
}

// stateStart returns where reading a topic starts so that states are complete, and the
// first offsets that Kafka has. Without a state that is start. It also finds out whether
// the topic is compacted. end is the position after the last record.
func (r *Reader) stateStart(ctx context.Context, t *topic, m topicMeta, start, end []int64) (from, kept []int64, err error) {
	from = slices.Clone(start)
	if !t.state {
		return from, nil, nil
	}
	if kept, err = r.offsets(ctx, t, m, earliest, uncommitted); err != nil {
		return nil, nil, err
	}
	p, err := askPolicy(ctx, r.cl, t.name)
	if err != nil {
		return nil, nil, err
	}
	if !p.known {
		t.log.Warn("Kafka doesn't let this user read the topic's configuration (DESCRIBE_CONFIGS): the state treats the topic as not compacted")
	}
	t.compacted = p.compacted
	older := kept
	if !p.compacted && t.stateAge > 0 {
		if older, err = r.offsetsAt(ctx, t, m, end, time.Now().Add(-t.stateAge).UnixMilli()); err != nil {
			return nil, nil, err
		}
		keepNewest(older, kept, end, stream.NewestKept(t.sharing(len(end))))
	}
	for p := range from {
		from[p] = min(from[p], older[p])
	}
	return from, kept, nil
}

// sharing is how many partitions share what is read of the newest records. A topic that
// only streams of several topics show is one of many.
func (t *topic) sharing(partitions int) int {
	if len(t.several) == 0 || slices.ContainsFunc(t.views, func(v *view) bool { return v.several == nil }) {
		return partitions
	}
	return max(partitions, stream.ManyPartitions)
}

// checkRetention asks how much Kafka has deleted of a topic with a state.
func (r *Reader) checkRetention(ctx context.Context, t *topic, m topicMeta) error {
	if !t.state {
		return nil
	}
	kept, errs := listLeaders(ctx, r.cl, t.name, m, earliest, uncommitted)
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, err := range errs {
		if err != nil {
			kept[p] = 0
			if p < len(t.firstOffsets) {
				kept[p] = t.firstOffsets[p] // what Kafka said before still holds
			}
		}
	}
	if !slices.Equal(kept, t.firstOffsets) {
		t.firstOffsets = kept
		r.tellRetention(t)
	}
	return nil
}

// tellRetention tells the sink what Kafka still has.
func (r *Reader) tellRetention(t *topic) {
	for _, v := range t.views {
		if v.state {
			r.sink.Retained(v.stream, slices.Clone(v.partitions), t.compacted, slices.Clone(t.firstOffsets))
		}
	}
}

// fillState gives the states records from before the log. next is the position after
// them.
func (r *Reader) fillState(t *topic, partition int32, records []*kgo.Record, next int64) {
	for _, v := range t.views {
		if v.state {
			r.sink.FillState(v.stream, v.at(partition), r.decode(t, v, records, false), next)
		}
	}
}

// fillStateAnew moves the position of a partition back to where its state begins. Kafka
// has lost the end of the partition.
func (r *Reader) fillStateAnew(t *topic, partition int32) {
	if !t.state {
		return
	}
	t.next[partition] = min(t.stateFrom[partition], t.base[partition])
	if t.next[partition] == t.base[partition] {
		r.fillState(t, partition, nil, t.base[partition])
	}
}
