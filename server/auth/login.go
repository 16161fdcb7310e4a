package auth

import (
	"context"
	"crypto/sha256"
	"time"
)

// LoginKey tells logins apart. It is a hash: it shows nothing of a credential.
type LoginKey [sha256.Size]byte

// Login is something that open streams depend on, besides the clock: a session that the
// app may end, a ticket that may be revoked. Streams of equal keys depend on the same
// one, and are asked after together.
type Login struct {
	Key LoginKey
	Of  LoginKey // what it was made with, and ends with; zero: nothing

	// Renew asks whether it still holds. It returns the principal as it is now, with the
	// Login for the time after. It fails with an [*Error] when the login is over, and with
	// any other error when there is no answer. nil: there is nobody to ask.
	Renew func(context.Context) (Principal, error)
	Due   time.Time // when to Renew
	Until time.Time // how long streams may go on without an answer
}

// TicketKey is the key of the login of streams that were opened by the ticket of this id.
func TicketKey(id string) LoginKey { return sha256.Sum256([]byte("ticket\x00" + id)) }

// KeyLogin is the key of the login of streams that were opened with the portal's key of
// this id.
func KeyLogin(id string) LoginKey { return sha256.Sum256([]byte("key\x00" + id)) }
