// Package arena keeps many byte strings in few objects, for the garbage collector's sake.
// A [Queue] (queue.go) gives strings up in the order in which they came, and a [Pool]
// (pool.go) in any order.
package arena

// MaxChunk is the largest chunk, except for one with a single long string.
const MaxChunk = 64 << 10

const minChunk = 4 << 10

// Queue keeps byte strings one after another in chunks without pointers, so that a
// million of them are a few thousand objects to the garbage collector. Strings are added
// at the end and given up from the front. Bytes handed out stay valid and unchanged as
// long as somebody refers to them, even after the arena has given their chunk up.
type Queue struct {
	chunks [][]byte // oldest first
	first  uint32   // number of chunks[0]; numbers wrap, only differences count
	size   int64    // capacity of all chunks
}

// Ref is where a string stands in a [Queue].
type Ref struct {
	chunk  uint32
	off, n uint32
}

// Len is the length of the string.
func (r Ref) Len() int { return int(r.n) }

// Allocated is how many bytes the chunks take.
func (q *Queue) Allocated() int64 { return q.size }

// Room returns an empty slice that can take n bytes without growing; Commit makes what
// was appended to it part of the arena.
func (q *Queue) Room(n int) []byte {
	if len(q.chunks) > 0 {
		tail := q.chunks[len(q.chunks)-1]
		if cap(tail)-len(tail) >= n {
			return tail[len(tail):len(tail):cap(tail)]
		}
	}
	// A log grows its chunks with itself, so that fifty quiet streams cost little. A long
	// string has a chunk to itself, so that none is half empty.
	c := int(min(max(q.size, minChunk), MaxChunk))
	if n > MaxChunk/4 {
		c = n
	}
	chunk := make([]byte, 0, max(c, n))
	q.chunks = append(q.chunks, chunk)
	q.size += int64(cap(chunk))
	return chunk
}

// Commit adds b, the slice got from the last call of Room with bytes appended.
func (q *Queue) Commit(b []byte) Ref {
	last := len(q.chunks) - 1
	tail := q.chunks[last]
	off := len(tail)
	q.chunks[last] = tail[:off+len(b)]
	return Ref{q.first + uint32(last), uint32(off), uint32(len(b))}
}

// Bytes returns the string at r, which must not have been given up.
func (q *Queue) Bytes(r Ref) []byte {
	return q.chunks[r.chunk-q.first][r.off : r.off+r.n : r.off+r.n]
}

// Release gives up every chunk before that of r.
func (q *Queue) Release(r Ref) {
	for q.first != r.chunk {
		q.drop()
	}
}

// Clear gives up everything.
func (q *Queue) Clear() {
	for len(q.chunks) > 0 {
		q.drop()
	}
}

func (q *Queue) drop() {
	q.size -= int64(cap(q.chunks[0]))
	q.chunks[0] = nil
	q.chunks = q.chunks[1:]
	q.first++
}
