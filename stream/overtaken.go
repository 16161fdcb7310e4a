package stream

import (
	"slices"
	"sort"
)

// A burst may push out of memory what a follower has not had the time to pull. Then it goes on from
// Kafka, as one who resumes, for which its position has to be known. So a log remembers the
// positions of what has left it, for as long as a follower that isn't slow takes to come.

// leftFor is how long before the newest entry one may have been read whose position is remembered, in ms.
const leftFor = 30_000

// leftLeast is how many bytes of positions may be remembered, or an eighth of ReplayBytes if that is more.
const leftLeast = 1 << 20

// leftBlock is what is remembered of a block that has left the log.
type leftBlock struct {
	prev    uint64 // seq of the entry before the first; 0: there was none
	epoch   string
	base    []int64 // position before the first entry, or after it if that is a jump
	jump    bool    // it is
	entries []leftEntry
	read    int64 // when the last was read
}

type leftEntry struct {
	after     uint32 // its seq, less prev
	partition int32  // -1: a jump, which base has
	next      int64
}

const leftEntryBytes = 16

func (b *leftBlock) bytes() int64 {
	return leftEntryBytes*int64(len(b.entries)) + 8*int64(len(b.base)) + 128
}

// leave remembers the oldest block, which is about to be dropped, and forgets what was remembered for long enough.
func (l *log) leave() {
	b := l.blocks[0]
	if len(b.entries) == 0 {
		return
	}
	left := leftBlock{prev: l.dropped, epoch: b.epoch, base: b.base, jump: b.entries[0].kind == kindJump, read: b.entries[len(b.entries)-1].read}
	l.dropped = b.entries[len(b.entries)-1].seq
	newest := l.newestRead()
	if left.read >= newest-leftFor {
		left.entries = make([]leftEntry, len(b.entries))
		for i := range b.entries {
			e := &b.entries[i]
			left.entries[i] = leftEntry{after: uint32(e.seq - left.prev), partition: e.partition, next: e.next}
			if e.kind == kindJump {
				left.entries[i].partition = -1
			}
		}
		l.left = append(l.left, left)
		l.leftBytes += left.bytes()
	}
	gone := 0
	for gone < len(l.left) && (l.left[gone].read < newest-leftFor || l.leftBytes > max(leftLeast, l.spec.ReplayBytes/8)) {
		l.leftBytes -= l.left[gone].bytes()
		l.left[gone] = leftBlock{}
		gone++
	}
	l.left = l.left[gone:]
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

// leftPosition returns the position after all entries with a seq up to this one, of which the last has
// left memory. It is unknown where that is too long ago, or the topic was created anew since.
func (l *log) leftPosition(seq uint64) (pos []int64, known bool) {
	if len(l.blocks) == 0 || len(l.back) > 0 && l.back[len(l.back)-1].seq > seq {
		return nil, false
	}
	if b := l.blocks[0]; seq >= l.dropped { // the rest of the block that is about to leave
		if len(b.entries) == 0 || b.entries[0].kind == kindJump && b.entries[0].seq > seq {
			return nil, false
		}
		pos = slices.Clone(b.base)
		for i := range b.entries {
			e := &b.entries[i]
			if e.seq > seq {
				if e.read < l.newestRead()-leftFor {
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
	n := sort.Search(len(l.left), func(i int) bool { return l.left[i].prev > seq }) - 1
	if n < 0 || l.left[n].epoch != l.epoch {
		return nil, false
	}
	b := &l.left[n]
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

// overtake has a follower, some of whose entries have left memory, go on as one who resumes where it
// is; false if that isn't known any more, or there is nothing to resume from.
func (h *Hub) overtake(id uint32, s *subSlot) bool {
	if _, alone := h.history.(memoryOnly); alone {
		return false
	}
	v := h.views[s.view]
	p := &private{streams: make([]own, len(v.streams))}
	for i, stream := range v.streams {
		l, seq := h.logs[stream], s.seq-1
		pos, known := l.position(seq)
		if l.evicted > seq {
			pos, known = l.leftPosition(seq)
		}
		if !known || len(l.backAfter(seq)) > 0 {
			return false
		}
		p.streams[i] = own{epoch: l.epoch, pos: slices.Clone(pos), seq: s.seq, seen: seq, lineage: l.lineage}
	}
	if s.uid != 0 {
		p.user = slices.Clone(h.users.id(s.uid))
	}
	s.private, s.state = true, resuming
	h.private[id] = p
	return true
}
