package stream

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
