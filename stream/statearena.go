package stream

import "encoding/binary"

const (
	minStateChunk = 4 << 10
	maxStateChunk = 64 << 10
	stateHeader   = 8 // before each string: its slot and its length
)

// stateArena keeps a table's strings. Unlike a log's they die in any order, so it cleans up: when too much
// of it is dead, the strings that live in the emptiest chunk are written anew and the chunk is given up. As with
// [arena], bytes handed out stay valid and unchanged as long as somebody refers to them.
type stateArena struct {
	chunks []stateChunk
	free   []uint32 // numbers of chunks given up
	open   uint32   // number of the chunk that is written to
	size   int64    // capacity of all chunks
	live   int64    // bytes of strings, headers included
}

type stateChunk struct {
	buf  []byte
	live int
}

// stateRef is where a string stands.
type stateRef struct{ chunk, off, n uint32 }

// room returns an empty slice that can take n bytes without growing, with the header for slot before it; commit
// makes what was appended to it part of the arena.
func (a *stateArena) room(slot uint32, n int) []byte {
	need := stateHeader + n
	if len(a.chunks) == 0 || cap(a.chunks[a.open].buf)-len(a.chunks[a.open].buf) < need {
		a.turn(need)
	}
	c := &a.chunks[a.open]
	b := c.buf[len(c.buf):len(c.buf):cap(c.buf)]
	b = binary.LittleEndian.AppendUint32(b, slot)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	return b[stateHeader:]
}

// commit adds b, the slice got from the last call of room with exactly so many bytes appended.
func (a *stateArena) commit(b []byte) stateRef {
	c := &a.chunks[a.open]
	off := len(c.buf) + stateHeader
	c.buf = c.buf[:off+len(b)]
	c.live += stateHeader + len(b)
	a.live += int64(stateHeader + len(b))
	return stateRef{a.open, uint32(off), uint32(len(b))}
}

// turn opens a new chunk. The one before may have died while it was open.
func (a *stateArena) turn(need int) {
	chunk := make([]byte, 0, max(need, int(min(max(a.size, minStateChunk), maxStateChunk))))
	a.size += int64(cap(chunk))
	before, had := a.open, len(a.chunks) > 0
	if n := len(a.free); n > 0 {
		a.open = a.free[n-1]
		a.free = a.free[:n-1]
	} else {
		a.open = uint32(len(a.chunks))
		a.chunks = append(a.chunks, stateChunk{})
	}
	a.chunks[a.open] = stateChunk{buf: chunk}
	if had && a.chunks[before].live == 0 {
		a.drop(before)
	}
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
	if c.live == 0 && r.chunk != a.open {
		a.drop(r.chunk)
	}
}

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

// clean empties the chunk with the most dead bytes. ref finds the string of a slot, to be changed where it moves.
func (a *stateArena) clean(ref func(slot uint32) *stateRef) {
	victim, most := a.open, 0
	for i := range a.chunks {
		if c := &a.chunks[i]; uint32(i) != a.open && c.buf != nil && cap(c.buf)-c.live > most {
			victim, most = uint32(i), cap(c.buf)-c.live
		}
	}
	if victim == a.open {
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
