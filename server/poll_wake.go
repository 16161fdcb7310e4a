package server

import "sync"

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
