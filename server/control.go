package server

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// Control carries revocations to the other gateways. It is declared here, where it is called; what speaks to Kafka implements it,
// and hands what it hears to [Server.Hear].
type Control interface {
	// Announce returns when the message can't get lost any more. A later one with the same key may take its place.
	Announce(ctx context.Context, key string, message []byte) error
	// CaughtUp reports whether all that was announced before this gateway started has been heard.
	CaughtUp() bool
}

// caughtUp reports whether every revocation that was announced before the start is in force.
func (s *Server) caughtUp() bool { return s.cfg.Control == nil || s.cfg.Control.CaughtUp() }

// Hear takes what the control topic says. Nobody waits for an answer: what is no revocation goes to the log.
func (s *Server) Hear(message []byte) {
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
	s.revoke(r)
}
