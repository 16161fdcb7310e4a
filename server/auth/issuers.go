package auth

import (
	"errors"
	"net/http"
	"slices"
)

// Issuers takes tokens of several issuers. Each is tried; one that believes the token is enough.
type Issuers []*JWT

// telling orders reasons by how far a token got before it was refused.
var telling = []Reason{ReasonMissing, ReasonMalformed, ReasonIssuer, ReasonAlgorithm, ReasonSignature, ReasonAudience, ReasonNotYet, ReasonExpired, ReasonUser}

// Authenticate verifies the request's token. Refused by all, it fails as with the issuer that came nearest; where
// one can't tell now, that one might have taken it.
func (s Issuers) Authenticate(r *http.Request) (Principal, error) {
	var nearest *Error
	var unsure error
	for _, j := range s {
		principal, err := j.Authenticate(r)
		if err == nil {
			return principal, nil
		}
		var refused *Error
		if !errors.As(err, &refused) {
			unsure = err
			continue
		}
		if nearest == nil || slices.Index(telling, refused.Reason) > slices.Index(telling, nearest.Reason) {
			nearest = refused
		}
	}
	if unsure != nil {
		return Principal{}, unsure
	}
	return Principal{}, nearest
}

// Close ends the fetching of keys.
func (s Issuers) Close() error {
	var errs []error
	for _, j := range s {
		errs = append(errs, j.Close())
	}
	return errors.Join(errs...)
}
