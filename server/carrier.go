package server

import (
	"net/http"

	"sluice/server/hold"
	"sluice/stream"
)

// carrier moves sessions' bytes to their clients. It owns the connection and the
// session from carry on.
type carrier interface {
	// reserve takes a place for one session to come: what the hub is to wake. It is given
	// back by carry, or by release where there is nothing to carry.
	reserve() place
	release(place)

	kind() carrierKind

	// carry sends the response's header and opening, and then what the session has, to
	// its end. It closes the session's subscription and leaves the gate for it, which
	// may be after carry has returned.
	carry(w http.ResponseWriter, r *http.Request, p place, s session, opening []byte)

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
)

func (k carrierKind) String() string { return [...]string{"held", "goroutine", "poll"}[k] }

// place is where the hub finds a carrier's session.
type place struct {
	waker stream.WakerID
	token uint32
	held  hold.Place // for the carrier that holds
}
