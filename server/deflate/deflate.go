// Package deflate sends event streams compressed without a compressor for each
// connection: a frame is compressed once, and all connections share the bytes.
//
// A gzip stream is a row of deflate blocks. A compressed frame here refers to nothing
// outside itself, and ends on a byte. So it may follow anything, in any connection's
// stream. What differs between connections, such as ids, goes in front of it in stored
// blocks, which are the bytes themselves under a header of five. A connection's share is
// its [Sum].
//
// No block knows another, so the length of what is sent of one event tells nothing of
// another event, an id or another user. What it does tell of the event itself is in
// docs/running.md.
//
//   - deflate.go: [Frames], the frames that have been compressed.
//   - write.go: a connection's stream.
//   - sum.go: the checksum of a connection's stream.
//   - accept.go: which requests want it.
package deflate

import (
	"bytes"
	"cmp"
	"compress/flate"
	"sync"
	"sync/atomic"
	"weak"
)

const (
	// cacheBytes is how much compressed frames take, in two halves: what was used since the
	// newer half was begun, and what was used before. A frame that is not there any more is
	// compressed anew.
	cacheBytes = 16 << 20

	// entryBytes is what a frame takes besides its compressed bytes.
	entryBytes = 200

	// MaxFrame is the largest frame that is compressed. A larger one would keep the
	// connections of a worker waiting for more than some milliseconds.
	MaxFrame = 1 << 20

	// level is the fastest. Blocks of a kilobyte or two have hardly anything to find that
	// the thorough levels find.
	level = flate.BestSpeed
)

// Frames compresses frames of [stream.Batch] and remembers them for as long as others
// are likely to be sent them. A frame that is gone from memory elsewhere is not kept
// here. Its methods may be called concurrently.
type Frames struct {
	least int

	mu    sync.Mutex // guards the four
	newer map[address]*frame
	older map[address]*frame
	bytes [2]int64 // of newer and older
	half  int64    // how much newer may have

	writers sync.Pool // of *writer

	compressed, events, before, after atomic.Uint64 // see Stats
}

// New returns frames that compresses those of at least so many bytes.
func New(least int) *Frames {
	f := &Frames{least: least, half: cacheBytes / 2, newer: make(map[address]*frame)}
	f.writers.New = func() any { return &writer{frames: f, recent: make(map[*byte]*frame)} }
	return f
}

// Stats is what has been done, and what is held.
type Stats struct {
	Compressed uint64 // frames, each time that one was
	Events     uint64 // sent compressed, to all connections together
	Before     uint64 // bytes of those
	After      uint64 // bytes that they were sent as
	Held       int64  // bytes of compressed frames
}

// Stats returns the figures as they are now.
func (f *Frames) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Stats{f.compressed.Load(), f.events.Load(), f.before.Load(), f.after.Load(), f.bytes[0] + f.bytes[1]}
}

// address is where a frame is in memory. It doesn't keep it there, and none that comes
// there later is equal to it.
type address struct {
	first weak.Pointer[byte]
	size  int
}

// frame is what is known of a frame.
type frame struct {
	once  sync.Once
	block []byte // deflate blocks that end on a byte; nil: it doesn't get smaller
	part  part
}

// wants reports whether frames of n bytes are compressed.
func (f *Frames) wants(n int) bool { return n >= f.least && n <= MaxFrame }

// of returns what is known of a frame, which never changes. The first to ask compresses
// it, and others who want it wait.
func (f *Frames) of(body []byte) *frame {
	at := address{weak.Make(&body[0]), len(body)}
	known := f.entry(at)
	known.once.Do(func() {
		known.part = partOf(body)
		known.block = compress(body)
		f.compressed.Add(1)
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.newer[at] == known {
			f.bytes[0] += int64(len(known.block))
		}
	})
	return known
}

// entry returns the entry of a frame, which may be new.
func (f *Frames) entry(at address) *frame {
	f.mu.Lock()
	defer f.mu.Unlock()
	if known := f.newer[at]; known != nil {
		return known
	}
	if f.bytes[0] >= f.half {
		f.older, f.newer = f.newer, make(map[address]*frame)
		f.bytes = [2]int64{0, f.bytes[0]}
	}
	known := f.older[at]
	f.bytes[0] += entryBytes
	if known == nil {
		known = &frame{}
	} else {
		delete(f.older, at)
		f.bytes[0] += int64(len(known.block))
		f.bytes[1] -= entryBytes + int64(len(known.block))
	}
	f.newer[at] = known
	return known
}

// compressor has the tables that compressing takes, more than half a megabyte.
type compressor struct {
	out bytes.Buffer
	*flate.Writer
}

var compressors = sync.Pool{New: func() any {
	c := new(compressor)
	c.Writer, _ = flate.NewWriter(&c.out, level) // fails for a level that there isn't
	return c
}}

// compress returns a frame as deflate blocks, which don't end the stream. They end with
// an empty stored block, and so on a byte. nil: it doesn't get smaller.
func compress(body []byte) []byte {
	c := compressors.Get().(*compressor)
	defer compressors.Put(c)
	c.out.Reset()
	c.Reset(&c.out)
	_, err := c.Write(body)
	if err := cmp.Or(err, c.Flush()); err != nil {
		return nil // never: it is written into memory
	}
	if c.out.Len() >= len(body)+storedHeader {
		return nil
	}
	return bytes.Clone(c.out.Bytes())
}
