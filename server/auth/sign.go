package auth

import (
	"encoding/json"
	"errors"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// ErrVerifiesOnly is of keys that tokens can't be signed with.
var ErrVerifiesOnly = errors.New("the key is public: it verifies tokens and can't sign them")

// SignToken signs claims as the compact form of a JWT (RFC 7519) with HS256. Keys that
// are not one shared secret fail with [ErrVerifiesOnly].
func SignToken(keys Keys, claims map[string]any) (string, error) {
	key, ok := keys.(Key)
	if !ok || !key.IsSet() {
		return "", ErrVerifiesOnly
	}
	secret, ok := key.k.material().([]byte)
	if !ok {
		return "", ErrVerifiesOnly
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, "JWT"); err != nil {
		return "", err
	}
	token, err := jws.Sign(payload, jws.WithKey(jwa.HS256(), secret, jws.WithProtectedHeaders(header)))
	return string(token), err
}
