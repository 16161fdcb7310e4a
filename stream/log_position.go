package stream

import (
	"slices"
	"sort"

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
func (l *log) appendSegment(dst []byte, s cursor.Segment, ahead []cursor.TopicPosition, packed bool) []byte {
	if l.layout != nil {
		s.Offsets = l.extend(s.Offsets, len(l.head))
		s = l.layout.segment(s, ahead)
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

// A burst may push out of memory what a follower has not had the time to pull. Then it
// goes on from Kafka, as one who resumes, for which its position has to be known. So a
// log remembers the positions of what has left it, for as long as a follower that isn't
// slow takes to come.

// droppedFor is how long before the newest entry one may have been read whose position is
// remembered, in ms.
const droppedFor = 30_000

// minDroppedBytes is how many bytes of positions may be remembered, or an eighth of
// ReplayBytes if that is more.
const minDroppedBytes = 1 << 20

// droppedBlock is what is remembered of a block that has left the log.
type droppedBlock struct {
	prev    uint64 // seq of the entry before the first; 0: there was none
	epoch   string
	base    []int64 // position before the first entry, or after it if that is a jump
	jump    bool    // it is
	entries []droppedEntry
	read    int64 // when the last was read
}

type droppedEntry struct {
	after     uint32 // its seq, less prev
	partition int32  // -1: a jump, which base has
	next      int64
}

const droppedEntryBytes = 16

func (b *droppedBlock) bytes() int64 {
	return droppedEntryBytes*int64(len(b.entries)) + 8*int64(len(b.base)) + 128
}

// rememberDropped remembers the oldest block, which is about to be dropped, and forgets
// what was remembered for long enough.
func (l *log) rememberDropped() {
	b := l.blocks[0]
	if len(b.entries) == 0 {
		return
	}
	left := droppedBlock{prev: l.lastDropped, epoch: b.epoch, base: b.base, jump: b.entries[0].kind == kindJump, read: b.entries[len(b.entries)-1].read}
	l.lastDropped = b.entries[len(b.entries)-1].seq
	newest := l.newestRead()
	if left.read >= newest-droppedFor {
		left.entries = make([]droppedEntry, len(b.entries))
		for i := range b.entries {
			e := &b.entries[i]
			left.entries[i] = droppedEntry{after: uint32(e.seq - left.prev), partition: e.partition, next: e.next}
			if e.kind == kindJump {
				left.entries[i].partition = -1
			}
		}
		l.droppedBlocks = append(l.droppedBlocks, left)
		l.droppedBytes += left.bytes()
	}
	gone := 0
	for gone < len(l.droppedBlocks) && (l.droppedBlocks[gone].read < newest-droppedFor || l.droppedBytes > max(minDroppedBytes, l.spec.ReplayBytes/8)) {
		l.droppedBytes -= l.droppedBlocks[gone].bytes()
		l.droppedBlocks[gone] = droppedBlock{}
		gone++
	}
	l.droppedBlocks = l.droppedBlocks[gone:]
}

// newestRead is when the newest entry kept was read.
func (l *log) newestRead() int64 {
	for _, b := range slices.Backward(l.blocks) {
		if n := len(b.entries); n > 0 {
			return b.entries[n-1].read
		}
	}
	return 0
}

// droppedPosition returns the position after all entries with a seq up to this one, of
// which the last has left memory. It is unknown where that is too long ago, or the topic
// was created anew since.
func (l *log) droppedPosition(seq uint64) (pos []int64, known bool) {
	if len(l.blocks) == 0 || len(l.back) > 0 && l.back[len(l.back)-1].seq > seq {
		return nil, false
	}
	if b := l.blocks[0]; seq >= l.lastDropped { // the rest of the block that is about to leave
		if len(b.entries) == 0 || b.entries[0].kind == kindJump && b.entries[0].seq > seq {
			return nil, false
		}
		pos = slices.Clone(b.base)
		for i := range b.entries {
			e := &b.entries[i]
			if e.seq > seq {
				if e.read < l.newestRead()-droppedFor {
					return nil, false
				}
				break
			}
			if e.kind != kindJump {
				pos[e.partition] = e.next
			}
		}
		return pos, b.epoch == l.epoch
	}
	n := sort.Search(len(l.droppedBlocks), func(i int) bool { return l.droppedBlocks[i].prev > seq }) - 1
	if n < 0 || l.droppedBlocks[n].epoch != l.epoch {
		return nil, false
	}
	b := &l.droppedBlocks[n]
	if b.jump && b.prev+uint64(b.entries[0].after) > seq {
		return nil, false
	}
	pos = slices.Clone(b.base)
	for _, e := range b.entries {
		if b.prev+uint64(e.after) > seq {
			break
		}
		if e.partition >= 0 {
			pos[e.partition] = e.next
		}
	}
	return pos, true
}

// overtake is for a follower some of whose entries have left memory. It has it resume
// where it is. It is false if that isn't known any more, or there is nothing to resume
// from.
func (h *Hub) overtake(id uint32, s *subSlot) bool {
	if _, alone := h.history.(memoryOnly); alone {
		return false
	}
	return h.resumeAlone(id, s)
}

// resumeAlone has a follower resume where it is: all entries before its seq are done
// with. It is false if that position isn't known any more.
func (h *Hub) resumeAlone(id uint32, s *subSlot) bool {
	v := h.views[s.view]
	p := &ownPosition{streams: make([]ownStream, len(v.streams))}
	for i, stream := range v.streams {
		l, seq := h.logs[stream], s.seq-1
		pos, known := l.position(l.epoch, seq)
		if l.evicted > seq {
			pos, known = l.droppedPosition(seq)
		}
		if !known || len(l.backAfter(seq)) > 0 {
			return false
		}
		p.streams[i] = ownStream{epoch: l.epoch, pos: slices.Clone(pos), seq: s.seq, told: seq, lineage: l.lineage}
	}
	if s.uid != 0 {
		p.user = slices.Clone(h.users.id(s.uid))
	}
	s.hasOwn, s.state = true, resuming
	h.own[id] = p
	return true
}
