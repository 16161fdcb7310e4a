// Package hold keeps open connections that have nothing to say for almost nothing: no
// goroutine, no buffer and no net.Conn each, only a descriptor and a slot without
// pointers.
//
// A connection begins at an ordinary HTTP handler. Once that has decided what the client
// gets, [Holder.Adopt] takes the socket away from net/http. From then on one of the
// holder's workers owns it. A worker is a goroutine, one per core, with its own epoll and
// one timer wheel. It asks its [Craft] what to write, and writes everything in one
// sendmsg(2) of slices that all connections share. It remembers what a full socket didn't
// take.
//
// A worker's descriptors and slots are touched by its goroutine only. Others reach it
// through its mailbox.
//
// hold.go has what a caller gives, and holder_linux.go the holder (holder_other.go where
// there is none). worker_linux.go is a worker. Its slots are in slots.go, what is due
// when in wheel.go, its mailbox in mailbox.go and its epoll in epoll_linux.go. It writes
// by iovecs_linux.go, and reads by receive_linux.go (receive_other.go). listen_linux.go
// hears clients of another protocol than HTTP.
//
// response_head.go writes a response's header. tls_linux.go encrypts, and tls_wire.go
// takes a connection out from under crypto/tls.
package hold

import (
	"errors"
	"time"

	"sluice/stream"
)

// ErrUnsupported says that connections can't be held like this on this system.
var ErrUnsupported = errors.New("hold: needs Linux")

// Verdict says what comes after what Fill appended has been written.
type Verdict uint8

const (
	Wait Verdict = iota // nothing, until it is woken or due
	More                // Fill again
	End                 // the end of the stream
)

// Why says how a connection ended.
type Why uint8

const (
	Ended Why = iota // Fill said so, and everything was written
	Gone             // the client went away
	Slow             // the client took nothing for WriteTimeout
)

// Craft is what the holder's connections carry. T is one connection's state, kept in its
// slot: without pointers it costs the garbage collector nothing. All times are
// milliseconds of Now's clock. The worker calls it, one call at a time for a connection.
type Craft[T any] struct {
	Now func() int64
	// Fill appends what the connection is due now.
	Fill func(t *T, now int64, out *stream.Batch) Verdict
	// Due is when Fill has something to do though nobody wakes it.
	Due func(t *T) int64
	// Heard is told what the client of a talking connection has sent. It reports whether
	// Fill has something to do now. nil: no connection talks.
	Heard func(t *T, in []byte) bool
	// Gone is told once that the stream has ended.
	Gone func(t *T, why Why)
	// Refusal is what follows the head for a connection that can't be held for want of
	// descriptors.
	Refusal func(t *T) []byte
	// Wrote is told what a pass of a worker has written, for counting.
	Wrote func(events, bytes int)
}

// Config is how connections are held.
type Config struct {
	Workers      int           // 0: one per core
	WriteTimeout time.Duration // a client that takes nothing for this long is closed
	UserTimeout  time.Duration // TCP_USER_TIMEOUT: how long sent bytes may go without an answer
	Unsent       int           // TCP_NOTSENT_LOWAT, bytes; 0: DefaultUnsent
}

// DefaultUnsent is how much may wait in a socket for the client's window before nothing
// more is written to it. With the batch written last, and the kernel's bookkeeping, a
// stalled client has 70 KB of the kernel's memory, not the 4 MB that Linux would give it.
// What is on its way to the client doesn't count. So a distant client isn't held to this
// much per round trip, as SO_SNDBUF would hold it. Nor do large events crawl over
// loopback, whose segments are larger than a buffer that small.
const DefaultUnsent = 8 << 10

// SlotRef is where a connection will be held. It is reserved before, so that the code
// that wakes it knows it by then.
type SlotRef struct {
	Worker int
	Slot   uint32
}
