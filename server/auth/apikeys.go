package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
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
	hash [sha256.Size]byte
}

// NewAPIKey makes a key: the text for its owner, which is kept nowhere, and its hash for
// the file of keys.
func NewAPIKey() (text, hash string) {
	var random [32]byte
	rand.Read(random[:])
	text = apiKeyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(text))
	return text, hashPrefix + hex.EncodeToString(sum[:])
}

// ParseAPIKey reads a hash that NewAPIKey made.
func ParseAPIKey(name, hash string) (APIKey, error) {
	k := APIKey{Name: name}
	digits, ok := strings.CutPrefix(hash, hashPrefix)
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != len(k.hash) {
		return k, errors.New("its hash is not " + hashPrefix + "… as sluice keys new writes it")
	}
	copy(k.hash[:], sum)
	return k, nil
}

// APIKeys are the keys of back ends.
type APIKeys []APIKey

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
