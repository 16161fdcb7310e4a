package hold

import "errors"

// listen reads what the client of a talking connection has sent.
func (w *worker[T]) listen(slot uint32, s *slot[T], now int64) {
	n, err := receive(int(s.fd), w.heard)
	switch {
	case errors.Is(err, errAgain):
	case err != nil:
		w.finish(slot, s, Gone)
		w.drop(slot, s)
	default:
		w.told(slot, s, now, w.heard[:n])
	}
}

// told tells the craft what a client has sent. While the socket is full, the answer
// waits.
func (w *worker[T]) told(slot uint32, s *slot[T], now int64, in []byte) {
	if w.craft.Heard(&s.t, in) && s.state == open && !s.again {
		w.fill(slot, s, now, nil)
	}
}
