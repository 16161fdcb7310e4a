package stream

import (
	"slices"
	"sort"
)

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
