package deflate

import (
	"encoding/binary"

	"sluice/stream"
)

// Encoding is the content coding of the streams.
const Encoding = "gzip"

const (
	storedHeader = 5
	maxStored    = 1<<16 - 1 // bytes of a stored block

	// maxCopied is the largest buffer that is copied behind the header of its block. A
	// larger one is referred to.
	maxCopied = 1 << 10

	// maxRecent is how many frames a writer finds without asking others: as many as one
	// batch has, and some.
	maxRecent = 64
)

var (
	head = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}

	// push is an empty stored block. Some readers hand on what they have when they see it,
	// and no sooner (Go's).
	push = []byte{0, 0, 0, 0xff, 0xff}

	last = []byte{3, 0} // an empty last block
)

// Begin returns how a connection's stream begins that has an opening, and its sum so far.
func Begin(opening []byte) (begun []byte, sum Sum) {
	var out stream.Batch
	w := writer{out: &out}
	out.Append(head)
	w.store(opening, true)
	w.flush()
	for _, b := range out.Bufs {
		begun = append(begun, b...)
	}
	return append(begun, push...), w.sum
}

// Write appends what a batch has to a connection's stream, which goes on to be read as
// far as here; or ends, if this is the end. What it refers to of the batch are frames,
// and what the gateway has appended. The rest is copied, so the batch may be reset. It
// returns the connection's sum with what was appended.
func (f *Frames) Write(out, in *stream.Batch, sum Sum, end bool) Sum {
	w := f.writers.Get().(*writer)
	w.sum, w.out = sum, out
	w.write(in)
	switch {
	case end:
		w.end()
	case w.pending:
		out.Append(push)
	}
	out.Events += in.Events
	if w.events > 0 {
		f.events.Add(w.events)
		f.before.Add(w.before)
		f.after.Add(w.after)
	}
	sum = w.sum
	w.reset()
	f.writers.Put(w)
	return sum
}

// writer writes batches, of one connection after another.
type writer struct {
	frames *Frames
	recent map[*byte]*frame // found lately

	sum     Sum
	out     *stream.Batch
	stored  [][]byte // of the stored block to come
	size    int      // of it
	pending bool     // the last block written was no push

	events, before, after uint64
}

func (w *writer) reset() {
	clear(w.stored)
	*w = writer{frames: w.frames, recent: w.recent, stored: w.stored[:0]}
}

func (w *writer) write(in *stream.Batch) {
	origins := in.Origins
	for i, buf := range in.Bufs {
		if len(origins) == 0 || origins[0].Buf != i {
			w.store(buf, true)
			continue
		}
		origins = origins[1:]
		if !w.frames.wants(len(buf)) {
			w.store(buf, true)
			continue
		}
		known := w.find(buf)
		w.sum.addPart(known.part)
		if known.block == nil {
			w.store(buf, false)
			continue
		}
		w.flush()
		w.out.Append(known.block)
		w.pending = false
		w.events++
		w.before += uint64(len(buf))
		w.after += uint64(len(known.block))
	}
	w.flush()
}

// find returns what is known of a frame.
func (w *writer) find(body []byte) *frame {
	known := w.recent[&body[0]]
	if known == nil || int(known.part.size) != len(body) {
		known = w.frames.of(body)
		if len(w.recent) >= maxRecent {
			clear(w.recent)
		}
		w.recent[&body[0]] = known
	}
	return known
}

// store adds to the stored block to come. counts says that the sum is still to be told.
func (w *writer) store(buf []byte, counts bool) {
	if counts {
		w.sum.add(buf)
	}
	for w.size+len(buf) > maxStored {
		room := maxStored - w.size
		w.stored, w.size = append(w.stored, buf[:room]), maxStored
		w.flush()
		buf = buf[room:]
	}
	if len(buf) > 0 {
		w.stored, w.size = append(w.stored, buf), w.size+len(buf)
	}
}

// flush writes the stored block. Small buffers go into one, behind the header where they
// can.
func (w *writer) flush() {
	if w.size == 0 {
		return
	}
	header, left := true, w.stored
	for header || len(left) > 0 {
		n := 0
		for n < len(left) && len(left[n]) <= maxCopied {
			n++
		}
		if header || n > 0 {
			w.out.Compose(func(dst []byte) []byte {
				if header {
					dst = appendStoredHeader(dst, w.size)
				}
				for _, small := range left[:n] {
					dst = append(dst, small...)
				}
				return dst
			})
		}
		if left = left[n:]; len(left) > 0 {
			w.out.Append(left[0])
			left = left[1:]
		}
		header = false
	}
	clear(w.stored)
	w.stored, w.size, w.pending = w.stored[:0], 0, true
}

func appendStoredHeader(dst []byte, n int) []byte {
	dst = binary.LittleEndian.AppendUint16(append(dst, 0), uint16(n))
	return binary.LittleEndian.AppendUint16(dst, ^uint16(n))
}

// end writes the end of the stream.
func (w *writer) end() {
	w.out.Compose(func(dst []byte) []byte {
		dst = binary.LittleEndian.AppendUint32(append(dst, last...), w.sum.crc)
		return binary.LittleEndian.AppendUint32(dst, w.sum.size)
	})
}
