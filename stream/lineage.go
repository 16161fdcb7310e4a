package stream

import "slices"

// noEpoch is a leader epoch that isn't known.
const noEpoch = -1

// maxLineage is how many leader epochs are remembered of a partition, the newest. An
// election begins one. What is older is asked of Kafka.
const maxLineage = 64

// epochStart says that the records of a partition from offset start on were written under a
// leader epoch, up to the next one's start.
type epochStart struct {
	epoch int32 // noEpoch: not known from there
	start int64
}

// lineage has a partition's leader epochs, ascending (KIP-101). The epoch of a position is that
// of the last record before it, so an epoch begins after its start.
type lineage []epochStart

// at returns the leader epoch of the last record before an offset, noEpoch where that is not
// known or there is none.
func (e lineage) at(next int64) int32 {
	for i := len(e) - 1; i >= 0 && next > 0; i-- {
		if e[i].start < next {
			return e[i].epoch
		}
	}
	return noEpoch
}

// newest returns the newest leader epoch known.
func (e lineage) newest() int32 {
	for i := len(e) - 1; i >= 0; i-- {
		if e[i].epoch != noEpoch {
			return e[i].epoch
		}
	}
	return noEpoch
}

// with returns the lineage with an epoch that begins at start. Epochs only ascend, so one that is
// older than the newest says nothing.
func (e lineage) with(epoch int32, start int64) lineage {
	if epoch != noEpoch && epoch <= e.newest() {
		if last := e[len(e)-1]; epoch < e.newest() || last.epoch != noEpoch || start < last.start {
			return e
		}
	}
	kept := e.before(start)
	last := int32(noEpoch)
	if len(kept) > 0 {
		last = kept[len(kept)-1].epoch
	}
	if epoch == last {
		return kept
	}
	kept = append(slices.Clone(kept), epochStart{epoch, start})
	return kept[max(0, len(kept)-maxLineage):]
}

// before returns the epochs that began before an offset.
func (e lineage) before(next int64) lineage {
	for len(e) > 0 && e[len(e)-1].start >= next {
		e = e[:len(e)-1]
	}
	return e
}

// generation is the time in which a log's positions compare: a jump back and a topic created
// anew begin another. Positions of an earlier one keep the leader epochs that they had.
type generation struct {
	epochs []lineage // by partition, as far as known; replaced as a whole, never changed
	ended  []int64   // how far the log had been read when another began; nil: it is the log's present one
}

// of returns a partition's lineage.
func (g *generation) of(p int) lineage {
	if g == nil || p >= len(g.epochs) {
		return nil
	}
	return g.epochs[p]
}

// set replaces a partition's lineage.
func (g *generation) set(p int, e lineage) {
	epochs := make([]lineage, max(p+1, len(g.epochs)))
	copy(epochs, g.epochs)
	epochs[p] = e
	g.epochs = epochs
}

// cut returns the generation after a partition lost its records from an offset on.
func (g *generation) cut(p int, to int64) *generation {
	next := &generation{epochs: g.epochs}
	if p < len(g.epochs) {
		next.set(p, g.epochs[p].before(to))
	}
	return next
}

// leaders returns the leader epochs of a position in dst's memory; nil where none is known.
func (g *generation) leaders(dst []int32, pos []int64) []int32 {
	if g == nil || len(g.epochs) == 0 {
		return nil
	}
	known := false
	dst = dst[:0]
	for p, next := range pos {
		epoch := g.of(p).at(next)
		known = known || epoch != noEpoch
		dst = append(dst, epoch)
	}
	if !known {
		return nil
	}
	return dst
}

// SetLeaderEpoch says that the records of a partition from offset start on were written under
// this leader epoch, until another is said; -1: not known from there. It comes before such
// records are published, and right after [Hub.Begin] or [Hub.Jump] for what was written before,
// ascending. From then on ids say the epoch of their positions (KIP-320), and a position whose
// epoch ended before it is told so. That records read already were lost is not said by this, but
// by Jump.
func (h *Hub) SetLeaderEpoch(stream int, partition, epoch int32, start int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.logs[stream]
	if partition < 0 || epoch < noEpoch || start < 0 || int(partition) >= len(l.head) {
		return
	}
	p := int(partition)
	was := l.lineage.of(p)
	is := was.with(epoch, start)
	if slices.Equal(was, is) {
		return
	}
	l.lineage.set(p, is)
	if start < l.head[p] { // ids were written without
		l.forgetIDs()
	}
	for id := range h.apart { // who is ahead may have parted from what comes now
		if v := h.views[h.subs.at(id).view]; v.mask&(1<<stream) != 0 {
			h.wake(id, h.seq+1)
		}
	}
}
