package server

import (
	"net/http"

	"sluice/stream"
)

// carrier moves sessions' bytes to their clients. It owns the connection and the
// session from carry on.
type carrier interface {
	// reserve takes a place for one session to come: what the hub is to wake. It is given
	// back by carry, or by release where there is nothing to carry.
	reserve() place
	release(place)

	// carry sends the response's header and opening, and then what the session has, to its end; it
	// closes the session's subscription. The handler may return when it does.
	carry(w http.ResponseWriter, r *http.Request, p place, s session, opening []byte)

	// drain ends each session at a random moment of spread from now on, those still
	// to be carried too.
	drain(spread tick)
}

// place is where the hub finds a carrier's session.
type place struct {
	waker stream.WakerID
	token uint32
}
