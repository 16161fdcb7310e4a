package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
)

// portalKeyPrefix is of keys that developers make in the portal. It tells them from a
// token, which comes in the same header, and from the key of a back end.
const portalKeyPrefix = "sluicep_"

// What a key of the portal may be used for.
const (
	ActionRead    = "read"    // events and states, over each transport
	ActionTickets = "tickets" // POST /tickets, for its owner
	ActionPublish = "publish" // POST /publish, where the gateway has it
)

// KeyHash is what is kept of a key.
type KeyHash [sha256.Size]byte

// String is how a hash is written where keys are kept.
func (h KeyHash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// ParseKeyHash reads what String wrote.
func ParseKeyHash(text string) (h KeyHash, err error) {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != len(h) {
		return h, errors.New("its hash is not " + hashPrefix + "… as sluice keys new writes it")
	}
	copy(h[:], sum)
	return h, nil
}

// newKey makes a key that begins so: the text for its owner, which is kept nowhere, and
// its hash.
func newKey(prefix string) (text string, hash KeyHash) {
	var random [32]byte
	rand.Read(random[:])
	text = prefix + base64.RawURLEncoding.EncodeToString(random[:])
	return text, sha256.Sum256([]byte(text))
}

// NewPortalKey makes a key for a developer: its text, which is shown once, and its hash,
// by which the portal finds it.
func NewPortalKey() (text string, hash KeyHash) { return newKey(portalKeyPrefix) }

// ShowsPortalKey reports whether a request shows what is a key of the portal by its
// looks.
func ShowsPortalKey(r *http.Request) bool { return strings.HasPrefix(bearer(r), portalKeyPrefix) }

// PortalKeys finds who a key of the portal speaks for, by its hash. It fails with an
// [*Error], or with [ErrUnavailable] while that can't be told.
//
// A lookup by hash may take different times for different hashes. That tells nothing
// that is of use: nobody can choose a key for its hash.
type PortalKeys func(hash KeyHash) (Principal, error)

// Authenticate takes the key of an Authorization header. Any other token there is not
// this source's.
func (k PortalKeys) Authenticate(r *http.Request) (Principal, error) {
	text := bearer(r)
	if !strings.HasPrefix(text, portalKeyPrefix) {
		return Principal{}, &Error{Reason: ReasonMissing, Detail: "The request carries no key of the portal."}
	}
	return k(sha256.Sum256([]byte(text)))
}

func (PortalKeys) ways() []Way {
	return []Way{{Kind: "key", In: InHeader, Name: "Authorization", Scheme: "Bearer"}}
}
