package server

import "sync"

// wakeChannels wake goroutines by number: the hub tells a token, the goroutine waits at
// that token's channel. Rung twice before it looks, it looks once.
type wakeChannels struct {
	mu    sync.Mutex // guards the rest; a leaf, taken under the hub's lock
	rings []chan struct{}
	free  []uint32
}

// take returns an unused token.
func (b *wakeChannels) take() uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.free); n > 0 {
		token := b.free[n-1]
		b.free = b.free[:n-1]
		return token
	}
	b.rings = append(b.rings, make(chan struct{}, 1))
	return uint32(len(b.rings) - 1)
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
