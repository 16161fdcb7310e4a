// Package auth says who a request speaks for. A source of identity is an
// [Authenticator]; what it finds is a [Principal]; why it finds none is an
// [*Error], which is written to be shown to the caller.
//
// Secrets stand behind funcs, so that no value of this package shows one however
// it is printed: fmt follows pointers and unexported fields, but no func.
//
// Sources of identity are tokens (jwt.go, and issuers.go for several issuers), cookies of
// Auth.js (authjs.go) and tickets (tickets.go). forward.go asks the app itself. Its
// questions are in forward_ask.go, and their line in forward_line.go. none.go believes
// everybody. first_source.go asks several in turn.
//
// credential_source.go says where a request may carry one, and credential_ways.go says it
// to callers. claims.go makes a principal of a token's claims, and login.go has what may
// end before its time. caller_address.go hands a request's address on. apikeys.go is for
// back ends, and portal_keys.go for those of developers.
//
// Keys are in key.go, public ones of an issuer in keyset.go, and jwks.go fetches those.
// rotating.go takes keys that change, and sign.go signs with them. auth.go has the types.
package auth

import (
	"errors"
	"net/http"
	"slices"
	"time"
)

// MaxUser is the longest user id taken, in bytes.
const MaxUser = 1024

// Anyone among the roles of a stream lets callers without an identity read it.
const Anyone = "anyone"

// Principal is who a request speaks for, and what it may see.
type Principal struct {
	User    string    // compared byte for byte with a record's users; "": nobody, see Subject
	Roles   []string  // roles and scopes
	Streams []string  // the only streams it may read; nil: not narrowed
	Subject string    // by a ticket without a user: the one subject of Streams[0] that it may read, with the events of any user
	Ticket  string    // the id of the ticket it was let in by, "" if by something else
	Key     string    // the id of the portal's key that let it in, or that made its ticket; "": no such key
	Actions []string  // what that key may be used for; see Allows
	Issued  time.Time // since when the identity holds; zero: it doesn't say
	Expires time.Time // when it ends, and with it the stream; zero: it doesn't say

	// Login is what can end before Expires; nil: nothing can.
	Login *Login

	// Claim takes what can be had only once, just before a stream is opened; nil: nothing to
	// take. It fails with an [*Error]. release gives it back, where no stream came of it.
	// With the Note among those of the id that the request resumes at it is for a stream
	// that comes back, which may.
	Claim func(notes []string) (release func(), err error)
	Note  string // to be at the end of the ids of its stream; "" without Claim
}

// Allows reports whether a principal may do such a thing at all. A key of the portal is
// for some actions only, and everything else is for all.
func (p Principal) Allows(action string) bool {
	return p.Key == "" || slices.Contains(p.Actions, action)
}

// Authenticator finds out who a request speaks for.
//
// It is called once for each request, concurrently, before anything is read or sent. It
// fails with an [*Error] when the request proves no identity. A request that carries no
// credential of this source's kind at all fails with [ReasonMissing], so that sources can
// be tried in turn. It fails with [ErrUnavailable] when it can't tell now.
//
// One that is an io.Closer keeps something running until it is closed.
type Authenticator interface {
	Authenticate(r *http.Request) (Principal, error)
}

// ErrUnavailable says that who is asking can't be told now: the caller has only to wait.
// What wraps it says why, for operators.
var ErrUnavailable = errors.New("auth: can't be told now")

// Reason classes an [Error]. It is a metric label: a fixed set, never input.
type Reason string

const (
	ReasonMissing   Reason = "missing"       // no credential in the request
	ReasonMalformed Reason = "malformed"     // a credential that can't be read
	ReasonAlgorithm Reason = "algorithm"     // signed in a way that isn't accepted
	ReasonSignature Reason = "signature"     // not signed, or sealed, by an accepted key
	ReasonExpired   Reason = "expired"       // exp has passed
	ReasonNoExpiry  Reason = "no_expiry"     // has no exp, and must have one
	ReasonNotYet    Reason = "not_yet_valid" // nbf or iat lies ahead
	ReasonIssuer    Reason = "issuer"        // iss is another's
	ReasonAudience  Reason = "audience"      // aud is another's
	ReasonUser      Reason = "user"          // proves something, but no user
	ReasonSession   Reason = "session"       // the app knows no such session
	ReasonUsed      Reason = "used"          // may be used once, and was
	ReasonKey       Reason = "key"           // an API key nobody has
	ReasonRevoked   Reason = "revoked"       // was good, and has been revoked
)

// Reasons are all of them.
var Reasons = []Reason{
	ReasonMissing, ReasonMalformed, ReasonAlgorithm, ReasonSignature, ReasonExpired, ReasonNoExpiry, ReasonNotYet, ReasonIssuer, ReasonAudience,
	ReasonUser, ReasonSession, ReasonUsed, ReasonKey, ReasonRevoked,
}

// Error says why a request proves no identity. Detail goes to the caller: it
// says what was missing or wrong in the request, never what would have been
// accepted, and holds nothing of the credential itself.
type Error struct {
	Reason    Reason
	Detail    string
	Challenge string // the value of WWW-Authenticate; only visible ASCII
}

func (e *Error) Error() string { return "auth: " + e.Detail }
