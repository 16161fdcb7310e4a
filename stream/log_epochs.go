package stream

import (
	"context"
	"slices"
)

// noEpoch is a leader epoch that isn't known.
const noEpoch = -1

// maxLineage is how many leader epochs are remembered of a partition, the newest. An
// election begins one. What is older is asked of Kafka.
const maxLineage = 64

// epochStart says that the records of a partition from offset start on were written under
// a leader epoch, up to the next one's start.
type epochStart struct {
	epoch int32 // noEpoch: not known from there
	start int64
}

// lineage has a partition's leader epochs, ascending (KIP-101). The epoch of a position
// is that of the last record before it, so an epoch begins after its start.
type lineage []epochStart

// at returns the leader epoch of the last record before an offset, noEpoch where that is
// not known or there is none.
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

// with returns the lineage with an epoch that begins at start. Epochs only ascend, so one
// that is older than the newest says nothing.
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

// SetLeaderEpoch says that the records of a partition from offset start on were written
// under this leader epoch, until another is said; -1: not known from there. It comes
// before such records are published, and right after [Hub.Begin] or [Hub.Jump] for what
// was written before, ascending. From then on ids say the epoch of their positions
// (KIP-320), and a position whose epoch ended before it is told so. That records read
// already were lost is not said by this, but by Jump.
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
	for id := range h.apart { // one that is ahead may have parted from what comes now
		if v := h.views[h.subs.at(id).view]; v.mask&(1<<stream) != 0 {
			h.wake(id, h.seq+1)
		}
	}
}

// parted returns where the log parted from a position whose last record has a leader
// epoch: where the first later epoch began below it. exact is false if the log doesn't
// know where epoch itself ended. Then it may have been earlier.
func (e lineage) parted(epoch int32, next int64) (to int64, parted, exact bool) {
	for i, s := range e {
		if s.epoch <= epoch {
			continue
		}
		if i == 0 || e[i-1].epoch != noEpoch {
			return s.start, s.start < next, i > 0 && e[i-1].epoch == epoch
		}
		// Between the two are no records that the log was given.
		return e[i-1].start, s.start < next, false
	}
	return 0, false, false
}

// has reports whether a log read up to head has the record before a position, under this
// epoch.
func (e lineage) has(epoch int32, next, head int64) bool { return next <= head && e.at(next) == epoch }

// holdEpochs holds a position against the leader epochs that a cursor says of it. It
// moves the position back where it has parted from the topic, and returns what moved, and
// the epochs that only the cursor can tell of. asked: Kafka was asked.
func (h *Hub) holdEpochs(ctx context.Context, m memory, said []int32, pos []int64, reach func() error) (moved []Moved, leaders []int32, asked bool, err error) {
	var ask []int32
	keep := func(p int, epoch int32) {
		if leaders == nil {
			leaders = unknownEpochs(len(pos))
		}
		leaders[p] = epoch
	}
	for p, epoch := range said {
		next := at(pos, p)
		if epoch == noEpoch || next == 0 || m.lineage(p).has(epoch, next, at(m.head, p)) {
			continue
		}
		if to, parted, exact := m.lineage(p).parted(epoch, next); parted && exact && to <= at(m.head, p) {
			moved = append(moved, Moved{Partition: int32(p), From: next, To: to})
			pos[p] = to
			continue
		}
		keep(p, epoch)
		if ask == nil {
			ask = unknownEpochs(len(pos))
		}
		ask[p] = epoch
	}
	if ask == nil {
		return moved, leaders, false, nil
	}
	var ends []EpochEnd
	kafka, asked := h.history.(EpochHistory)
	if asked {
		if err = reach(); err != nil {
			return nil, nil, true, err
		}
		if ends, err = kafka.EpochEnds(ctx, m.stream, ask); err != nil {
			return nil, nil, true, unavailableError(ctx, err)
		}
	}
	for p, epoch := range ask {
		if epoch == noEpoch {
			continue
		}
		next, known := pos[p], m.lineage(p)
		to, leader, parted := next, int32(noEpoch), false
		if p < len(ends) && ends[p].Epoch != noEpoch {
			to, leader = min(next, ends[p].End), ends[p].Epoch
			parted = ends[p].End < next || leader < epoch // as Kafka's own fetch has it
		} else if start, is, _ := known.parted(epoch, next); is {
			to, leader, parted = start, known.at(start), true
		}
		switch behind := known.newest(); {
		case parted:
			moved = append(moved, Moved{Partition: int32(p), From: next, To: to})
			pos[p] = to
			keep(p, leader)
		case leader != noEpoch && next <= at(m.head, p) && known.at(next) != noEpoch && behind < epoch:
			return nil, nil, true, ErrNotWarm // our own reader is about to notice that the topic lost records
		}
		if now := pos[p]; now <= at(m.head, p) && known.at(now) != noEpoch {
			leaders[p] = noEpoch // the log tells
		}
	}
	if !slices.ContainsFunc(leaders, func(e int32) bool { return e != noEpoch }) {
		leaders = nil
	}
	return lowest(moved), leaders, asked, nil
}

func unknownEpochs(n int) []int32 {
	epochs := make([]int32, n)
	for p := range epochs {
		epochs[p] = noEpoch
	}
	return epochs
}

// lineage returns what the log knows of a partition's leader epochs.
func (m *memory) lineage(p int) lineage {
	if p < len(m.epochs) {
		return m.epochs[p]
	}
	return nil
}

// ownEpoch returns the leader epoch that the cursor or a catch-up said of the position in
// a partition. It is noEpoch if none was said or the position has moved since.
func (o *ownStream) ownEpoch(p int) int32 {
	if p < len(o.leaders) && at(o.pos, p) == o.came[p] {
		return o.leaders[p]
	}
	return noEpoch
}

// moveTo moves the position on to where a reading of Kafka has come. leader is the epoch
// that brokers say of it. That is kept if the log can't tell: it may know the newest
// epochs only. One that is newer than all that it knows is not kept. The log may be about
// to learn what that election took back, from this position too.
func (o *ownStream) moveTo(p int, next int64, leader int32) {
	o.pos = grow(o.pos, p+1)
	o.pos[p] = next
	if known := o.lineage.newestFor(p).of(p); leader <= known.newest() && known.at(next) == noEpoch {
		o.keepLeader(p, next, leader)
	}
}

// keepLeader notes the leader epoch of a position in a partition, if it is known.
func (o *ownStream) keepLeader(p int, next int64, leader int32) {
	if leader == noEpoch {
		return
	}
	for len(o.leaders) <= p {
		o.leaders = append(o.leaders, noEpoch)
	}
	o.came = grow(o.came, len(o.leaders))
	o.leaders[p], o.came[p] = leader, next
}

// tellsMore reports whether it knows a leader epoch of its position that the log doesn't.
func (o *ownStream) tellsMore(l *log) bool {
	for p := range o.leaders {
		if o.ownEpoch(p) != noEpoch && l.lineage.at(p, o.pos[p], l.head) == noEpoch {
			return true
		}
	}
	return false
}

// appendLeaders appends the leader epochs of its position; nil where none is known.
//
// A jump concerns one partition. In the others a position may have moved on since with
// what was read from Kafka. So their epochs are those of the newest generation that the
// position can be of.
func (o *ownStream) appendLeaders(dst []int32, l *log) []int32 {
	const unset = noEpoch - 1
	for range o.pos {
		dst = append(dst, unset)
	}
	g := o.lineage
	for ; g.next != nil && g.lost != everyPartition; g = g.next {
		if q := int(g.lost); q < len(dst) && dst[q] == unset {
			dst[q] = g.at(q, o.pos[q], nil)
		}
	}
	known := false
	for p, next := range o.pos {
		if dst[p] == unset {
			dst[p] = g.at(p, next, l.head)
		}
		if own := o.ownEpoch(p); own != noEpoch {
			dst[p] = own
		}
		known = known || dst[p] != noEpoch
	}
	if !known {
		return nil
	}
	return dst
}

// part tells a subscriber that is ahead of this gateway where stream i has parted from
// its position, and has it go on from there. What it goes on from has been read already,
// and a pass has looked for it from where it was.
func (p *ownPosition) part(h *Hub, v *view, id uint32, i int, b *Batch) {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	if o.epoch != l.epoch || !p.tellParted(h, v, i, b) {
		return
	}
	if o.catchup != nil {
		o.catchup.close(&h.passes)
	}
	p.rejoin(h, v, i, b)
	p.locate(h, v, id, i)
}

// tellParted moves the position in stream i back to where its generation has parted from
// it, and says so. Records below it were written under a later leader epoch than its
// cursor said.
func (p *ownPosition) tellParted(h *Hub, v *view, i int, b *Batch) (back bool) {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	for q := range o.leaders {
		epoch := o.ownEpoch(q)
		if epoch == noEpoch {
			continue
		}
		from, known := o.pos[q], o.lineage.of(q)
		to, parted, _ := known.parted(epoch, from)
		if !parted {
			continue
		}
		back = true
		o.pos[q], o.came[q], o.leaders[q] = to, to, known.at(to)
		r := Reset{Reason: ReasonTruncated, Stream: l.spec.Name, Partitions: []Moved{{Partition: int32(q), From: from, To: to}}}
		p.send(h, v, b, h.resetBody(r))
	}
	return back
}
