package server

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	// evictedRetry is how long an evicted stream is told to stay away, at least.
	evictedRetry tick = 60_000

	// evictedFor is how long an evicted stream may not evict another.
	evictedFor = 10 * time.Minute

	// maxEvictions are remembered. While there are as many, nobody is evicted.
	maxEvictions = 1 << 16
)

// evictions remembers the ids at which streams were evicted, each with its user. A client that comes
// back with one is the one that gave way. Without this thirteen pages where twelve may be would evict
// each other without end.
type evictions struct {
	seed maphash.Seed

	mu    sync.Mutex // guards the rest; a leaf
	until map[uint64]time.Time
}

func newEvictions() *evictions {
	return &evictions{seed: maphash.MakeSeed(), until: make(map[uint64]time.Time)}
}

// key is of a user, as the limiter hashes it, and an id.
func (e *evictions) key(user uint64, id string) uint64 {
	var h maphash.Hash
	h.SetSeed(e.seed)
	maphash.WriteComparable(&h, user)
	h.WriteString(id)
	return h.Sum64()
}

// remember notes that a user's stream was evicted at an id; "": it had none to come back with.
func (e *evictions) remember(user uint64, id string) {
	if e == nil || id == "" {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.until) < maxEvictions {
		e.until[e.key(user, id)] = time.Now().Add(evictedFor)
	}
}

// may reports whether a stream of a user that begins at an id may evict another.
func (e *evictions) may(user uint64, id string) bool {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.until) >= maxEvictions {
		for key, until := range e.until {
			if !now.Before(until) {
				delete(e.until, key)
			}
		}
	}
	until, gaveWay := e.until[e.key(user, id)]
	return len(e.until) < maxEvictions && !(gaveWay && now.Before(until))
}

// takeStream counts a stream that begins, where there is room or the user's oldest stream gives way.
func (s *Server) takeStream(user string, ip netip.Addr, id string) (stake, string) {
	taken, why := s.limits.take(user, ip)
	if why != limitPerUser || !s.cfg.Limits.EvictOldest {
		return taken, why
	}
	callers := s.limits.callers(user, ip)
	if !s.terms.evictions.may(callers[0], id) || s.limits.crowded(callers[0]) {
		return stake{}, limitPerUser
	}
	isStream := func(key uint64) bool { _, known := s.roster.find(key); return known } // and no poll
	if !s.cfg.Hub.EvictOldest(user, isStream) {
		return stake{}, limitPerUser
	}
	return s.limits.countBeyond(callers)
}
