package server

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"sluice/server/auth"
)

// revocation ends what a user, or a ticket, was let in by before a moment.
type revocation struct {
	User   string    `json:"user,omitempty"`   // one of
	Ticket string    `json:"ticket,omitempty"` // the two: a ticket's id
	At     time.Time `json:"at"`               // credentials issued before it are refused
	Until  time.Time `json:"until"`            // and so they are until then, when they have expired anyway
}

const (
	defaultRevocation = 24 * time.Hour      // in force, unless the request says how long
	maxRevocation     = 31 * 24 * time.Hour // longer than that nobody should have to remember
)

func (r revocation) key() string {
	if r.Ticket != "" {
		return "ticket:" + r.Ticket
	}
	return "user:" + r.User
}

func (r revocation) check() error {
	switch {
	case (r.User == "") == (r.Ticket == ""):
		return errors.New("name either a user or a ticket")
	case len(r.User) > auth.MaxUser || len(r.Ticket) > auth.MaxUser:
		return errors.New("the name is too long")
	case r.At.IsZero() || !r.Until.After(r.At) || r.Until.Sub(r.At) > maxRevocation:
		return fmt.Errorf("it can be in force for up to %v", maxRevocation)
	}
	return nil
}

// maxRevocationAhead is how far ahead of this gateway's clock another's may be that
// announces a revocation.
const maxRevocationAhead = time.Hour

// revocations are those in force.
type revocations struct {
	mu    sync.Mutex // guards the rest; a leaf
	byKey map[string]revocation
	sweep int // how many there may be before those that have lapsed are dropped
}

// revocationSweep is how many revocations there are before lapsed ones are dropped.
const revocationSweep = 1 << 10

func newRevocations() *revocations {
	return &revocations{byKey: make(map[string]revocation), sweep: revocationSweep}
}

// add puts one into force. Of two, each part that reaches further counts: it returns what
// is in force then.
func (rs *revocations) add(r revocation, now time.Time) revocation {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if before, ok := rs.byKey[r.key()]; ok {
		r.At, r.Until = later(r.At, before.At), later(r.Until, before.Until)
	}
	if now.Before(r.Until) {
		rs.byKey[r.key()] = r
	}
	if len(rs.byKey) < rs.sweep {
		return r
	}
	for key, old := range rs.byKey {
		if !now.Before(old.Until) {
			delete(rs.byKey, key)
		}
	}
	rs.sweep = max(revocationSweep, 2*len(rs.byKey))
	return r
}

// equal reports whether two revocations of one key are the same.
func (r revocation) equal(other revocation) bool {
	return r.At.Equal(other.At) && r.Until.Equal(other.Until)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// refuses reports whether what a principal showed has been revoked. A credential that
// doesn't say when it was issued counts as older than any revocation: it may be.
func (rs *revocations) refuses(p auth.Principal, now time.Time) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if len(rs.byKey) == 0 {
		return false
	}
	for _, shown := range []revocation{{User: p.User}, {Ticket: p.Ticket}} {
		r, ok := rs.byKey[shown.key()]
		// Tokens count in whole seconds: one of the second of the revocation may have been
		// issued before it.
		if ok && now.Before(r.Until) && p.Issued.Before(r.At.Add(time.Second).Truncate(time.Second)) {
			return true
		}
	}
	return false
}

// revoke puts a revocation into force and ends what it concerns, here. It is in force
// first: a stream that begins meanwhile is either ended or asks after this. It returns
// what is in force then.
func (s *Server) revoke(r revocation) (inForce revocation, ended int) {
	inForce = s.revoked.add(r, time.Now())
	switch {
	case !time.Now().Before(r.Until):
		return inForce, 0
	case r.Ticket != "":
		return inForce, s.EndTicket(r.Ticket)
	}
	return inForce, s.EndUser(r.User)
}
