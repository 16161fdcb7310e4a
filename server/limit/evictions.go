package limit

import (
	"crypto/rand"
	"hash/maphash"
	"sync"
	"time"

	"sluice/stream/cursor"
)

const (
	// evictedFor is how long an evicted stream is refused.
	evictedFor = 10 * time.Minute

	// maxEvictions bounds what is remembered of 65,536 evictions. While there is as much,
	// nobody is evicted.
	maxEvictions = 2 << 16
)

// Evictions remembers streams that were evicted, each by the note that its last id ends
// with. A client that comes back with one is the one that gave way. It is refused for a
// while, also where there is room. Without this thirteen pages where twelve may be would
// evict each other without end.
//
// It also remembers the positions at which they were evicted. A client that comes back
// with one of those may be the one that gave way and missed its last id. It may also be
// another page of the user at the same position. It is let in where there is room, and
// evicts nobody.
type Evictions struct {
	seed maphash.Seed

	mu    sync.Mutex // guards the rest; a leaf
	until map[uint64]time.Time
}

func NewEvictions() *Evictions {
	return &Evictions{seed: maphash.MakeSeed(), until: make(map[uint64]time.Time)}
}

// key is of a user, as the limiter hashes it, and a note or a position.
func (e *Evictions) key(user uint64, text string) uint64 {
	var h maphash.Hash
	h.SetSeed(e.seed)
	maphash.WriteComparable(&h, user)
	h.WriteString(text)
	return h.Sum64()
}

// Remember notes that a user's stream was evicted at an id ("": it has none yet), and
// returns the id to tell it.
func (e *Evictions) Remember(user uint64, id string) string {
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

// Refuses returns for how long a stream of a user that comes back with these notes is
// still refused; 0: it isn't.
func (e *Evictions) Refuses(user uint64, notes []string) (left time.Duration) {
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

// MayEvict reports whether a stream of a user that begins at a position may evict
// another.
func (e *Evictions) MayEvict(user uint64, position string) bool {
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

// Forget lets all who gave way come back.
func (e *Evictions) Forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.until)
}
