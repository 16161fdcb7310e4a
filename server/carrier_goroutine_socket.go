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

// socket writes batches to a response, each at once and within a time. It is this that
// tells a slow client from a dead server. Without it a client that takes nothing would be
// waited for without end.
type socket struct {
	w       http.ResponseWriter
	control http.ResponseController

	mu       sync.Mutex // guards the rest: what late sees
	deadline time.Time  // of the write under way; zero: there is none
	cut      bool       // a write took too long
}

func (s *socket) init(w http.ResponseWriter) {
	s.w, s.control = w, *http.NewResponseController(w)
}

// open sends the header. A deadline of net/http's must not stand from here on: HTTP/2
// resets a stream when it passes, though nothing is being written. And to set one for
// each write would be two messages to the connection's goroutine, and a timer.
func (s *socket) open() error {
	s.w.WriteHeader(http.StatusOK)
	return s.control.SetWriteDeadline(time.Time{})
}

// write sends a batch as one write and one flush, so one chunk or frame where it fits. It
// lasts until late says that the deadline expected has passed.
func (s *socket) write(b *stream.Batch) error {
	defer s.expect(time.Time{})
	if err := s.writeAll(b); err != nil {
		return err
	}
	return s.control.Flush()
}

// writeBy is write for those who keep no watch: net/http does, until the batch is
// written.
func (s *socket) writeBy(b *stream.Batch, deadline time.Time) error {
	if err := s.control.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if err := s.write(b); err != nil {
		return err
	}
	return s.control.SetWriteDeadline(time.Time{})
}

// expect says when the write to come is late; zero: none is to come.
func (s *socket) expect(deadline time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = deadline
}

// late reports whether a write is under way, and makes it fail if its deadline has
// passed.
func (s *socket) late(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deadline.IsZero() {
		return false
	}
	if !now.Before(s.deadline) {
		s.cut = true
		s.control.SetWriteDeadline(now.Add(-time.Second))
	}
	return true
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

// finish bounds what net/http writes after the handler has returned: the end of the body.
// The connection serves nothing afterwards, so the deadline can stay.
func (s *socket) finish(deadline time.Time) { s.control.SetWriteDeadline(deadline) }

// lost says why a write failed.
func (s *socket) lost() reason {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut {
		return slow
	}
	return gone
}

var flats = sync.Pool{New: func() any { return new([]byte) }}
