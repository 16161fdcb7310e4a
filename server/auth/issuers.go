package auth

import (
	"errors"
	"net/http"
	"slices"
)

// Issuers takes tokens of several issuers. Each that looks for tokens where the request
// has one is tried with it; one that believes it is enough. The first source that holds a
// token decides: a bad one there is not made good by another one elsewhere.
type Issuers []*JWT

// telling orders reasons by how far a token got before it was refused.
var telling = []Reason{ReasonMissing, ReasonMalformed, ReasonIssuer, ReasonAlgorithm, ReasonSignature, ReasonAudience, ReasonNotYet, ReasonExpired, ReasonNoExpiry, ReasonUser}

// Authenticate verifies the request's token. Refused by all, it fails as with the issuer
// that came nearest; where one can't tell now, that one might have taken it.
func (s Issuers) Authenticate(r *http.Request) (Principal, error) {
	var nearest *Error
	var unsure error
	from, token := s.find(r)
	if token == "" {
		return Principal{}, noToken()
	}
	for _, j := range s {
		if !slices.Contains(j.cfg.From, from) {
			continue
		}
		principal, err := j.take(r, token)
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

// find returns the request's token, and where it is; "": there is none.
func (s Issuers) find(r *http.Request) (from CredentialSource, token string) {
	for _, j := range s {
		for _, source := range j.cfg.From {
			if token := source.token(r); token != "" {
				return source, token
			}
		}
	}
	return CredentialSource{}, ""
}

// Close ends the fetching of keys.
func (s Issuers) Close() error {
	var errs []error
	for _, j := range s {
		errs = append(errs, j.Close())
	}
	return errors.Join(errs...)
}
