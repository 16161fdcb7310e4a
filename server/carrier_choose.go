package server

import (
	"errors"
	"net/http"

	"sluice/server/hold"
)

// carriers are the ways a server carries sessions: held where that is possible, on a
// goroutine elsewhere; and polls, which wait for one answer.
type carriers struct {
	polls    *polls
	held     *held // nil: not on this system, or not wanted
	ordinary *goroutines
}

func (c *carriers) start(s *Server) error {
	c.polls = newPolls(s.cfg.Hub)
	c.ordinary = newGoroutines(s)
	if s.cfg.Goroutines {
		return nil
	}
	held, err := newHeld(s)
	if errors.Is(err, hold.ErrUnsupported) {
		return nil
	}
	c.held = held
	return err
}

// carrierFor chooses who carries a request's stream.
func (c *carriers) carrierFor(w http.ResponseWriter, r *http.Request) carrier {
	if c.held != nil && c.held.holder.Can(w, r) {
		return c.held
	}
	return c.ordinary
}

// wakes is how often the holder's workers have woken.
func (c *carriers) wakes() uint64 {
	if c.held == nil {
		return 0
	}
	return c.held.holder.Wakes()
}

func (c *carriers) all() []carrier {
	if c.held == nil {
		return []carrier{c.ordinary}
	}
	return []carrier{c.ordinary, c.held}
}

func (c *carriers) drain(spread tick) {
	for _, carrier := range c.all() {
		carrier.drain(spread)
	}
}

func (c *carriers) stop() {
	for _, carrier := range c.all() {
		carrier.stop()
	}
}

func (c *carriers) close() {
	for _, carrier := range c.all() {
		carrier.close()
	}
}

// Held is how many connections are held outside net/http now. Each has a descriptor.
func (s *Server) Held() int {
	if s.held == nil {
		return 0
	}
	return s.held.holder.Places()
}
