package publish

import "sync"

const (
	// budgetBytes is what bodies may take that are being published; four of the largest fit
	// in any case.
	budgetBytes = 64 << 20

	// leastBytes is what a body counts for at the least.
	leastBytes = 4 << 10

	// budgetShare is the part of the budget that one caller may have: a quarter.
	budgetShare = 4
)

// Budget bounds what bodies hold from when they are read until they are answered.
type Budget struct {
	most int64

	mu      sync.Mutex // guards the rest; a leaf
	used    int64
	callers map[uint64]int64
}

// NewBudget returns a budget for bodies of at most so many bytes.
func NewBudget(largest int64) *Budget {
	return &Budget{most: max(budgetBytes, budgetShare*largest), callers: make(map[uint64]int64)}
}

// Take counts a caller's body. false: there is no room for it. Otherwise give is due.
func (b *Budget) Take(caller uint64, bytes int64) (give func(), ok bool) {
	bytes = max(bytes, leastBytes)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+bytes > b.most || b.callers[caller]+bytes > b.most/budgetShare {
		return nil, false
	}
	b.used += bytes
	b.callers[caller] += bytes
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.used -= bytes
		if b.callers[caller] -= bytes; b.callers[caller] == 0 {
			delete(b.callers, caller)
		}
	}, true
}

// InUse is how many bytes are being published.
func (b *Budget) InUse() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}
