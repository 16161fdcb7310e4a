package stream

import (
	"encoding/binary"
)

const (
	minChunk = 4 << 10
	maxChunk = 64 << 10
)

// arena keeps byte strings one after another in chunks without pointers, so that a
// million of them are a few thousand objects to the garbage collector. Strings are added
// at the end and given up from the front. Bytes handed out stay valid and unchanged as
// long as somebody refers to them, even after the arena has given their chunk up.
type arena struct {
	chunks [][]byte // oldest first
	first  uint32   // number of chunks[0]; numbers wrap, only differences count
	size   int64    // capacity of all chunks
}

// ref is where a string stands in an arena.
type ref struct {
	chunk  uint32
	off, n uint32
}

// room returns an empty slice that can take n bytes without growing; commit makes what
// was appended to it part of the arena.
func (a *arena) room(n int) []byte {
	if len(a.chunks) > 0 {
		tail := a.chunks[len(a.chunks)-1]
		if cap(tail)-len(tail) >= n {
			return tail[len(tail):len(tail):cap(tail)]
		}
	}
	// A log grows its chunks with itself, so that fifty quiet streams cost little. A long
	// string has a chunk to itself, so that none is half empty.
	c := int(min(max(a.size, minChunk), maxChunk))
	if n > maxChunk/4 {
		c = n
	}
	chunk := make([]byte, 0, max(c, n))
	a.chunks = append(a.chunks, chunk)
	a.size += int64(cap(chunk))
	return chunk
}

// commit adds b, the slice got from the last call of room with bytes appended.
func (a *arena) commit(b []byte) ref {
	last := len(a.chunks) - 1
	tail := a.chunks[last]
	off := len(tail)
	a.chunks[last] = tail[:off+len(b)]
	return ref{a.first + uint32(last), uint32(off), uint32(len(b))}
}

// bytes returns the string at r, which must not have been given up.
func (a *arena) bytes(r ref) []byte {
	return a.chunks[r.chunk-a.first][r.off : r.off+r.n : r.off+r.n]
}

// release gives up every chunk before that of r.
func (a *arena) release(r ref) {
	for a.first != r.chunk {
		a.drop()
	}
}

// clear gives up everything.
func (a *arena) clear() {
	for len(a.chunks) > 0 {
		a.drop()
	}
}

func (a *arena) drop() {
	a.size -= int64(cap(a.chunks[0]))
	a.chunks[0] = nil
	a.chunks = a.chunks[1:]
	a.first++
}

const (
	minStateChunk = 4 << 10
	maxStateChunk = 64 << 10
	stateHeader   = 8 // before each string: its slot and its length
)

// stateArena keeps a table's strings. Unlike a log's they die in any order, so it cleans
// up. When too much of it is dead, the strings that live in the emptiest chunk are
// written anew, and the chunk is given up. As with [arena], bytes handed out stay valid
// and unchanged as long as somebody refers to them.
type stateArena struct {
	chunks []stateChunk
	free   []uint32 // numbers of chunks given up
	open   uint32   // number of the chunk that is written to
	begun  bool     // there is an open one
	target uint32   // number of the chunk that room last gave some of: open, or a long string's own
	size   int64    // capacity of all chunks
	live   int64    // bytes of strings, headers included
}

type stateChunk struct {
	buf  []byte
	live int
}

// stateRef is where a string stands.
type stateRef struct{ chunk, off, n uint32 }

// room returns an empty slice that can take n bytes without growing, with the header for
// slot before it; commit makes what was appended to it part of the arena.
func (a *stateArena) room(slot uint32, n int) []byte {
	need := stateHeader + n
	switch {
	case need > maxStateChunk/4: // else the open chunk would be left half empty
		a.target = a.add(need)
	case !a.begun || cap(a.chunks[a.open].buf)-len(a.chunks[a.open].buf) < need:
		a.turn()
		fallthrough
	default:
		a.target = a.open
	}
	c := &a.chunks[a.target]
	b := c.buf[len(c.buf):len(c.buf):cap(c.buf)]
	b = binary.LittleEndian.AppendUint32(b, slot)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	return b[stateHeader:]
}

// commit adds b, the slice got from the last call of room with exactly so many bytes
// appended.
func (a *stateArena) commit(b []byte) stateRef {
	c := &a.chunks[a.target]
	off := len(c.buf) + stateHeader
	c.buf = c.buf[:off+len(b)]
	c.live += stateHeader + len(b)
	a.live += int64(stateHeader + len(b))
	return stateRef{a.target, uint32(off), uint32(len(b))}
}

// turn opens a new chunk. The one before may have died while it was open.
func (a *stateArena) turn() {
	before, had := a.open, a.begun
	a.open, a.begun = a.add(int(min(max(a.size, minStateChunk), maxStateChunk))), true
	if had && a.chunks[before].live == 0 {
		a.drop(before)
	}
}

// add adds a chunk and returns its number.
func (a *stateArena) add(size int) (chunk uint32) {
	a.size += int64(size)
	if n := len(a.free); n > 0 {
		chunk = a.free[n-1]
		a.free = a.free[:n-1]
	} else {
		chunk = uint32(len(a.chunks))
		a.chunks = append(a.chunks, stateChunk{})
	}
	a.chunks[chunk] = stateChunk{buf: make([]byte, 0, size)}
	return chunk
}

// bytes returns the string at r, which must be alive.
func (a *stateArena) bytes(r stateRef) []byte {
	return a.chunks[r.chunk].buf[r.off : r.off+r.n : r.off+r.n]
}

// release ends the string at r.
func (a *stateArena) release(r stateRef) {
	c := &a.chunks[r.chunk]
	c.live -= stateHeader + int(r.n)
	a.live -= int64(stateHeader + r.n)
	if c.live == 0 && !a.isOpen(r.chunk) {
		a.drop(r.chunk)
	}
}

func (a *stateArena) isOpen(chunk uint32) bool { return a.begun && chunk == a.open }

func (a *stateArena) drop(chunk uint32) {
	c := &a.chunks[chunk]
	if c.buf == nil {
		return
	}
	a.size -= int64(cap(c.buf))
	*c = stateChunk{}
	a.free = append(a.free, chunk)
}

// wasted reports whether more than a quarter of the arena is dead.
func (a *stateArena) wasted() bool { return a.size-a.live > max(a.live/3, 2*maxStateChunk) }

// clean empties the chunk with the most dead bytes. ref finds the string of a slot, to be
// changed where it moves.
func (a *stateArena) clean(ref func(slot uint32) *stateRef) {
	victim, most := uint32(0), 0
	for i := range a.chunks {
		if c := &a.chunks[i]; !a.isOpen(uint32(i)) && c.buf != nil && cap(c.buf)-c.live > most {
			victim, most = uint32(i), cap(c.buf)-c.live
		}
	}
	if most == 0 {
		return
	}
	for buf, off := a.chunks[victim].buf, 0; off < len(buf); {
		slot, n := binary.LittleEndian.Uint32(buf[off:]), binary.LittleEndian.Uint32(buf[off+4:])
		off += stateHeader
		if r := ref(slot); *r == (stateRef{victim, uint32(off), n}) {
			moved := a.commit(append(a.room(slot, int(n)), buf[off:off+int(n)]...))
			a.release(*r)
			*r = moved
		}
		off += int(n)
	}
}
