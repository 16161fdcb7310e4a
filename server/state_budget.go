package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"sluice/stream"
)

// stateBudget bounds what the states hold that clients have not taken yet. A part that
// several clients read counts once for the gateway, and once for each caller.
type stateBudget struct {
	limit int64 // bytes; 0: none

	mu      sync.Mutex // guards the rest; a leaf
	used    int64
	parts   map[*stream.StatePart]map[uint64]int // readers of each, by caller
	callers map[uint64]int64                     // bytes
}

// callerShare is the part of the budget that one caller may have: a quarter. A single
// state always fits where there is nothing else.
const callerShare = 4

func newStateBudget(limit int64) *stateBudget {
	return &stateBudget{limit: limit, parts: make(map[*stream.StatePart]map[uint64]int), callers: make(map[uint64]int64)}
}

// acquire counts a part for its callers (0: nobody) and reports whether there is room for
// it.
func (b *stateBudget) acquire(part *stream.StatePart, callers [2]uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	readers := b.parts[part]
	if b.limit > 0 {
		if readers == nil && b.used > 0 && b.used+part.Bytes > b.limit {
			return false
		}
		for _, c := range callers {
			if has := b.callers[c]; c != 0 && readers[c] == 0 && has > 0 && has+part.Bytes > b.limit/callerShare {
				return false
			}
		}
	}
	if readers == nil {
		readers = make(map[uint64]int, 3)
		b.parts[part] = readers
		b.used += part.Bytes
	}
	readers[0]++ // everybody
	for _, c := range callers {
		if c == 0 {
			continue
		}
		if readers[c]++; readers[c] == 1 {
			b.callers[c] += part.Bytes
		}
	}
	return true
}

// release takes back what acquire counted.
func (b *stateBudget) release(part *stream.StatePart, callers [2]uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	readers := b.parts[part]
	for _, c := range callers {
		if c == 0 {
			continue
		}
		if readers[c]--; readers[c] > 0 {
			continue
		}
		delete(readers, c)
		if b.callers[c] -= part.Bytes; b.callers[c] <= 0 {
			delete(b.callers, c)
		}
	}
	if readers[0]--; readers[0] == 0 {
		b.used -= part.Bytes
		delete(b.parts, part)
	}
}

// inUse is what is held now.
func (b *stateBudget) inUse() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// stateTurns has states copied a few at a time. Callers take turns: one who asks for many
// waits for them itself, and nobody else does.
type stateTurns struct {
	mu      sync.Mutex // guards the rest; a leaf
	free    int
	waiting map[uint64][]chan struct{} // by caller, in their order
	callers []uint64                   // those with somebody waiting; the first is next
}

// stateCopies is how many states are copied at a time.
const stateCopies = 2

func newStateTurns() *stateTurns {
	return &stateTurns{free: stateCopies, waiting: make(map[uint64][]chan struct{})}
}

// take waits for a turn, which give ends.
func (t *stateTurns) take(ctx context.Context, caller uint64) error {
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
		t.leave(caller, i)
	}
	t.mu.Unlock()
	if i < 0 { // it has been given a turn meanwhile
		t.give()
	}
	return context.Cause(ctx)
}

// leave takes one who waits out of the line. The lock is held.
func (t *stateTurns) leave(caller uint64, i int) {
	t.waiting[caller] = slices.Delete(t.waiting[caller], i, i+1)
	if len(t.waiting[caller]) == 0 {
		delete(t.waiting, caller)
		t.callers = slices.DeleteFunc(t.callers, func(c uint64) bool { return c == caller })
	}
}

// give ends a turn: the next caller's first has it.
func (t *stateTurns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.callers) == 0 {
		t.free++
		return
	}
	caller := t.callers[0]
	t.callers = append(t.callers[1:], caller)
	turn := t.waiting[caller][0]
	t.leave(caller, 0)
	close(turn)
}

// heldState is a state that a client is being sent.
type heldState struct {
	stream.State
	budget  *stateBudget
	callers [2]uint64
	held    []*stream.StatePart
}

// release gives back what the state holds.
func (h *heldState) release() {
	for _, part := range h.held {
		h.budget.release(part, h.callers)
	}
	h.held = nil
}

// count is how many events there are.
func (h *heldState) count() (n int) {
	for _, part := range h.Parts {
		n += len(part.Latest)
	}
	return n
}

// bytes is what it holds.
func (h *heldState) bytes() (n int64) {
	for _, part := range h.Parts {
		n += part.Bytes
	}
	return n
}

// overLimit is the error of a request that is beyond a limit.
type overLimit struct{ why string }

func (e overLimit) Error() string { return "server: beyond limits." + e.why }

// holdState takes the state that a request may see, to be released. It waits for its turn
// where much has to be looked at for it.
func (s *Server) holdState(ctx context.Context, a *admission, callers [2]uint64) (*heldState, error) {
	waiting := &patience{request: ctx, stop: s.stop, limit: s.cfg.OpenTimeout}
	defer waiting.close()
	request := a.stateRequest()
	head, err := s.cfg.Hub.StateHead(request)
	if err != nil {
		return nil, err
	}
	if head.Look > stream.StateRun {
		caller := callers[1] // the address: an attacker may have many users
		if caller == 0 {
			caller = callers[0]
		}
		if err := s.stateTurns.take(waiting, caller); err != nil {
			if s.stop.Err() == nil && ctx.Err() == nil {
				err = overLimit{limitStateBytes}
			}
			return nil, err
		}
		defer s.stateTurns.give()
	}
	held := &heldState{budget: s.stateBudget, callers: callers}
	held.State, err = s.cfg.Hub.ShareState(waiting, request, func(part *stream.StatePart) error {
		if !s.stateBudget.acquire(part, callers) {
			s.snapshots.cutSlow(time.Now())
			if !s.stateBudget.acquire(part, callers) {
				return overLimit{limitStateBytes}
			}
		}
		held.held = append(held.held, part)
		return nil
	})
	if err != nil {
		held.release()
		if waiting.Err() != nil && s.stop.Err() == nil && ctx.Err() == nil { // others are first: it is to wait
			err = overLimit{limitStateBytes}
		}
		return nil, err
	}
	return held, nil
}
