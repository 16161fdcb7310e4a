package portal

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"sluice/server/auth"
)

const (
	// maxEntries is how many keys and tickets a gateway knows. Handlers make none once nine
	// tenths are there, so that gateways don't differ by what they had room for.
	maxEntries = 100_000

	// keepEnded is how long a key that has ended is still shown to its owner.
	keepEnded = 7 * 24 * time.Hour

	registrySweep = 1 << 10
)

// entry is a key or a ticket.
type entry struct {
	Record
	hash auth.KeyHash // of a key

	uses     atomic.Uint64 // on this gateway, since it started
	lastUsed atomic.Int64  // Unix seconds; 0: not here
}

// end is what ends an entry before its time.
type end struct {
	revoked time.Time // zero: it isn't
	until   time.Time // it was replaced, and is good until then; zero: it wasn't
}

// registry knows what the topic says.
type registry struct {
	mu      sync.RWMutex // guards the rest; a leaf
	byID    map[string]*entry
	byHash  map[auth.KeyHash]*entry
	byOwner map[string][]*entry // by when they came
	ends    map[string]end      // by id: an end may be read before what it ends
	sweep   int                 // when so many are known, those that ended long ago are dropped
}

func newRegistry() *registry {
	return &registry{
		byID: map[string]*entry{}, byHash: map[auth.KeyHash]*entry{}, byOwner: map[string][]*entry{}, ends: map[string]end{},
		sweep: registrySweep,
	}
}

var (
	errFull     = errors.New("there are more keys than this gateway keeps")
	errDiffers  = errors.New("there is another key of that id")
	errSameHash = errors.New("there is another key of that hash")
)

// add takes a record. ended is what streams depend on that are over by it.
func (g *registry) add(r Record, now time.Time) (ended []auth.LoginKey, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tidy(now)
	if r.Kind == KindRevoked {
		return g.revoke(r, now)
	}
	e := &entry{Record: r}
	if known := g.byID[r.ID]; known != nil {
		if known.Kind != r.Kind || known.Hash != r.Hash || known.Owner != r.Owner || !known.Expires.Equal(r.Expires) {
			return nil, errDiffers
		}
		return nil, nil
	}
	if now.Sub(r.Expires) > keepEnded { // nobody is shown it any more
		return nil, nil
	}
	if len(g.byID) >= maxEntries {
		return nil, errFull
	}
	if r.Kind == KindKey {
		e.hash, _ = auth.ParseKeyHash(r.Hash) // ParseRecord has read it
		if g.byHash[e.hash] != nil {
			return nil, errSameHash
		}
		g.byHash[e.hash] = e
	}
	g.byID[r.ID] = e
	g.byOwner[r.Owner] = append(g.byOwner[r.Owner], e)
	if r.Replaces == "" {
		return nil, nil
	}
	before := g.ends[r.Replaces]
	if old := g.byID[r.Replaces]; old != nil && old.Owner != r.Owner {
		return nil, nil // nobody ends another's key
	}
	if before.until.IsZero() || r.Until.Before(before.until) {
		before.until = r.Until
		g.ends[r.Replaces] = before
	}
	return []auth.LoginKey{auth.KeyLogin(r.Replaces)}, nil // they come back, and learn when it ends
}

// revoke notes that a key or a ticket is revoked. The lock is held.
func (g *registry) revoke(r Record, now time.Time) ([]auth.LoginKey, error) {
	e, known := g.ends[r.ID]
	if !known && len(g.ends) >= 2*maxEntries {
		return nil, errFull
	}
	at := r.At
	if at.After(now) {
		at = now // it is over, whatever another's clock says
	}
	if e.revoked.IsZero() || at.Before(e.revoked) {
		e.revoked = at
		g.ends[r.ID] = e
	}
	return []auth.LoginKey{auth.KeyLogin(r.ID), auth.TicketKey(r.ID)}, nil
}

// forget drops a key that the topic has no record of any more.
func (g *registry) forget(id string) []auth.LoginKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.byID[id]
	if e == nil {
		return nil
	}
	g.drop(e)
	return []auth.LoginKey{auth.KeyLogin(id), auth.TicketKey(id)}
}

// drop forgets an entry. The lock is held.
func (g *registry) drop(e *entry) {
	delete(g.byID, e.ID)
	if e.Kind == KindKey {
		delete(g.byHash, e.hash)
	}
	rest := slices.DeleteFunc(g.byOwner[e.Owner], func(other *entry) bool { return other == e })
	if len(rest) == 0 {
		delete(g.byOwner, e.Owner)
	} else {
		g.byOwner[e.Owner] = rest
	}
}

// tidy drops what ended long ago, now and then. The lock is held.
func (g *registry) tidy(now time.Time) {
	if len(g.byID)+len(g.ends) < g.sweep {
		return
	}
	for id, e := range g.byID {
		if now.Sub(shown{e, g.ends[id]}.endsAt()) <= keepEnded {
			continue
		}
		g.drop(e)
		if now.Sub(e.Expires) > keepEnded { // else it must not come back if it is read again
			delete(g.ends, id)
		}
	}
	for id, e := range g.ends { // of what was never heard of, or is gone
		if g.byID[id] == nil && now.Sub(e.latest()) > MaxAge {
			delete(g.ends, id)
		}
	}
	g.sweep = max(registrySweep, 2*(len(g.byID)+len(g.ends)))
}

func (e end) latest() time.Time {
	if e.until.After(e.revoked) {
		return e.until
	}
	return e.revoked
}

// find returns a key by its hash, and when and how it ends; nil: there is none.
func (g *registry) find(hash auth.KeyHash) (*entry, end) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	e := g.byHash[hash]
	if e == nil {
		return nil, end{}
	}
	return e, g.ends[e.ID]
}

// get returns an entry by its id.
func (g *registry) get(id string) (*entry, end) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.byID[id], g.ends[id]
}

// isRevoked reports whether a key or a ticket is revoked, known or not.
func (g *registry) isRevoked(id string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return !g.ends[id].revoked.IsZero()
}

// ofOwner returns what a user has of a kind and hasn't ended long ago, the newest first.
func (g *registry) ofOwner(owner, kind string, now time.Time) (found []shown) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, e := range slices.Backward(g.byOwner[owner]) {
		s := shown{e, g.ends[e.ID]}
		if e.Kind == kind && now.Sub(s.endsAt()) <= keepEnded {
			found = append(found, s)
		}
	}
	return found
}

// everything returns all that is known, in no order.
func (g *registry) everything() (found []shown) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	for _, e := range g.byID {
		found = append(found, shown{e, g.ends[e.ID]})
	}
	return found
}

// size is how many keys and tickets are known.
func (g *registry) size() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.byID)
}

// shown is an entry with its end.
type shown struct {
	*entry
	end
}

// endsAt is when an entry ends, or has ended.
func (s shown) endsAt() time.Time {
	at := s.Expires
	if !s.until.IsZero() && s.until.Before(at) {
		at = s.until
	}
	if !s.revoked.IsZero() && s.revoked.Before(at) {
		at = s.revoked
	}
	return at
}

// The states of a key.
const (
	stateLive     = "live"
	stateReplaced = "replaced" // good for a while still
	stateExpired  = "expired"
	stateRevoked  = "revoked"
)

func (s shown) state(now time.Time) string {
	switch {
	case !s.revoked.IsZero():
		return stateRevoked
	case !now.Before(s.endsAt()):
		return stateExpired
	case !s.until.IsZero():
		return stateReplaced
	}
	return stateLive
}

func (s shown) isGood(now time.Time) bool {
	state := s.state(now)
	return state == stateLive || state == stateReplaced
}
