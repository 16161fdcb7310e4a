package server

import "sync"

// gate counts those inside, and lets no one in once it is shut.
type gate struct {
	empty    chan struct{} // closed when it is shut and the last one has left
	shutting chan struct{} // closed when it is shut

	mu     sync.Mutex // guards the rest; a leaf
	inside int
	closed bool
}

func (g *gate) init() { g.empty, g.shutting = make(chan struct{}), make(chan struct{}) }

// enter reports whether the gate was open. A caller that got in must leave.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

// shut closes the gate, any number of times, and returns what is closed when nobody is
// inside.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed = true
		close(g.shutting)
		if g.inside == 0 {
			close(g.empty)
		}
	}
	return g.empty
}

func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}
