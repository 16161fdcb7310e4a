// Package auth says who a request speaks for. A source of identity is an
// [Authenticator]; what it finds is a [Principal]; why it finds none is an
// [*Error], which is written to be shown to the caller.
package auth

import (
	"net/http"
	"time"
)

// MaxUser is the longest user id taken, in bytes.
const MaxUser = 1024

// Principal is who a request speaks for.
type Principal struct {
	User    string    // compared byte for byte with a record's users; never empty
	Expires time.Time // when the identity ends, and with it the stream; zero: it doesn't say
}

// Authenticator finds out who a request speaks for.
//
// It is called once for each request, concurrently, before anything is read or
// sent. It fails with an [*Error] when the request proves no identity; a request
// that carries no credential of this source's kind at all fails with
// [ReasonMissing], so that sources can be tried in turn.
type Authenticator interface {
	Authenticate(r *http.Request) (Principal, error)
}

// Reason classes an [Error]. It is a metric label: a fixed set, never input.
type Reason string

const (
	ReasonMissing   Reason = "missing"       // no credential in the request
	ReasonMalformed Reason = "malformed"     // a credential that can't be read
	ReasonAlgorithm Reason = "algorithm"     // signed in a way that isn't accepted
	ReasonSignature Reason = "signature"     // not signed by an accepted key
	ReasonExpired   Reason = "expired"       // exp has passed
	ReasonNotYet    Reason = "not_yet_valid" // nbf or iat lies ahead
	ReasonIssuer    Reason = "issuer"        // iss is another's
	ReasonAudience  Reason = "audience"      // aud is another's
	ReasonUser      Reason = "user"          // proves something, but no user
)

// Error says why a request proves no identity. Detail goes to the caller: it
// says what was missing or wrong in the request, never what would have been
// accepted, and holds nothing of the credential itself.
type Error struct {
	Reason    Reason
	Detail    string
	Challenge string // the value of WWW-Authenticate; only visible ASCII
}

func (e *Error) Error() string { return "auth: " + e.Detail }
