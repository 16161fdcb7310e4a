package server

import "sync"

// streamsByToken finds the session that the hub wakes by a token. A token without a ride
// wakes nobody: a ride that begins looks anyway.
type streamsByToken struct {
	mu   sync.Mutex         // guards the rest; a leaf, taken under the hub's lock
	list []*goroutineStream // by token
	free []uint32
}

// take returns an unused token.
func (s *streamsByToken) take() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		token := s.free[n-1]
		s.free = s.free[:n-1]
		return token
	}
	s.list = append(s.list, nil)
	return uint32(len(s.list) - 1)
}

// begin has the token wake r from now on.
func (s *streamsByToken) begin(token uint32, r *goroutineStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list[token] = r
}

// give returns a token that the hub will not wake any more.
func (s *streamsByToken) give(token uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list[token] = nil
	s.free = append(s.free, token)
}

// Wake is called with the hub's lock held, and never blocks.
func (s *streamsByToken) Wake(token uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.list[token]; r != nil {
		r.wake()
	}
}

// wakeAll wakes every ride. Those that are not concerned look in vain.
func (s *streamsByToken) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.list {
		if r != nil {
			r.wake()
		}
	}
}
