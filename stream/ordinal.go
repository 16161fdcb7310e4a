package stream

import "sort"

// blockLen is the number of entries to a block, a power of two. A block's base vector is what
// finding a position costs in memory. Its length is what that costs in time.
const blockLen = 256

// ordinal is where an entry is in its log: in which block, and at which index of it. Blocks are
// numbered, so an entry is found by a shift. Ordinals ascend with the entries' seqs. They skip
// where a block ended early.
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

// blockAt is the index in l.blocks of an ordinal's block; it is not below len(l.blocks) for one
// that isn't kept.
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

// upTo returns the ordinal of the last entry with a seq up to this one; false: none is kept.
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
