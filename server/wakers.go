package server

import (
	"sync"
)

// streamsByToken finds the session that the hub wakes by a token. A token without a
// stream wakes nobody: a stream that begins looks anyway.
type streamsByToken struct {
	mu   sync.Mutex         // guards the rest; a leaf, taken under the hub's lock
	list []*goroutineStream // by token
	free freeTokens
}

// freeTokens are those that were given back. Its owner's lock guards it.
type freeTokens []uint32

// take returns one. false means none: the next number is new.
func (f *freeTokens) take() (token uint32, ok bool) {
	n := len(*f)
	if n == 0 {
		return 0, false
	}
	token = (*f)[n-1]
	*f = (*f)[:n-1]
	return token, true
}

// take returns an unused token.
func (s *streamsByToken) take() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	token, ok := s.free.take()
	if !ok {
		token = uint32(len(s.list))
		s.list = append(s.list, nil)
	}
	return token
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

// wakeAll wakes every stream. Those that are not concerned look in vain.
func (s *streamsByToken) wakeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.list {
		if r != nil {
			r.wake()
		}
	}
}

// wakeChannels wake goroutines by number: the hub tells a token, the goroutine waits at
// that token's channel. Rung twice before it looks, it looks once.
type wakeChannels struct {
	mu    sync.Mutex // guards the rest; a leaf, taken under the hub's lock
	rings []chan struct{}
	free  freeTokens
}

// take returns an unused token.
func (b *wakeChannels) take() uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	token, ok := b.free.take()
	if !ok {
		token = uint32(len(b.rings))
		b.rings = append(b.rings, make(chan struct{}, 1))
	}
	return token
}

// give returns a token that the hub will not wake any more.
func (b *wakeChannels) give(token uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.rings[token]:
	default:
	}
	b.free = append(b.free, token)
}

// ring is the channel to wait at.
func (b *wakeChannels) ring(token uint32) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rings[token]
}

// Wake rings. It is called with the hub's lock held, and never blocks.
func (b *wakeChannels) Wake(token uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.rings[token] <- struct{}{}:
	default:
	}
}
