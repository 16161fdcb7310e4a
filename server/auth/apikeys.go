package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
)

// apiKeyPrefix lets people, and scanners of repositories, see what such a text is.
const apiKeyPrefix = "sluice_"

// hashPrefix names how a key is hashed. One fast hash is enough, and cheap to check. A
// key is 32 random bytes, which nobody can guess. A slow hash would only give strangers
// work to hand out.
const hashPrefix = "sha256:"

// APIKey is a back end's key, as it is kept: hashed.
type APIKey struct {
	Name string // its holder, for logs
	hash KeyHash
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

// APIKeys are the keys of back ends.
type APIKeys []APIKey

// ShowsAPIKey reports whether a request shows what is an API key by its looks.
func ShowsAPIKey(r *http.Request) bool { return strings.HasPrefix(bearer(r), apiKeyPrefix) }

// Check finds whose key a request carries as Authorization: Bearer. It fails with an
// [*Error].
func (k APIKeys) Check(r *http.Request) (name string, err error) {
	text := bearer(r)
	if text == "" {
		return "", &Error{ReasonMissing, "The request carries no API key.", `Bearer realm="sluice"`}
	}
	sum := sha256.Sum256([]byte(text))
	found := -1
	for i := range k {
		if subtle.ConstantTimeCompare(sum[:], k[i].hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return "", &Error{ReasonKey, "The API key is not known.", `Bearer realm="sluice"`}
	}
	return k[found].Name, nil
}
