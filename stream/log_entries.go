package stream

import (
	"sort"
)

// blockLen is the number of entries to a block, a power of two. A block's base vector is
// what finding a position costs in memory. Its length is what that costs in time.
const blockLen = 256

// ordinal is where an entry is in its log: in which block, and at which index of it.
// Blocks are numbered, so an entry is found by a shift. Ordinals ascend with the entries'
// seqs. They skip where a block ended early.
type ordinal uint64

// noOrdinal is that of no entry. It comes after all others.
const noOrdinal = ^ordinal(0)

// ordinalOf is the ordinal of an index in a block.
func ordinalOf(block uint64, index int) ordinal { return ordinal(block*blockLen) + ordinal(index) }

// block is the number of the entry's block.
func (o ordinal) block() uint64 { return uint64(o / blockLen) }

// index is the entry's index in its block.
func (o ordinal) index() int { return int(o % blockLen) }

// next is the ordinal after it, whether or not an entry has it.
func (o ordinal) next() ordinal { return o + 1 }

// before is the ordinal that comes n before it.
func (o ordinal) before(n uint32) ordinal { return o - ordinal(n) }

// after is the ordinal that comes n after it.
func (o ordinal) after(n uint32) ordinal { return o + ordinal(n) }

// blockAt is the index in l.blocks of an ordinal's block; it is not below len(l.blocks)
// for one that isn't kept.
func (l *log) blockAt(o ordinal) uint64 { return o.block() - l.number }

// entry returns the entry at an ordinal, nil if it isn't kept.
func (l *log) entry(o ordinal) (*block, *entry) {
	n, i := l.blockAt(o), o.index()
	if n >= uint64(len(l.blocks)) || n == 0 && i < l.skip || i >= len(l.blocks[n].entries) {
		return nil, nil
	}
	b := l.blocks[n]
	return b, &b.entries[i]
}

// from returns the ordinal of the first entry kept with at least this seq; seek with it.
func (l *log) from(seq uint64) ordinal {
	if seq > l.newest {
		return l.end()
	}
	n := sort.Search(len(l.blocks), func(i int) bool {
		es := l.blocks[i].entries
		return len(es) == 0 || es[len(es)-1].seq >= seq
	})
	if n == len(l.blocks) {
		return l.end()
	}
	es := l.blocks[n].entries
	i := sort.Search(len(es), func(i int) bool { return es[i].seq >= seq })
	if n == 0 {
		i = max(i, l.skip)
	}
	return ordinalOf(l.number+uint64(n), i)
}

// first is the ordinal that the oldest entry of a block of l.blocks has.
func (l *log) first(block int) ordinal { return ordinalOf(l.number+uint64(block), 0) }

// coming is the ordinal of the entry to come, in the open block.
func (l *log) coming() ordinal {
	n := len(l.blocks) - 1
	return ordinalOf(l.number+uint64(n), len(l.blocks[n].entries))
}

// end is an ordinal no entry has yet, after all that are kept.
func (l *log) end() ordinal { return l.first(len(l.blocks)) }

// seek returns the first entry kept at or after an ordinal, and its ordinal.
func (l *log) seek(o ordinal) (ordinal, *entry) {
	for {
		n, i := l.blockAt(o), o.index()
		if n >= uint64(len(l.blocks)) {
			return o, nil
		}
		if es := l.blocks[n].entries; i < len(es) {
			return o, &es[i]
		}
		o = ordinalOf(o.block()+1, 0)
	}
}

// upTo returns the ordinal of the last entry with a seq up to this one; false: none is
// kept.
func (l *log) upTo(seq uint64) (last ordinal, kept bool) {
	next := l.from(seq + 1) // the first entry after; the one before it is at most seq
	n, i := int(l.blockAt(next)), next.index()
	if i == 0 && n > 0 && n <= len(l.blocks) { // the last entry of the block before
		n--
		i = len(l.blocks[n].entries)
	}
	if n >= len(l.blocks) || n == 0 && i <= l.skip {
		return 0, false
	}
	return ordinalOf(l.number+uint64(n), i-1), true
}

// scratch is what a pull needs for a moment. It belongs to the hub, under its lock.
type scratch struct {
	scans    []logScan
	ownScans []ownScan
	puller   uint64 // the key of the subscription that is pulled
}

// logScan gives the entries of one log that are for one subscriber, oldest first.
type logScan struct {
	hub   *Hub
	log   *log
	left  int     // how many entries it may look at
	tired bool    // it has looked at as many: entry is where the next pull goes on, and may be nobody's
	uid   uint32  // whose entries; 0 and not all: only jumps
	all   bool    // everybody's
	ahead ordinal // the user's next entry, noOrdinal: none; for all, the next entry to look at
	jump  int     // of the log's jumps, the next
	entry *entry  // the next; nil: no more
	at    ordinal // of it
}

// scan opens a logScan of l from seq on: of a user's entries, or of all.
func (h *Hub) scan(l *log, uid uint32, all bool, seq uint64, look int) logScan {
	f := logScan{hub: h, log: l, uid: uid, all: all || l.spec.Audience == AudienceEveryone, left: look, ahead: noOrdinal}
	switch {
	case seq > l.newest:
		return f
	case f.all:
		f.ahead = l.from(seq)
	default:
		f.jump = l.jumpFrom(seq)
		own, known, looked := l.firstOf(uid, seq, look)
		h.mu.did(looked)
		if !known { // a hot user's, and far behind
			f.tired, f.at = true, own
			_, f.entry = l.entry(own)
			if f.jump < len(l.jumps) && l.jumps[f.jump] < f.at {
				f.at = l.jumps[f.jump]
				_, f.entry = l.entry(f.at)
			}
			return f
		}
		f.ahead = own
	}
	f.advance()
	return f
}

// jumpFrom returns the first of the log's jumps with at least this seq.
func (l *log) jumpFrom(seq uint64) int {
	return sort.Search(len(l.jumps), func(i int) bool {
		_, e := l.entry(l.jumps[i])
		return e.seq >= seq
	})
}

// scanShare is how many entries each of n scans may look at in one hold of the lock.
func scanShare(n int) int { return max(64, replayRun/max(1, n)) }

func (f *logScan) advance() {
	f.entry = nil
	if !f.all {
		f.count()
		jumps := f.log.jumps[f.jump:]
		switch {
		case len(jumps) > 0 && jumps[0] < f.ahead:
			f.at = jumps[0]
			f.jump++
		case f.ahead != noOrdinal:
			f.at = f.ahead
			f.ahead = f.log.nextOf(f.uid, f.at)
		default:
			return
		}
		_, f.entry = f.log.entry(f.at)
		return
	}
	for {
		var e *entry
		f.at, e = f.log.seek(f.ahead)
		if e == nil {
			return
		}
		f.ahead = f.at.next()
		if f.count(); e.kind != kindAdvance || f.tired {
			f.entry = e
			return
		}
	}
}

// count counts an entry that it looks at.
func (f *logScan) count() {
	f.left--
	f.tired = f.left < 0
	f.hub.mu.did(1)
}

// scans opens the scans of a view. They are the hub's until the next call.
func (h *Hub) scans(v *view, uid uint32, all bool, seq func(i int) uint64) []logScan {
	h.scratch.scans = h.scratch.scans[:0]
	for i, stream := range v.streams {
		h.scratch.scans = append(h.scratch.scans, h.scan(h.logs[stream], uid, all, seq(i), scanShare(len(v.streams))))
	}
	return h.scratch.scans
}

// oldestScan returns the scan with the oldest entry, nil if all are empty.
func oldestScan(feeds []logScan) *logScan {
	var first *logScan
	for i := range feeds {
		if f := &feeds[i]; f.entry != nil && (first == nil || f.entry.seq < first.entry.seq) {
			first = f
		}
	}
	return first
}

// frame returns an entry's frame, without the id.
func (l *log) frame(e *entry) []byte {
	body := l.bodies.Bytes(e.body)
	return body[: len(body)-int(e.subject) : len(body)-int(e.subject)]
}

// about returns an entry's subject.
func (l *log) about(e *entry) []byte {
	body := l.bodies.Bytes(e.body)
	return body[len(body)-int(e.subject):]
}
