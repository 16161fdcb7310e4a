package limit

import (
	"context"
	"slices"
	"sync"
)

// Turns has states copied a few at a time. Callers take turns: one who asks for many
// waits for them itself, and nobody else does.
type Turns struct {
	mu      sync.Mutex // guards the rest; a leaf
	free    int
	waiting map[uint64][]chan struct{} // by caller, in their order
	callers []uint64                   // those with somebody waiting; the first is next
}

// stateCopies is how many states are copied at a time.
const stateCopies = 2

func NewTurns() *Turns {
	return &Turns{free: stateCopies, waiting: make(map[uint64][]chan struct{})}
}

// Take waits for a turn, which give ends.
func (t *Turns) Take(ctx context.Context, caller uint64) error {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	if len(t.waiting[caller]) == 0 {
		t.callers = append(t.callers, caller)
	}
	t.waiting[caller] = append(t.waiting[caller], turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(t.waiting[caller], turn)
	if i >= 0 {
		t.giveUp(caller, i)
	}
	t.mu.Unlock()
	if i < 0 { // it has been given a turn meanwhile
		t.Give()
	}
	return context.Cause(ctx)
}

// giveUp takes one who waits out of the line. The lock is held.
func (t *Turns) giveUp(caller uint64, i int) {
	t.waiting[caller] = slices.Delete(t.waiting[caller], i, i+1)
	if len(t.waiting[caller]) == 0 {
		delete(t.waiting, caller)
		t.callers = slices.DeleteFunc(t.callers, func(c uint64) bool { return c == caller })
	}
}

// Give ends a turn: the next caller's first has it.
func (t *Turns) Give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.callers) == 0 {
		t.free++
		return
	}
	caller := t.callers[0]
	t.callers = append(t.callers[1:], caller)
	turn := t.waiting[caller][0]
	t.giveUp(caller, 0)
	close(turn)
}
