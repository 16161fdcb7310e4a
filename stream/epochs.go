package stream

import (
	"context"
	"slices"
)

// parted returns where the log parted from a position whose last record has a leader epoch: where
// the first later epoch began below it. exact is false if the log doesn't know where epoch itself
// ended. Then it may have been earlier.
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

// has reports whether a log read up to head has the record before a position, under this epoch.
func (e lineage) has(epoch int32, next, head int64) bool { return next <= head && e.at(next) == epoch }

// holdEpochs holds a position against the leader epochs that a cursor says of it. It moves the position
// back where it has parted from the topic, and returns what moved, and the epochs that only the
// cursor can tell of. asked: Kafka was asked.
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
			moved = append(moved, Moved{int32(p), next, to})
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
			return nil, nil, true, unavailable(ctx, err)
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
			moved = append(moved, Moved{int32(p), next, to})
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

// ownEpoch returns the leader epoch that the cursor said of the position in a partition, noEpoch if
// it said none or the position has moved since.
func (o *own) ownEpoch(p int) int32 {
	if p < len(o.leaders) && at(o.pos, p) == o.came[p] {
		return o.leaders[p]
	}
	return noEpoch
}

// appendLeaders appends the leader epochs of its position; nil where none is known.
func (o *own) appendLeaders(dst []int32, l *log) []int32 {
	var back []jumpBack
	if o.lineage != l.lineage && o.epoch == l.epoch {
		back = l.backAfter(o.seen)
	}
	known := false
	for p, next := range o.pos {
		g, read := l.lineage, l.head
		if o.epoch != l.epoch || slices.ContainsFunc(back, func(j jumpBack) bool { return int(j.partition) == p }) {
			g, read = o.lineage, o.lineage.ended
		}
		epoch := o.ownEpoch(p)
		if epoch == noEpoch && next <= at(read, p) { // beyond, the log hasn't been told yet
			epoch = g.of(p).at(next)
		}
		known = known || epoch != noEpoch
		dst = append(dst, epoch)
	}
	if !known {
		return nil
	}
	return dst
}

// part tells a subscriber that is ahead of this gateway where stream i has parted from its
// position: records below it were written under a later leader epoch than its cursor said.
func (p *private) part(h *Hub, v *view, id uint32, i int, b *Batch) {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	if o.leaders == nil || o.epoch != l.epoch || o.lineage != l.lineage {
		return // a jump that it hasn't been told of comes first
	}
	behind := false
	for q := range o.leaders {
		epoch := o.ownEpoch(q)
		if epoch == noEpoch {
			continue
		}
		from := o.pos[q]
		to, parted, _ := l.lineage.of(q).parted(epoch, from)
		if !parted {
			continue
		}
		o.pos[q], o.came[q], o.leaders[q] = to, to, l.lineage.of(q).at(to)
		behind = behind || to < at(l.head, q)
		r := Reset{Reason: ReasonTruncated, Stream: l.spec.Name, Partitions: []Moved{{int32(q), from, to}}}
		b.add(h.resetBody(r), func(dst []byte) []byte { return p.id(h, v, dst) })
	}
	if behind && o.cold == nil { // what it goes on from has been read already
		p.settle(h, v, id, i)
	}
}
