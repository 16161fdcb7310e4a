package stream

const (
	minChunk = 4 << 10
	maxChunk = 64 << 10
)

// arena keeps byte strings one after another in chunks without pointers, so that a million of
// them are a few thousand objects to the garbage collector. Strings are added at the end and given
// up from the front. Bytes handed out stay valid and unchanged as long as somebody
// refers to them, even after the arena has given their chunk up.
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

// room returns an empty slice that can take n bytes without growing; commit makes what was
// appended to it part of the arena.
func (a *arena) room(n int) []byte {
	if len(a.chunks) > 0 {
		tail := a.chunks[len(a.chunks)-1]
		if cap(tail)-len(tail) >= n {
			return tail[len(tail):len(tail):cap(tail)]
		}
	}
	// A log grows its chunks with itself, so that fifty quiet streams cost little. A long string has
	// a chunk to itself, so that none is half empty.
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
