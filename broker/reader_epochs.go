package broker

import (
	"math"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/stream"
)

// lineage returns what is known of a partition.
func (t *topic) lineage(p int32) lineage {
	if int(p) >= len(t.lineages) {
		return nil
	}
	return t.lineages[p]
}

// tellLineage tells the streams under which epochs a partition's records were written,
// unless they know it already.
func (r *Reader) tellLineage(t *topic, p int32, epochs lineage) {
	for int(p) >= len(t.lineages) {
		t.lineages = append(t.lineages, nil)
	}
	for _, e := range epochs {
		l := t.lineages[p]
		if n := len(l); n > 0 && (l[n-1].epoch == e.epoch || e.start < l[n-1].start || e.epoch >= 0 && e.epoch < l.newest()) || n == 0 && e.epoch < 0 {
			continue // known already, or no newer
		}
		if l = l.before(e.start); len(l) == 0 || l[len(l)-1].epoch != e.epoch {
			l = append(slices.Clone(l), e)
		}
		t.lineages[p] = l[max(0, len(l)-maxLineage):]
		for _, v := range t.views {
			r.sink.SetLeaderEpoch(v.stream, v.at(p), e.epoch, e.start)
		}
	}
}

// tellAfterGap is tellLineage after a jump forward over records that were not read. The
// jump began at from. For the sink the leader of those is unknown. asked is what brokers
// say of it.
func (r *Reader) tellAfterGap(t *topic, p int32, from, to int64, asked lineage) {
	for _, e := range asked.before(to) {
		e.start = max(e.start, from)
		r.tellLineage(t, p, lineage{e})
	}
}

// tellEpochs is tellLineage for batches that were read from the position on. There may be
// a gap before the first batch of a new epoch. Either leader may have written the records
// that were there.
func (r *Reader) tellEpochs(t *topic, p int32, epochs lineage) {
	next := max(t.next[p], t.base[p])
	for _, e := range epochs {
		if l := t.lineage(p); len(l) > 0 && l[len(l)-1].epoch != e.epoch && e.start > next {
			r.tellLineage(t, p, lineage{{-1, next}})
		}
		r.tellLineage(t, p, lineage{e})
	}
}

// tellRecords is tellEpochs for records that are about to be published.
func (r *Reader) tellRecords(t *topic, p int32, records []*kgo.Record) {
	if len(records) == 0 {
		return
	}
	known := int32(-1)
	if l := t.lineage(p); len(l) > 0 {
		known = l[len(l)-1].epoch
	}
	if records[0].LeaderEpoch == known && records[len(records)-1].LeaderEpoch == known {
		return // epochs ascend, so all records between have it, too
	}
	next := max(t.next[p], t.base[p])
	for _, rec := range records {
		if rec.LeaderEpoch != known {
			if known >= 0 && rec.Offset > next {
				r.tellLineage(t, p, lineage{{-1, next}})
			}
			known = rec.LeaderEpoch
			r.tellLineage(t, p, lineage{{known, rec.Offset}})
		}
		next = rec.Offset + 1
	}
}

// diverged returns where the log and what was read part. end is where, by the leader, the
// epoch before the position ended. If the leader names an older epoch, it has no record
// of the newer ones.
func (t *topic) diverged(p int32, end stream.EpochEnd) int64 {
	if end.Epoch < 0 {
		return math.MaxInt64
	}
	if start, known := t.lineage(p).after(end.Epoch); known {
		return min(start, end.End)
	}
	return end.End
}
