package limit

import (
	"sync"

	"sluice/stream"
)

// StateBudget bounds what the states hold that clients have not taken yet. A part that
// several clients read counts once for the gateway, and once for each caller.
type StateBudget struct {
	limit int64 // bytes; 0: none

	mu      sync.Mutex // guards the rest; a leaf
	used    int64
	parts   map[*stream.StatePart]map[uint64]int // readers of each, by caller
	callers map[uint64]int64                     // bytes
}

// callerShare is the part of the budget that one caller may have: a quarter. A single
// state always fits where there is nothing else.
const callerShare = 4

func NewStateBudget(limit int64) *StateBudget {
	return &StateBudget{limit: limit, parts: make(map[*stream.StatePart]map[uint64]int), callers: make(map[uint64]int64)}
}

// Acquire counts a part for its callers (0: nobody) and reports whether there is room for
// it.
func (b *StateBudget) Acquire(part *stream.StatePart, callers [2]uint64) bool {
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

// Release takes back what acquire counted.
func (b *StateBudget) Release(part *stream.StatePart, callers [2]uint64) {
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

// InUse is what is held now.
func (b *StateBudget) InUse() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Readers is how many callers are being sent something.
func (b *StateBudget) Readers() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.callers)
}
