package stream

import (
	"slices"

	"sluice/stream/cursor"
)

// A position is a vector: per partition the next offset to come. A vector shorter than
// the stream has partitions counts as 0, the beginning, in those missing: a partition
// that a cursor doesn't know was added after it (see [Hub.AddPartitions]).

// at returns the next offset of partition p.
func at(pos []int64, p int) int64 {
	if p < len(pos) {
		return pos[p]
	}
	return 0
}

// covers reports whether a is nowhere below b.
func covers(a, b []int64) bool {
	for p, next := range b {
		if at(a, p) < next {
			return false
		}
	}
	return true
}

// raise lifts pos to where it is below to, and returns it, grown to to's length.
func raise(pos, to []int64) []int64 {
	pos = grow(pos, len(to))
	for p, next := range to {
		pos[p] = max(pos[p], next)
	}
	return pos
}

// grow returns pos with at least n partitions.
func grow(pos []int64, n int) []int64 {
	if len(pos) >= n {
		return pos
	}
	return append(slices.Grow(pos, n-len(pos)), make([]int64, n-len(pos))...)
}

// distance is how many offsets lie between from and to where from is below. Nothing lies
// before [Gone].
func distance(from, to []int64) (n int64) {
	for p, next := range to {
		if next != Gone {
			n += max(0, next-at(from, p))
		}
	}
	return n
}

// cachedBlocks is how far behind the head id segments are kept once written. Those who
// follow are there, thousands at the same entry; further back a segment is of use once.
const cachedBlocks = 16

// after returns the position after the entry at an ordinal that is kept. It is the log's:
// not to be kept nor changed.
func (l *log) after(o ordinal) []int64 {
	b, i := l.blocks[l.blockAt(o)], o.index()
	if b.fold == nil || b.n > i+1 {
		b.fold = append(b.fold[:0], b.base...)
		b.n = 0
	}
	for ; b.n <= i; b.n++ {
		if e := &b.entries[b.n]; e.kind != kindJump {
			b.fold[e.partition] = e.next
		}
	}
	return b.fold
}

// forms are what is written of one position in both forms: plain, and packed.
type forms[T any] [2]T

func (f *forms[T]) of(packed bool) *T {
	if packed {
		return &f[1]
	}
	return &f[0]
}

// segment returns the text of the position after all entries with a seq up to this one:
// the id segment of everybody who follows and has been served that far. packed asks for
// the packed form. The bytes are shared and never change.
func (l *log) segment(seq uint64, packed bool) []byte {
	packed = packed && !l.ids.Sealed() // sealed, there is one form
	if seq >= l.newest {
		text := l.headIDs.of(packed)
		if *text == nil {
			*text = l.appendPosition(nil, l.epoch, l.lineage, l.head, packed)
		}
		return *text
	}
	last, kept := l.upTo(seq)
	if !kept {
		return l.appendPosition(nil, l.baseEpoch, l.baseLineage, l.base, packed)
	}
	return l.segmentAfter(last, packed)
}

// segmentAfter is segment for those who have been served up to the entry at an ordinal,
// which is kept.
func (l *log) segmentAfter(o ordinal, packed bool) []byte {
	packed = packed && !l.ids.Sealed()
	n, i := int(l.blockAt(o)), o.index()
	b := l.blocks[n]
	if len(l.blocks)-n > cachedBlocks {
		return l.appendPosition(nil, b.epoch, b.lineage, l.after(o), packed)
	}
	ids := b.ids.of(packed)
	if *ids == nil {
		*ids = make([][]byte, blockLen)
	}
	text := &(*ids)[i]
	if *text == nil {
		*text = l.appendPosition(nil, b.epoch, b.lineage, l.after(o), packed)
	}
	return *text
}

// appendPosition appends the segment of a position of the log's.
func (l *log) appendPosition(dst []byte, epoch string, lineage *generation, pos []int64, packed bool) []byte {
	var scratch [64]int32 // on the stack, for most topics
	return l.appendSegment(dst, cursor.Segment{Stream: l.spec.Name, Epoch: epoch, Offsets: pos, Leaders: lineage.leaders(scratch[:0], pos)}, nil, packed)
}

// appendSegment appends a segment of the log's, whose partitions are the log's. Topics
// that were added after the position are named too, so that ids never name fewer topics.
func (l *log) appendSegment(dst []byte, s cursor.Segment, ahead []aheadTopic, packed bool) []byte {
	if l.layout != nil {
		s = l.layout.segment(s, l.extend(s.Offsets, len(l.head)), s.Leaders, ahead)
	}
	return l.ids.Append(dst, s, packed)
}

// forget drops the cached segments of the block that has just left the cached range.
func (l *log) forget() {
	if n := len(l.blocks) - cachedBlocks - 1; n >= 0 {
		l.blocks[n].ids, l.blocks[n].fold = forms[[][]byte]{}, nil
	}
}

// forgetIDs drops all cached segments.
func (l *log) forgetIDs() {
	l.headIDs = forms[[]byte]{}
	for _, b := range l.blocks {
		b.ids = forms[[][]byte]{}
	}
}

// appendID appends the id of a follower of the view who has been served up to seq.
func (h *Hub) appendID(dst []byte, v *view, seq uint64) []byte {
	return cursor.Join(dst, len(v.streams), func(dst []byte, i int, packed bool) []byte {
		return append(dst, h.logs[v.streams[i]].segment(seq, packed)...)
	})
}

// appendIDAt appends the id of a follower of the view that is sent the next entry of a
// scan.
func (h *Hub) appendIDAt(dst []byte, v *view, f *logScan) []byte {
	return cursor.Join(dst, len(v.streams), func(dst []byte, i int, packed bool) []byte {
		if l := h.logs[v.streams[i]]; l != f.log {
			return append(dst, l.segment(f.entry.seq, packed)...)
		}
		return append(dst, f.log.segmentAfter(f.at, packed)...) // known without a search
	})
}

// position returns the position in the topic of an epoch after all entries with a seq up
// to this one. It is unknown once the log has moved past it, or where those entries lead
// into another topic. It is the log's: not to be kept nor changed.
func (l *log) position(epoch string, seq uint64) (pos []int64, known bool) {
	if seq >= l.newest {
		return l.head, l.epoch == epoch
	}
	if l.evicted > seq {
		return nil, false
	}
	last, kept := l.upTo(seq)
	if !kept {
		return l.base, l.baseEpoch == epoch
	}
	return l.after(last), l.blocks[l.blockAt(last)].epoch == epoch
}
