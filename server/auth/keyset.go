package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// KeySet is the public keys of an issuer (RFC 7517).
type KeySet struct{ keys []Key }

// ParseKeySet reads a JSON Web Key Set. Keys that can't verify a token, of other kinds or
// for other uses, are passed over; a set that has no other is an error.
func ParseKeySet(text []byte) (KeySet, error) {
	set, err := jwk.Parse(text, jwk.WithIgnoreParseError(true)) // of a key of a kind not known here
	if err != nil {
		return KeySet{}, errors.New("it is no JSON Web Key Set")
	}
	var s KeySet
	var last error
	for i := range set.Len() {
		entry, _ := set.Key(i)
		key, err := verifier(entry)
		if err != nil {
			last = err
			continue
		}
		s.keys = append(s.keys, key)
	}
	switch {
	case len(s.keys) > 0:
		return s, nil
	case last != nil:
		return s, fmt.Errorf("it has no key that verifies a token: %w", last)
	default:
		return s, errors.New("it has no keys")
	}
}

// verifier makes a Key of an entry. A private key stands for its public one; a shared
// secret has no place among public keys.
func verifier(entry jwk.Key) (Key, error) {
	if use, ok := entry.KeyUsage(); ok && use != "" && use != jwk.ForSignature.String() {
		return Key{}, fmt.Errorf("a key is for the use %.20q", use)
	}
	public, err := entry.PublicKey()
	if err != nil {
		return Key{}, errors.New("a key can't be read")
	}
	var material any
	if err := jwk.Export(public, &material); err != nil {
		return Key{}, errors.New("a key can't be read")
	}
	id, _ := entry.KeyID()
	key, err := newPublicKey(id, material)
	if err != nil {
		return Key{}, err
	}
	named, ok := entry.Algorithm()
	if !ok {
		return key, nil
	}
	for _, a := range key.k.algorithms {
		if a.String() == named.String() {
			key.k.algorithms = key.k.algorithms[:0:0]
			key.k.algorithms = append(key.k.algorithms, a)
			return key, nil
		}
	}
	return Key{}, fmt.Errorf("a key is for the algorithm %.20q", named.String())
}

func (s KeySet) empty() bool { return len(s.keys) == 0 }

// find returns the keys of an id, and those without one; without an id any may be meant.
func (s KeySet) find(_ context.Context, kid string) ([]Key, error) {
	var found []Key
	for _, key := range s.keys {
		if kid == "" || key.k.id == "" || key.k.id == kid {
			found = append(found, key)
		}
	}
	return found, nil
}
