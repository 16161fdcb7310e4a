package server

import (
	"crypto/rand"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"sluice/stream/cursor"
)

const (
	// evictedRetry is how long an evicted stream is told to stay away, at least.
	evictedRetry tick = 60_000

	// evictedFor is how long an evicted stream is refused.
	evictedFor = 10 * time.Minute

	// maxEvictions bounds what is remembered of 65,536 evictions. While there is as much,
	// nobody is evicted.
	maxEvictions = 2 << 16
)

// evictions remembers streams that were evicted, each by the note that its last id ends
// with. A client that comes back with one is the one that gave way. It is refused for a
// while, also where there is room. Without this thirteen pages where twelve may be would
// evict each other without end.
//
// It also remembers the positions at which they were evicted. A client that comes back
// with one of those may be the one that gave way and missed its last id. It may also be
// another page of the user at the same position. It is let in where there is room, and
// evicts nobody.
type evictions struct {
	seed maphash.Seed

	mu    sync.Mutex // guards the rest; a leaf
	until map[uint64]time.Time
}

func newEvictions() *evictions {
	return &evictions{seed: maphash.MakeSeed(), until: make(map[uint64]time.Time)}
}

// key is of a user, as the limiter hashes it, and a note or a position.
func (e *evictions) key(user uint64, text string) uint64 {
	var h maphash.Hash
	h.SetSeed(e.seed)
	maphash.WriteComparable(&h, user)
	h.WriteString(text)
	return h.Sum64()
}

// remember notes that a user's stream was evicted at an id ("": it has none yet), and
// returns the id to tell it.
func (e *evictions) remember(user uint64, id string) string {
	if e == nil {
		return id
	}
	note, until := "."+rand.Text(), time.Now().Add(evictedFor)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.until)+1 >= maxEvictions {
		return id
	}
	e.until[e.key(user, note)] = until
	if position, _ := cursor.SplitNotes(id); position != "" {
		e.until[e.key(user, position)] = until
	}
	return cursor.AddNote(id, note)
}

// refuses returns for how long a stream of a user that comes back with these notes is
// still refused; 0: it isn't.
func (e *evictions) refuses(user uint64, notes []string) (left time.Duration) {
	if len(notes) == 0 {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, note := range notes {
		if until, ok := e.until[e.key(user, note)]; ok {
			left = max(left, time.Until(until))
		}
	}
	return left
}

// may reports whether a stream of a user that begins at a position may evict another.
func (e *evictions) may(user uint64, position string) bool {
	now := time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.until)+1 >= maxEvictions {
		for key, until := range e.until {
			if !now.Before(until) {
				delete(e.until, key)
			}
		}
	}
	until, gaveWay := e.until[e.key(user, position)]
	return len(e.until)+1 < maxEvictions && !(gaveWay && now.Before(until))
}

// takeStream counts a stream that begins, where there is room or, if it may crowd, the
// user's oldest stream could give way. One that gave way itself is not counted: it is to
// stay away for as long as left says.
func (s *Server) takeStream(ip netip.Addr, a *admission, mayCrowd bool) (taken stake, why string, left time.Duration) {
	user, callers := a.principal.User, s.limits.callers(a.principal.User, ip)
	if left = s.terms.evictions.refuses(callers[0], a.notes); left > 0 {
		return stake{}, limitPerUser, left
	}
	taken, why = s.limits.take(user, ip)
	if why != limitPerUser || !s.cfg.Limits.EvictOldest || !mayCrowd {
		return taken, why, 0
	}
	if !s.terms.evictions.may(callers[0], a.request.Cursor) || s.limits.crowded(callers[0]) {
		return stake{}, limitPerUser, 0
	}
	taken, why = s.limits.countBeyond(callers)
	a.crowds = why == ""
	return taken, why, 0
}

// makeRoom has the oldest stream of a user give way to one that has just been opened;
// false: none may. It comes last, so that nothing gives way to a request that comes to no
// stream: with a used ticket, or while Kafka is away.
func (s *Server) makeRoom(user string) bool {
	isStream := func(key uint64) bool { // which a poll is not: it soon ends by itself
		came, known := s.roster.find(key)
		return known && came.by != byPoll
	}
	return s.cfg.Hub.EvictOldest(user, isStream)
}
