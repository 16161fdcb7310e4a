package auth

import (
	"net/http"
	"net/url"
	"unicode/utf8"
)

// None believes the query parameter user. It is for trying things out: a caller can claim
// any name.
type None struct{}

// Authenticate takes the user from the query.
func (None) Authenticate(r *http.Request) (Principal, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Principal{}, noUser(ReasonMalformed, "The query can't be read.")
	}
	user := query.Get("user")
	switch {
	case user == "":
		return Principal{}, noUser(ReasonMissing, "The query has no user parameter.")
	case len(user) > MaxUser:
		return Principal{}, noUser(ReasonUser, "The user parameter is too long.")
	case !utf8.ValidString(user):
		return Principal{}, noUser(ReasonUser, "The user parameter is not UTF-8.")
	}
	return Principal{User: user}, nil
}

// noUser names an invented scheme in the challenge: RFC 9110 wants one with
// every 401, and Bearer would send the caller looking for a token.
func noUser(reason Reason, detail string) *Error {
	return &Error{Reason: reason, Detail: detail, Challenge: `Query realm="sluice"`}
}
