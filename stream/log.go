package stream

import (
	"slices"
	"sort"

	"sluice/stream/arena"
	"sluice/stream/cursor"
)

const (
	kindEvent   = iota
	kindAdvance // the position passes over records that are no event
	kindJump    // the position moved by something that everybody has to be told; the body is the frame that says so
)

// everyPartition is the partition of a jump into a topic created again; other jumps go
// from time to next in one.
const everyPartition = -1

// entry is one line of a log. It holds no pointer.
type entry struct {
	seq       uint64 // its number among the entries of all streams of the hub, from 1
	next      int64  // position in its partition after it: an event's offset + 1
	time      int64  // the record's timestamp, ms
	read      int64  // when this gateway read it, ms of the hub's clock
	partition int32
	kind      uint8
	users     uint8     // postings
	half      half      // which of its record's two events it is
	posting   uint32    // the first, in its block
	body      arena.Ref // frame without id; the subject's bytes follow within the same string
	subject   uint32    // how many of body's bytes are the subject
}

// half is which event of a record an entry is, where the record makes two. They are of
// one offset, and the second has the next seq. So the position after the first covers the
// second as well: it is only said to those whom the second is not for.
type half uint8

const (
	wholeRecord half = iota
	firstHalf
	secondHalf
)

// begins is the seq of the first entry of the entry's record. A subscriber that has been
// sent all before it is not past the record.
func (e *entry) begins() uint64 {
	if e.half == secondHalf {
		return e.seq - 1
	}
	return e.seq
}

// posting links an entry into a user's chain.
type posting struct {
	uid  uint32
	back uint32 // how many ordinals further back the user's previous entry is; 0: none
	next uint32 // how many ordinals further on the user's next entry is; 0: none yet
}

// chainEnd is the newest of a user's entries: its ordinal, and the number of its posting
// in the block. That is below 1<<16, as an entry has 255 at most. The zero chainEnd is
// that of a user without entries.
type chainEnd uint64

func endOf(o ordinal, posting int) chainEnd { return chainEnd((o+1)<<16 | ordinal(posting)) }

// entry is the entry's ordinal; false: there is none.
func (c chainEnd) entry() (ordinal, bool) { return ordinal(c>>16) - 1, c != 0 }

// posting is the number of the entry's posting.
func (c chainEnd) posting() uint16 { return uint16(c) }

// block is blockLen entries, fewer if something moved the position meanwhile.
type block struct {
	epoch    string
	lineage  *generation
	base     []int64 // position before entries[0], jumps included
	entries  []entry
	postings []posting

	ids  forms[[][]byte] // cached id segments by entry; see log.segment
	fold []int64         // position after entries[:n], or nil
	n    int
}

// log is what a stream remembers: the newest entries, bounded by age and bytes. An entry
// has a seq, by which it is known outside, and an ordinal, by which it is found.
type log struct {
	spec    Spec
	stream  int // its index in the hub
	ids     cursor.Codec
	epoch   string // "" until the topic was found
	lineage *generation

	blocks []*block // oldest first; the last one is open
	number uint64   // of blocks[0]
	skip   int      // entries of blocks[0] already evicted
	gen    uint64   // number of the first block that can be resumed into: positions went back before it
	bodies arena.Queue

	// The position before the oldest entry kept, before what that moves if it is a jump.
	base        []int64
	baseEpoch   string
	baseLineage *generation

	layout  *layout // of a stream of several topics; nil: it has one
	addedAt []int64 // of a stream of several topics: where each partition was added

	head    []int64    // position after the newest
	evicted uint64     // seq of the newest entry evicted; 0 before the first
	newest  uint64     // seq of the newest entry ever; 0 before the first
	bytes   int64      // of the entries kept, as ReplayBytes counts
	jumps   []ordinal  // of the jumps kept
	last    []chainEnd // by uid: the user's newest entry kept
	back    []jumpBack // since the topic was created, kept or not, oldest first
	began   uint64     // seq of the jump into the topic created anew; 0: it is the first
	start   []int64    // position after it

	lastDropped   uint64         // seq of the last entry of the last block dropped; 0: none was
	droppedBlocks []droppedBlock // blocks dropped lately, oldest first
	droppedBytes  int64

	headIDs forms[[]byte] // cached segments of head; nil when it has moved

	deliveries uint64 // events pulled
	eventRead  int64  // when the newest event ever was read, ms of the hub's clock
	eventTime  int64  // its timestamp, ms; both are of no event while begun is false
	begun      bool

	times recordTimes
	reads readTimes
	state *stateTable // nil: none is kept
}

func newLog(spec Spec, stream int, ids cursor.Codec) *log {
	l := &log{spec: spec, stream: stream, ids: ids, lineage: &generation{}}
	if spec.Several {
		l.layout = &layout{}
	}
	return l
}

const entryBytes = 72 // an entry with its share of the block
const postingBytes = 12

// open starts a block at the head, or moves the base of one that is still empty.
func (l *log) open() *block {
	l.headIDs = forms[[]byte]{}
	if n := len(l.blocks); n > 0 && len(l.blocks[n-1].entries) == 0 {
		b := l.blocks[n-1]
		b.epoch, b.lineage, b.base, b.fold = l.epoch, l.lineage, slices.Clone(l.head), nil
		return b
	}
	b := &block{epoch: l.epoch, lineage: l.lineage, base: slices.Clone(l.head), entries: make([]entry, 0, blockLen)}
	if l.spec.Audience == AudienceUser {
		b.postings = make([]posting, 0, blockLen)
	}
	l.blocks = append(l.blocks, b)
	l.forget()
	return b
}

// tail returns the open block with room for an entry.
func (l *log) tail() *block {
	if n := len(l.blocks); n > 0 && len(l.blocks[n-1].entries) < blockLen {
		return l.blocks[n-1]
	}
	return l.open()
}

// push adds e, whose body is in place, and moves the head.
func (l *log) push(b *block, e entry) ordinal {
	o := l.coming()
	b.entries = append(b.entries, e)
	l.newest = e.seq
	l.headIDs = forms[[]byte]{}
	l.bytes += entryBytes + int64(e.body.Len()) + postingBytes*int64(e.users)
	if e.kind != kindJump {
		l.head[e.partition] = e.next
	}
	if e.kind == kindEvent {
		l.eventRead, l.eventTime, l.begun = e.read, e.time, true
	}
	return o
}

// advance moves the head over records that are no event. It writes over an advance of the
// same partition at the log's end, since a position between the two is of no use to
// anybody. It reports whether it needed an entry, numbered seq.
func (l *log) advance(partition int32, next, now int64, seq uint64) bool {
	if n := len(l.blocks); n > 0 {
		b, kept := l.blocks[n-1], 0
		if n == 1 {
			kept = l.skip // what is evicted counts in base already
		}
		for i := len(b.entries) - 1; i >= kept && b.entries[i].kind == kindAdvance; i-- {
			if e := &b.entries[i]; e.partition == partition {
				e.next = next
				l.head[partition] = next
				l.headIDs, b.fold = forms[[]byte]{}, nil
				for _, ids := range b.ids {
					clear(ids[min(i, len(ids)):])
				}
				return false
			}
		}
	}
	l.push(l.tail(), entry{seq: seq, next: next, read: now, partition: partition, kind: kindAdvance})
	return true
}

// floor is the lowest position that can be resumed from memory.
func (l *log) floor() []int64 {
	if n := l.gen - l.number; l.gen >= l.number && n < uint64(len(l.blocks)) && (n > 0 || l.skip == 0) {
		return l.extend(l.blocks[n].base, len(l.head)) // after the jump that it begins with
	}
	return l.extend(l.base, len(l.head))
}

// resume returns the seq to read on from at a position that covers floor: every entry
// before it is covered. It is exact to a block. A jump into that block is behind the
// position. A subscriber told of it again would load its state anew, come back at the
// same position, and be told again.
func (l *log) resume(pos []int64) uint64 {
	lo := int(max(l.gen, l.number) - l.number)
	n := sort.Search(len(l.blocks)-lo, func(i int) bool { return !covers(pos, l.blocks[lo+i].base) }) - 1
	o, e := l.seek(l.first(lo + max(n, 0)))
	if n >= 0 && e != nil && e.kind == kindJump { // n < 0: it stands before the jump that is the oldest entry
		_, e = l.seek(o.next())
	}
	if e == nil {
		return l.newest + 1
	}
	return max(e.seq, l.evicted+1)
}

// expire evicts what is past the stream's bounds, at most budget entries for their age,
// so that a publish after a long silence doesn't hold everybody up.
//
// It also stops where that is enough for one hold of the lock: see over. It returns how
// much work it was.
func (l *log) expire(now int64, u *users, budget int) (work int) {
	for l.over() && work < holdRun {
		e := l.oldest()
		if e == nil {
			return work
		}
		work += 1 + int(e.users)
		l.evict(u)
	}
	if l.spec.Replay <= 0 {
		return work
	}
	since := now - l.spec.Replay.Milliseconds()
	for ; budget > 0; budget-- {
		e := l.oldest()
		if e == nil || e.read >= since {
			return work
		}
		work += 1 + int(e.users)
		l.evict(u)
	}
	return work
}

// over reports whether the log has more bytes than it may.
func (l *log) over() bool { return l.spec.ReplayBytes > 0 && l.bytes > l.spec.ReplayBytes }

// oldest returns the oldest entry kept, nil if there is none.
func (l *log) oldest() *entry {
	for len(l.blocks) > 0 && l.skip == len(l.blocks[0].entries) {
		if len(l.blocks) == 1 && l.skip < blockLen {
			return nil // the open block, with nothing kept
		}
		l.rememberDropped()
		l.blocks[0] = nil
		l.blocks = l.blocks[1:]
		l.number++
		l.skip = 0
		l.baseAt()
	}
	if len(l.blocks) == 0 {
		return nil
	}
	return &l.blocks[0].entries[l.skip]
}

// baseAt moves the base to the first block: partitions may have been added between
// blocks. What a jump moves it does when it is evicted.
func (l *log) baseAt() {
	if len(l.blocks) == 0 {
		return
	}
	b := l.blocks[0]
	if len(b.entries) == 0 || b.entries[0].kind != kindJump || b.entries[0].partition != everyPartition {
		l.base = l.extend(l.base, len(b.base))
	}
}

// pass moves the base past the oldest entry.
func (l *log) pass(e *entry) {
	if e.partition == everyPartition {
		b := l.blocks[0]
		l.base, l.baseEpoch, l.baseLineage = slices.Clone(b.base), b.epoch, b.lineage
		return
	}
	l.base[e.partition] = e.next
	if e.kind == kindJump {
		if e.next == Gone {
			for _, p := range l.layout.siblings(e.partition) {
				l.base[p] = Gone
			}
		}
		l.baseLineage = l.blocks[0].lineage
	}
}

// evict gives up the oldest entry; false if there is none.
func (l *log) evict(u *users) bool {
	e := l.oldest()
	if e == nil {
		return false
	}
	o := ordinalOf(l.number, l.skip)
	for _, p := range l.blocks[0].postings[e.posting : e.posting+uint32(e.users)] {
		if last, ok := l.last[p.uid].entry(); ok && last == o {
			l.last[p.uid] = 0
			l.bytes -= u.cost(p.uid)
		}
		u.release(p.uid)
	}
	if e.kind == kindJump {
		l.jumps = l.jumps[1:]
	}
	l.pass(e)
	l.bytes -= entryBytes + int64(e.body.Len()) + postingBytes*int64(e.users)
	l.evicted = e.seq
	l.skip++
	if e = l.oldest(); e == nil {
		l.bodies.Clear()
	} else if e.body.Len() > 0 {
		l.bodies.Release(e.body)
	}
	return true
}
