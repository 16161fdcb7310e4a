package auth

import (
	"errors"
	"io"
	"net/http"
)

// First asks sources in turn. The first one that finds a credential of its kind decides:
// a bad token is not made good by a cookie that comes along with it.
type First []Authenticator

// Authenticate returns what the first source says that finds anything.
func (f First) Authenticate(r *http.Request) (Principal, error) {
	missing := &Error{Reason: ReasonMissing, Detail: "The request carries no credentials."}
	for _, source := range f {
		principal, err := source.Authenticate(r)
		var refused *Error
		if !errors.As(err, &refused) || refused.Reason != ReasonMissing {
			return principal, err
		}
		if missing.Challenge == "" {
			missing.Challenge = refused.Challenge
		}
	}
	return Principal{}, missing
}

// Close closes the sources that keep something running.
func (f First) Close() error {
	var errs []error
	for _, source := range f {
		if c, ok := source.(io.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
