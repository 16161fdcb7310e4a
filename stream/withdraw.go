package stream

import "errors"

// ErrWithdrawn says that a stream isn't served for now, see [Hub.Withdraw].
var ErrWithdrawn = errors.New("stream: withdrawn")

// Withdraw takes a stream out of service, or back in. While it is out, Open and State fail with [ErrWithdrawn], and those
// who read it are woken and their Pull says [Withdrawn]: the last id that they were sent stays good. Its
// log goes on being written.
func (h *Hub) Withdraw(stream int, out bool) {
	h.mu.Lock()
	bit := uint64(1) << stream
	if out && h.withdrawn&bit == 0 {
		h.wakeStream(stream, h.seq+1, h.seq+1, true)
	}
	h.withdrawn &^= bit
	if out {
		h.withdrawn |= bit
	}
	h.mu.Unlock()
	h.wakeRest()
}

// IsWithdrawn reports whether a stream is out of service.
func (h *Hub) IsWithdrawn(stream int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.withdrawn&(1<<stream) != 0
}
