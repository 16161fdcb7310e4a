package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v3/jwt"

	"sluice/stream"
)

const (
	defaultUserClaim  = "sub"
	defaultRolesClaim = "roles"
)

// Claims says which claims of a token mean what. A name is first looked for as it stands,
// then as a path ("realm_access.roles").
type Claims struct {
	User    string // default sub
	Roles   string // default roles; scope and scp count too
	Streams string // narrows what the token may read, where a token has it; "": nothing does
}

func (c Claims) withDefaults() Claims {
	if c.User == "" {
		c.User = defaultUserClaim
	}
	if c.Roles == "" {
		c.Roles = defaultRolesClaim
	}
	return c
}

// principal checks the claims of a verified payload.
func (c Claims) principal(payload []byte, now time.Time, leeway time.Duration, checks []jwt.ValidateOption) (Principal, error) {
	token := jwt.New()
	if err := json.Unmarshal(payload, token); err != nil {
		return Principal{}, invalid(ReasonMalformed, "The token's claims can't be read.")
	}
	clock := jwt.WithClock(jwt.ClockFunc(func() time.Time { return now }))
	if err := jwt.Validate(token, append([]jwt.ValidateOption{clock, jwt.WithAcceptableSkew(leeway)}, checks...)...); err != nil {
		return Principal{}, refusal(err)
	}
	user, ok := text(claim(payload, c.User))
	if !ok {
		return Principal{}, invalid(ReasonUser, "The token names no user.")
	}
	p := Principal{User: user}
	for _, name := range []string{c.Roles, "scope", "scp"} {
		roles, _ := words(claim(payload, name)) // what isn't readable grants nothing
		p.Roles = append(p.Roles, roles...)
	}
	if c.Streams != "" {
		if literal := claim(payload, c.Streams); literal != nil {
			if p.Streams, ok = words(literal); !ok {
				return Principal{}, invalid(ReasonMalformed, "The token's claims can't be read.")
			}
		}
	}
	if issued, ok := token.IssuedAt(); ok {
		p.Issued = stream.BoundTime(issued)
	}
	if expires, ok := token.Expiration(); ok {
		p.Expires = expires
		if !now.Before(expires) {
			// Let in by the leeway, so the leeway is what it has left: ending at exp
			// would end the stream at once, and the client would come straight back.
			p.Expires = expires.Add(leeway)
		}
		p.Expires = stream.BoundTime(p.Expires) // a token may say any year
	}
	return p, nil
}

// refusal says which check failed.
func refusal(err error) *Error {
	switch {
	case errors.Is(err, jwt.TokenExpiredError()):
		return invalid(ReasonExpired, "The token has expired.")
	case errors.Is(err, jwt.TokenNotYetValidError()), errors.Is(err, jwt.InvalidIssuedAtError()):
		return invalid(ReasonNotYet, "The token is not valid yet.")
	case errors.Is(err, jwt.InvalidIssuerError()):
		return invalid(ReasonIssuer, "The token's issuer is not accepted.")
	case errors.Is(err, jwt.InvalidAudienceError()):
		return invalid(ReasonAudience, "The token is for another audience.")
	default:
		return invalid(ReasonMalformed, "The token lacks a claim.")
	}
}

// claim finds a member of a JSON object, as it is written; nil: there is none.
func claim(object []byte, name string) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return nil
	}
	if literal, ok := members[name]; ok {
		return bytes.TrimSpace(literal)
	}
	first, rest, ok := strings.Cut(name, ".")
	if !ok {
		return nil
	}
	return claim(members[first], rest)
}

// text reads a user: a string as it is, a number by its literal text
// (10000000, not 1e+07), as a record's user is read. Anything else is no user.
func text(literal []byte) (user string, ok bool) {
	switch {
	case len(literal) == 0:
		return "", false
	case literal[0] == '"':
		if json.Unmarshal(literal, &user) != nil {
			return "", false
		}
	case literal[0] == '-' || '0' <= literal[0] && literal[0] <= '9':
		user = string(literal)
	}
	// A lone surrogate decodes to U+FFFD, so that two different ids would be one.
	return user, user != "" && len(user) <= MaxUser && !strings.ContainsRune(user, utf8.RuneError)
}

// words reads a list of names: a JSON array of strings, or a string with spaces or commas
// between them. The list is not nil, even when it has nothing.
func words(literal []byte) (list []string, ok bool) {
	list = []string{}
	if len(literal) == 0 {
		return list, true
	}
	if literal[0] == '"' {
		var one string
		if json.Unmarshal(literal, &one) != nil {
			return list, false
		}
		return append(list, strings.FieldsFunc(one, func(r rune) bool { return r == ' ' || r == ',' })...), true
	}
	if literal[0] != '[' || json.Unmarshal(literal, &list) != nil {
		return []string{}, false
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "" }), true
}

// invalid is RFC 6750 section 3.1's invalid_token. Detail is one of this package's
// constants, so that it is safe inside a quoted string.
func invalid(reason Reason, detail string) *Error {
	return &Error{reason, detail, `Bearer realm="sluice", error="invalid_token", error_description="` + detail + `"`}
}
