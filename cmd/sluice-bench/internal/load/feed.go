package load

import "context"

// A feeder brings events into a server, as its producers would.
type Feeder interface {
	// send hands one event over for a user, or with user "" for everyone, and may
	// return before it is accepted. It keeps data.
	Send(ctx context.Context, user string, data []byte) error
	// flush returns when all that was sent has been accepted, or with the first error.
	Flush(ctx context.Context) error
	Close()
}
