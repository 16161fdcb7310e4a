package server

import (
	"net/http"
	"sync"
	"time"

	"sluice/stream"
)

// maxPooled is the largest buffer kept for the next write. One event may be
// larger than any batch is meant to be.
const maxPooled = 2 * batchBytes

// socket writes batches to a response, each at once and within a time.
type socket struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
	began   time.Time // of the last write
}

func newSocket(w http.ResponseWriter, timeout time.Duration) socket {
	return socket{w: w, control: http.NewResponseController(w), timeout: timeout}
}

// write sends a batch as one write and one flush, so one chunk or frame where it fits. An empty
// batch sends nothing. It is the deadline that tells a slow client from a dead server: without it a
// client that takes nothing would hold its goroutine for good.
func (s *socket) write(b *stream.Batch) error {
	if b.Bytes == 0 {
		return nil
	}
	s.began = time.Now()
	if err := s.control.SetWriteDeadline(s.began.Add(s.timeout)); err != nil {
		return err
	}
	if err := s.writeAll(b); err != nil {
		return err
	}
	if err := s.control.Flush(); err != nil {
		return err
	}
	// HTTP/2 resets a stream when its deadline passes, though nothing is being written.
	return s.control.SetWriteDeadline(time.Time{})
}

func (s *socket) writeAll(b *stream.Batch) error {
	if len(b.Bufs) == 1 {
		_, err := s.w.Write(b.Bufs[0])
		return err
	}
	flat := flats.Get().(*[]byte)
	for _, buf := range b.Bufs {
		*flat = append(*flat, buf...)
	}
	_, err := s.w.Write(*flat)
	if cap(*flat) <= maxPooled {
		*flat = (*flat)[:0]
		flats.Put(flat)
	}
	return err
}

// finish bounds what net/http writes after the handler has returned: the end of the body. The
// connection serves nothing afterwards, so the deadline can stay.
func (s *socket) finish() { s.control.SetWriteDeadline(time.Now().Add(s.timeout)) }

// lost says why a write failed.
func (s *socket) lost() reason {
	if time.Since(s.began) >= s.timeout {
		return slow
	}
	return gone
}

var flats = sync.Pool{New: func() any { return new([]byte) }}
