package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
)

// apiKeyPrefix lets people, and scanners of repositories, see what such a text is.
const apiKeyPrefix = "sluice_"

// hashPrefix names how a key is hashed. One fast hash is enough, and cheap to check. A
// key is 32 random bytes, which nobody can guess. A slow hash would only give strangers
// work to hand out.
const hashPrefix = "sha256:"

// What a back end's key may be used for, besides [ActionTickets] and [ActionPublish].
const (
	ActionRevoke = "revoke" // POST /revoke
	ActionAdmin  = "admin"  // the admin address, with admin_auth.api_keys
)

// KeyActions are what a back end's key may be used for.
var KeyActions = []string{ActionTickets, ActionRevoke, ActionPublish, ActionAdmin}

// ErrScope says that a key is good, and not for this.
var ErrScope = errors.New("auth: the key is not for this")

// APIKey is a back end's key, as it is kept: hashed.
type APIKey struct {
	Name    string    // its holder, for logs
	Actions []string  // what it is for; nil: everything
	Streams []string  // the only ones that it makes tickets for, or publishes to; nil: not narrowed
	Expires time.Time // zero: never

	Until time.Time // how long the key that this one replaced is good still; zero: it isn't

	hash     KeyHash
	previous KeyHash
}

// NewAPIKey makes a key: the text for its owner, which is kept nowhere, and its hash for
// the file of keys.
func NewAPIKey() (text, hash string) {
	text, sum := newKey(apiKeyPrefix)
	return text, sum.String()
}

// ParseAPIKey reads a hash that NewAPIKey made.
func ParseAPIKey(name, hash string) (APIKey, error) {
	sum, err := ParseKeyHash(hash)
	return APIKey{Name: name, hash: sum}, err
}

// Replaced has the key that was there before be good until a time.
func (k *APIKey) Replaced(hash string, until time.Time) (err error) {
	k.previous, err = ParseKeyHash(hash)
	k.Until = until
	return err
}

// APIKeys are the keys of back ends.
type APIKeys []APIKey

// ShowsAPIKey reports whether a request shows what is an API key by its looks.
func ShowsAPIKey(r *http.Request) bool { return strings.HasPrefix(bearer(r), apiKeyPrefix) }

// Check finds whose key a request carries as Authorization: Bearer. It fails with an
// [*Error], or with [ErrScope] where the key is not for the action.
func (k APIKeys) Check(r *http.Request, action string) (key APIKey, err error) {
	text := bearer(r)
	if text == "" {
		return key, &Error{ReasonMissing, "The request carries no API key.", `Bearer realm="sluice"`}
	}
	sum, now := sha256.Sum256([]byte(text)), time.Now()
	found, expired := -1, false
	for i := range k {
		one := &k[i]
		if subtle.ConstantTimeCompare(sum[:], one.hash[:]) == 1 {
			found, expired = i, !one.Expires.IsZero() && !now.Before(one.Expires)
		}
		if !one.Until.IsZero() && subtle.ConstantTimeCompare(sum[:], one.previous[:]) == 1 {
			found, expired = i, !now.Before(one.Until)
		}
	}
	switch {
	case found < 0:
		return key, &Error{ReasonKey, "The API key is not known.", `Bearer realm="sluice"`}
	case expired:
		return key, &Error{ReasonExpired, "The API key has expired.", `Bearer realm="sluice"`}
	case k[found].Actions != nil && !slices.Contains(k[found].Actions, action):
		return key, ErrScope
	}
	return k[found], nil
}
