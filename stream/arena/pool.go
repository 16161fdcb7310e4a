package arena

import "encoding/binary"

const header = 8 // before each string: its slot and its length

// Pool keeps byte strings that die in any order, each for a slot of its owner. So it
// cleans up. When too much of it is dead, the strings that live in the emptiest chunk are
// written anew, and the chunk is given up. As with [Queue], bytes handed out stay valid
// and unchanged as long as somebody refers to them.
type Pool struct {
	chunks []poolChunk
	free   []uint32 // numbers of chunks given up
	open   uint32   // number of the chunk that is written to
	begun  bool     // there is an open one
	target uint32   // number of the chunk that Room last gave some of: open, or a long string's own
	size   int64    // capacity of all chunks
	live   int64    // bytes of strings, headers included
}

type poolChunk struct {
	buf  []byte
	live int
}

// PoolRef is where a string stands in a [Pool].
type PoolRef struct{ chunk, off, n uint32 }

// Len is the length of the string.
func (r PoolRef) Len() int { return int(r.n) }

// Allocated is how many bytes the chunks take.
func (p *Pool) Allocated() int64 { return p.size }

// Used is how many bytes the living strings take, with their headers.
func (p *Pool) Used() int64 { return p.live }

// Room returns an empty slice that can take n bytes without growing, with the header for
// slot before it; Commit makes what was appended to it part of the arena.
func (p *Pool) Room(slot uint32, n int) []byte {
	need := header + n
	switch {
	case need > MaxChunk/4: // else the open chunk would be left half empty
		p.target = p.add(need)
	case !p.begun || cap(p.chunks[p.open].buf)-len(p.chunks[p.open].buf) < need:
		p.turn()
		fallthrough
	default:
		p.target = p.open
	}
	c := &p.chunks[p.target]
	b := c.buf[len(c.buf):len(c.buf):cap(c.buf)]
	b = binary.LittleEndian.AppendUint32(b, slot)
	b = binary.LittleEndian.AppendUint32(b, uint32(n))
	return b[header:]
}

// Commit adds b, the slice got from the last call of Room with exactly so many bytes
// appended.
func (p *Pool) Commit(b []byte) PoolRef {
	c := &p.chunks[p.target]
	off := len(c.buf) + header
	c.buf = c.buf[:off+len(b)]
	c.live += header + len(b)
	p.live += int64(header + len(b))
	return PoolRef{p.target, uint32(off), uint32(len(b))}
}

// turn opens a new chunk. The one before may have died while it was open.
func (p *Pool) turn() {
	before, had := p.open, p.begun
	p.open, p.begun = p.add(int(min(max(p.size, minChunk), MaxChunk))), true
	if had && p.chunks[before].live == 0 {
		p.drop(before)
	}
}

// add adds a chunk and returns its number.
func (p *Pool) add(size int) (chunk uint32) {
	p.size += int64(size)
	if n := len(p.free); n > 0 {
		chunk = p.free[n-1]
		p.free = p.free[:n-1]
	} else {
		chunk = uint32(len(p.chunks))
		p.chunks = append(p.chunks, poolChunk{})
	}
	p.chunks[chunk] = poolChunk{buf: make([]byte, 0, size)}
	return chunk
}

// Bytes returns the string at r, which must be alive.
func (p *Pool) Bytes(r PoolRef) []byte {
	return p.chunks[r.chunk].buf[r.off : r.off+r.n : r.off+r.n]
}

// Release ends the string at r.
func (p *Pool) Release(r PoolRef) {
	c := &p.chunks[r.chunk]
	c.live -= header + int(r.n)
	p.live -= int64(header + r.n)
	if c.live == 0 && !p.isOpen(r.chunk) {
		p.drop(r.chunk)
	}
}

func (p *Pool) isOpen(chunk uint32) bool { return p.begun && chunk == p.open }

func (p *Pool) drop(chunk uint32) {
	c := &p.chunks[chunk]
	if c.buf == nil {
		return
	}
	p.size -= int64(cap(c.buf))
	*c = poolChunk{}
	p.free = append(p.free, chunk)
}

// Wasted reports whether more than a quarter of the arena is dead.
func (p *Pool) Wasted() bool { return p.size-p.live > max(p.live/3, 2*MaxChunk) }

// Clean empties the chunk with the most dead bytes. ref finds the string of a slot, to be
// changed where it moves.
func (p *Pool) Clean(ref func(slot uint32) *PoolRef) {
	victim, most := uint32(0), 0
	for i := range p.chunks {
		if c := &p.chunks[i]; !p.isOpen(uint32(i)) && c.buf != nil && cap(c.buf)-c.live > most {
			victim, most = uint32(i), cap(c.buf)-c.live
		}
	}
	if most == 0 {
		return
	}
	for buf, off := p.chunks[victim].buf, 0; off < len(buf); {
		slot, n := binary.LittleEndian.Uint32(buf[off:]), binary.LittleEndian.Uint32(buf[off+4:])
		off += header
		if r := ref(slot); *r == (PoolRef{victim, uint32(off), n}) {
			moved := p.Commit(append(p.Room(slot, int(n)), buf[off:off+int(n)]...))
			p.Release(*r)
			*r = moved
		}
		off += int(n)
	}
}
