package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

// CallerRate bounds how often each caller does something. A caller is known by a hash
// with a seed of this process.
type CallerRate struct {
	rate Rate
	seed maphash.Seed

	mu      sync.Mutex // guards buckets; a leaf
	buckets buckets
}

// NewCallerRate bounds each caller; no N is no bound.
func NewCallerRate(each Rate) *CallerRate { return &CallerRate{rate: each, seed: maphash.MakeSeed()} }

// Number is what a caller is counted by.
func (c *CallerRate) Number(caller string) uint64 { return maphash.String(c.seed, caller) }

// Take counts one of a caller. Where it has no room, wait is when it will.
func (c *CallerRate) Take(caller uint64, now time.Time) (wait time.Duration) {
	if c.rate.N == 0 {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.buckets.take(caller, c.rate, now) {
		return 0
	}
	return max(c.rate.Per/time.Duration(c.rate.N), time.Millisecond)
}
