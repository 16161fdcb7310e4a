package server

import (
	"errors"
	"net/http"

	"sluice/server/hold"
	"sluice/stream"
)

// carrier moves sessions' bytes to their clients. It owns the connection and the
// session from carry on.
type carrier interface {
	// reserve takes a slot for one session to come: what the hub is to wake. It is given
	// back by carry, or by release where there is nothing to carry.
	reserve() wakeTarget
	release(wakeTarget)

	kind() carrierKind

	// carry sends the response's header and opening, and then what the session has, to
	// its end. It closes the session's subscription and leaves the gate for it, which
	// may be after carry has returned.
	carry(w http.ResponseWriter, r *http.Request, p wakeTarget, s session, opening []byte)

	// drain ends each session at a random moment of spread from now on, those still
	// to be carried too.
	drain(spread tick)

	// stop ends each session now.
	stop()

	// close frees what the carrier keeps. The last session has ended before.
	close()
}

// carrierKind is what carries a connection, as operators are told.
type carrierKind uint8

const (
	byHolder carrierKind = iota
	byGoroutine
	byPoll
	byWebSocket
)

func (k carrierKind) String() string {
	return [...]string{"held", "goroutine", "poll", "websocket"}[k]
}

// wakeTarget is where the hub finds a carrier's session.
type wakeTarget struct {
	waker stream.WakerID
	token uint32
	slot  hold.SlotRef // for the carrier that holds
}

// carriers are the ways a server carries sessions: held where that is possible, on a
// goroutine elsewhere; and polls, which wait for one answer.
type carriers struct {
	polls    *polls
	held     *held // nil: not on this system, or not wanted
	ordinary *goroutines
	sockets  *websockets
}

func (c *carriers) start(s *Server) error {
	c.polls = newPolls(s.cfg.Hub)
	c.ordinary = newGoroutines(s)
	c.sockets = &websockets{goroutines: c.ordinary}
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
	if c.canHold(w, r) {
		return c.held
	}
	return c.ordinary
}

// canHold reports whether the connection of a request may be held outside net/http.
func (c *carriers) canHold(w http.ResponseWriter, r *http.Request) bool {
	return c.held != nil && c.held.holder.Can(w, r)
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
	return s.held.holder.InUse()
}
