package hold

import (
	"crypto/tls"
	"errors"
	"os"

	"sluice/stream"
)

// secure is the TLS side of a connection that is held: some kilobytes of keys and
// buffers, which its slot can't have.
type secure struct {
	conn *tls.Conn
	deaf bool // has sent what isn't TLS's own; it is not listened to any more
}

// maxSealed is how much room for one write is kept for the next.
const maxSealed = 128 << 10

// seal writes what w.iov has gathered through the connection's TLS, which leaves the
// records in w.sealed, and sends those. It returns what the socket didn't take.
func (w *worker[T]) seal(slot uint32, s *slot[T], then Verdict) (left [][]byte, err error) {
	conn := w.secures[slot].conn
	for _, buf := range w.iov.bufs { // in one piece: each write becomes separate records
		w.plain = append(w.plain, buf...)
	}
	if len(w.plain) > 0 {
		if _, err := conn.Write(w.plain); err != nil {
			return nil, err
		}
	}
	if w.plain = w.plain[:0]; cap(w.plain) > maxSealed {
		w.plain = nil
	}
	if then == End {
		if err := conn.CloseWrite(); err != nil { // close_notify: the end is no cut
			return nil, err
		}
	}
	return w.sendSealed(s)
}

// sendSealed sends the records that the TLS connection has left.
func (w *worker[T]) sendSealed(s *slot[T]) (left [][]byte, err error) {
	w.iov.reset()
	w.iov.add(w.sealed)
	left, err = w.iov.write(int(s.fd))
	if w.sealed = w.sealed[:0]; left != nil || cap(w.sealed) > maxSealed {
		w.sealed = nil // left refers to it
	}
	return left, err
}

// receiveSealed reads what the client has sent: TLS itself sends messages at any time,
// such as the closing of the connection and new keys. Anything else is nobody's, as
// without TLS, and ends the listening.
func (w *worker[T]) receiveSealed(slot uint32, s *slot[T], now int64) {
	secure := w.secures[slot]
	if secure.deaf {
		return
	}
	n, err := secure.conn.Read(w.heard)
	for n > 0 && s.framing == talking { // what TLS has read ahead no epoll tells of
		if w.told(slot, s, now, w.heard[:n]); !s.isOpen() {
			return
		}
		if n = 0; err == nil {
			n, err = secure.conn.Read(w.heard)
		}
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) { // closed, or broken
		w.sealed = w.sealed[:0]
		w.finish(slot, s, Gone)
		w.drop(slot, s)
		return
	}
	if n > 0 && s.framing != talking {
		secure.deaf = true
		w.watch(slot, s)
	}
	if len(w.sealed) > 0 {
		w.answer(slot, s, now)
	}
}

// answer sends what TLS itself has to say, after everything that was written before.
func (w *worker[T]) answer(slot uint32, s *slot[T], now int64) {
	if s.state == blocked {
		w.rests[slot].bufs = append(w.rests[slot].bufs, w.sealed)
		w.sealed = nil
		return
	}
	left, err := w.sendSealed(s)
	switch {
	case err != nil:
		w.finish(slot, s, Gone)
		w.drop(slot, s)
	case left != nil:
		then := Wait
		if s.again {
			then, s.again = More, false
		}
		w.block(slot, s, now, left, then)
	}
}

// block keeps what a socket didn't take until it does.
func (w *worker[T]) block(slot uint32, s *slot[T], now int64, left [][]byte, then Verdict) {
	s.state = blocked
	w.rests[slot] = &rest{bufs: left, since: now, then: then}
	w.batch, w.size = stream.Batch{}, make([]byte, 0, 16) // the rest refers to both
	w.watch(slot, s)
	w.arm(slot, s, now)
}

// watch tells the worker's epoll what this connection waits for now.
func (w *worker[T]) watch(slot uint32, s *slot[T]) {
	secure := w.secures[slot]
	w.poll.watch(int(s.fd), slot, s.gen, s.state == blocked, secure != nil && !secure.deaf || secure == nil && s.framing == talking && s.isOpen())
}
