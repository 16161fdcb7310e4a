package stream

import "slices"

// jumpBack is a jump that took a log's position back: the topic lost the records of a
// partition from an offset on. The log remembers it after its entry has been evicted, for
// those who are served from elsewhere meanwhile and stand before it.
type jumpBack struct {
	seq       uint64 // of the newest of those that it stands for
	partition int32
	to        int64
	leader    int32 // leader epoch of the position that was left; noEpoch: not known
}

// maxJumpsBack is how many jumps back are remembered of a partition. Beyond it the two
// oldest become one, to the lower offset: a position between the two may be told of more
// than it lost.
const maxJumpsBack = 8

// rememberBack adds a jump back.
func (l *log) rememberBack(j jumpBack) {
	same := 0
	first, second := -1, -1 // the oldest two of the partition
	for i := range l.back {
		if l.back[i].partition != j.partition {
			continue
		}
		switch same++; same {
		case 1:
			first = i
		case 2:
			second = i
		}
	}
	if same >= maxJumpsBack {
		l.back[second].to = min(l.back[second].to, l.back[first].to)
		l.back[second].leader = max(l.back[second].leader, l.back[first].leader)
		l.back = slices.Delete(l.back, first, first+1)
	}
	l.back = append(l.back, j)
}

// backAfter returns the jumps back that came after an entry, oldest first.
func (l *log) backAfter(seq uint64) []jumpBack {
	n := len(l.back)
	for n > 0 && l.back[n-1].seq > seq {
		n--
	}
	return l.back[n:]
}

// crosses reports whether one of these jumps was in a partition where a position lies
// below floor. Kafka is read on from there in the log as it is after the jump, so the
// position has to be taken behind the jump first. Beyond it, it would seem to be of the
// log that is no more.
func crosses(jumps []jumpBack, pos, floor []int64) bool {
	return slices.ContainsFunc(jumps, func(j jumpBack) bool {
		return at(pos, int(j.partition)) < at(floor, int(j.partition))
	})
}

// isBehind reports whether a pass has read a partition after a jump back that the
// position is still before: what it found there is of the log after it. It reads the
// partition for others; memory has it for this one, once that has been told.
func (o *ownStream) isBehind(l *log, pass *catchupPass, p int) bool {
	return slices.ContainsFunc(l.backAfter(o.told), func(j jumpBack) bool { return int(j.partition) == p && j.seq <= pass.began })
}

// rejoin takes a position into the log's present generation: for each jump back since the
// one it was last told of, it tells of what that took from it. Then it tells where the
// log has parted from it since.
func (p *ownPosition) rejoin(h *Hub, v *view, i int, b *Batch) {
	o, l := &p.streams[i], h.logs[v.streams[i]]
	for _, j := range l.backAfter(o.told) {
		q := int(j.partition)
		from, moved := at(o.pos, q), o.goBack(j)
		if o.lineage = o.lineage.after(j.seq); !moved {
			continue
		}
		r := Reset{Reason: ReasonTruncated, Stream: l.spec.Name, Partitions: []Moved{{Partition: j.partition, From: from, To: j.to}}}
		p.send(h, v, b, h.resetBody(r))
	}
	o.told, o.lineage = l.newest, l.lineage
	p.tellParted(h, v, i, b)
}

// goBack moves the position as a jump back says. It is false if the jump doesn't concern
// it. Then the position lies before it. Or it is ahead of this gateway, and of a later
// leader epoch than the log that has lost its end.
func (o *ownStream) goBack(j jumpBack) bool {
	o.told = max(o.told, j.seq)
	p := int(j.partition)
	if at(o.pos, p) <= j.to || j.leader != noEpoch && o.ownEpoch(p) > j.leader {
		return false
	}
	o.pos[p] = j.to
	if p < len(o.leaders) {
		o.leaders[p] = noEpoch
	}
	return true
}

// jumpAt returns the jump back of an entry.
func (l *log) jumpAt(e *entry) jumpBack {
	for _, j := range l.back {
		if j.seq == e.seq {
			return j
		}
	}
	return jumpBack{seq: e.seq, partition: e.partition, to: e.next, leader: noEpoch}
}

// overtaken reports whether the topic has lost records, since the pass began, of what it
// reads. What it finds from there on may be other records than its members' positions are
// of.
func (p *catchupPass) overtaken() bool {
	for _, j := range p.hub.logs[p.stream].backAfter(p.began) {
		if q := int(j.partition); q < len(p.to) && p.from[q] < p.to[q] && p.to[q] > j.to {
			return true
		}
	}
	return false
}

// generation is the time in which a log's positions compare: a jump back and a topic
// created anew begin another. Positions of an earlier one keep the leader epochs that
// they had.
type generation struct {
	epochs []lineage // by partition, as far as known; replaced as a whole, never changed

	// How it ended. next is nil for the log's present one.
	next  *generation
	ended []int64 // how far the log had been read
	seq   uint64  // of the jump's entry
	lost  int32   // the partition that the jump took back; everyPartition: the topic was created anew
}

// end makes next the generation after a jump.
func (g *generation) end(next *generation, ended []int64, seq uint64, lost int32) {
	g.next, g.ended, g.seq, g.lost = next, ended, seq, lost
}

// after returns the generation that the jumps up to an entry have led to.
func (g *generation) after(seq uint64) *generation {
	for g.next != nil && g.seq <= seq {
		g = g.next
	}
	return g
}

// newestFor returns the newest generation that a position in a partition can be of.
func (g *generation) newestFor(p int) *generation {
	for g.next != nil && g.lost != everyPartition && int(g.lost) != p {
		g = g.next
	}
	return g
}

// of returns a partition's lineage.
func (g *generation) of(p int) lineage {
	if g == nil || p >= len(g.epochs) {
		return nil
	}
	return g.epochs[p]
}

// at returns the leader epoch of a position in a partition of a log that is at head.
// Beyond what was read the log hasn't been told yet.
func (g *generation) at(p int, next int64, head []int64) int32 {
	if g.next != nil {
		head = g.ended
	}
	if next > at(head, p) {
		return noEpoch
	}
	return g.of(p).at(next)
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

// leaders returns the leader epochs of a position in dst's memory; nil where none is
// known.
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
