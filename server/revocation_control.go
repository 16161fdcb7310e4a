package server

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"sluice/server/response"
	"sluice/server/status"
)

// Control carries revocations to the other gateways. It is declared here, where it is
// called; what speaks to Kafka implements it, and hands what it hears to
// [Server.ApplyControlMessage].
type Control interface {
	// Announce returns when the message can't get lost any more. A later one with the
	// same key may take its place.
	Announce(ctx context.Context, key string, message []byte) error
	// CaughtUp reports whether all that was announced before this gateway started has
	// been heard.
	CaughtUp() bool
}

// controlHearing is what a [Control] may say besides: since when revocations of other
// gateways may be missed, and why, in words without a secret. The zero time: none is.
type controlHearing interface {
	Unheard() (since time.Time, why string)
}

// unheard says how the control topic is not heard; nil: it is, or there is none.
func (s *Server) unheard() *status.ControlReadiness {
	c, says := s.cfg.Control.(controlHearing)
	if !says {
		return nil
	}
	return unheardBy(c)
}

func unheardBy(c controlHearing) *status.ControlReadiness {
	since, why := c.Unheard()
	if since.IsZero() {
		return nil
	}
	return &status.ControlReadiness{UnheardSince: response.Stamp(since), Why: why}
}

// readiness says how ready the gateway is with these streams.
func (s *Server) readiness(statuses []status.Stream, now time.Time) status.Readiness {
	r := status.Ready(statuses, s.gate.isShut(), !s.caughtUp(), s.wasReady.Load(), s.cfg.ReadyGrace, now)
	r.Control = s.unheard()
	if p := s.cfg.Portal; p != nil {
		r.Portal, r.NoKeys = unheardBy(p), !p.CaughtUp()
		r.Ready = r.Ready && !r.NoKeys
	}
	if r.Ready {
		s.wasReady.Store(true)
	}
	return r
}

// caughtUp reports whether every revocation that was announced before the start is in
// force.
func (s *Server) caughtUp() bool { return s.cfg.Control == nil || s.cfg.Control.CaughtUp() }

// ApplyControlMessage takes what the control topic says. Nobody waits for an answer:
// what is no revocation goes to the log.
func (s *Server) ApplyControlMessage(message []byte) {
	var r revocation
	err := json.Unmarshal(message, &r)
	if err == nil {
		err = r.check()
	}
	if err == nil && r.At.After(time.Now().Add(maxRevocationAhead)) { // it would refuse all that is issued until then
		err = errors.New("its time is yet to come")
	}
	if err != nil {
		s.cfg.Logger.Warn("the control topic has a message that is no revocation", "error", err)
		return
	}
	inForce, _ := s.revoke(r)
	if !inForce.equal(r) {
		s.keepLonger(r, inForce)
	}
}

// keepLonger announces what is in force when a message is heard that says less. On a
// compacted topic that message replaces the one that said more, and a gateway that starts
// would know only the lesser. This happens when two gateways were asked at about the same
// time. Each that notices says what both come to, after which nobody has anything to add.
func (s *Server) keepLonger(heard, inForce revocation) {
	if s.cfg.Control == nil || !time.Now().Before(inForce.Until) {
		return
	}
	key := heard.key()
	s.merging.mu.Lock()
	known, busy := s.merging.byKey[key]
	if s.stop.Err() != nil || busy && known.equal(inForce) || len(s.merging.byKey) >= maxMerging {
		s.merging.mu.Unlock()
		return
	}
	s.merging.byKey[key] = inForce
	s.merging.wg.Go(func() {
		if !s.caughtUp() { // what was said before the start has been settled by others
		} else if err := s.announce(s.stop, inForce); err != nil && s.stop.Err() == nil {
			s.cfg.Logger.Error("the longer of two revocations could not be announced: a gateway that starts may know the shorter one only", "error", err)
		}
		s.merging.mu.Lock()
		defer s.merging.mu.Unlock()
		if s.merging.byKey[key].equal(inForce) {
			delete(s.merging.byKey, key)
		}
	})
	s.merging.mu.Unlock()
}

// maxMerging is how many revocations are announced anew at a time.
const maxMerging = 64

// wait returns when nothing is announced any more. The server's stop is done.
func (m *merging) wait() {
	m.mu.Lock()
	m.mu.Unlock() //nolint:staticcheck // who began before has counted by now
	m.wg.Wait()
}

// merging are the revocations that are being announced anew.
type merging struct {
	wg sync.WaitGroup

	mu    sync.Mutex // guards byKey
	byKey map[string]revocation
}
