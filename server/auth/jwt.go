package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

const (
	defaultUserClaim = "sub"
	defaultLeeway    = 5 * time.Second

	// maxToken bounds what is parsed. Headers are bounded before, so this only
	// has to be large enough for any cookie (4 KB) and most headers.
	maxToken = 12 << 10
)

// JWTConfig describes the tokens a [JWT] accepts.
type JWTConfig struct {
	Key       Key           // required
	Issuer    string        // iss must be this; "": not looked at
	Audience  string        // aud must hold this; "": not looked at
	UserClaim string        // default sub
	Cookie    string        // a cookie that may carry the token, beside Authorization: Bearer; "": none
	Leeway    time.Duration // how far clocks may differ; default 5 s
}

// JWT takes signed tokens (RFC 7519) from Authorization: Bearer, or a cookie.
type JWT struct {
	key       Key
	userClaim string
	cookie    string
	leeway    time.Duration
	checks    []jwt.ValidateOption
}

// NewJWT fails when the config has no key.
func NewJWT(cfg JWTConfig) (*JWT, error) {
	if len(cfg.Key.algorithms) == 0 {
		return nil, errors.New("auth: jwt has no key: give it a secret or a public key")
	}
	j := &JWT{key: cfg.Key, userClaim: cfg.UserClaim, cookie: cfg.Cookie, leeway: cfg.Leeway}
	if j.userClaim == "" {
		j.userClaim = defaultUserClaim
	}
	if j.leeway == 0 {
		j.leeway = defaultLeeway
	}
	j.checks = []jwt.ValidateOption{jwt.WithAcceptableSkew(j.leeway)}
	if cfg.Issuer != "" {
		j.checks = append(j.checks, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		j.checks = append(j.checks, jwt.WithAudience(cfg.Audience))
	}
	return j, nil
}

// Authenticate verifies the request's token.
func (j *JWT) Authenticate(r *http.Request) (Principal, error) {
	token := bearer(r)
	if token == "" && j.cookie != "" {
		if cookie, err := r.Cookie(j.cookie); err == nil {
			token = cookie.Value
		}
	}
	if token == "" {
		return Principal{}, &Error{ReasonMissing, "The request carries no token.", `Bearer realm="sluice"`}
	}
	payload, err := j.verify([]byte(token))
	if err != nil {
		return Principal{}, err
	}
	return j.principal(payload, time.Now())
}

// bearer returns the token of an Authorization header. Another scheme there is
// nobody's business here: a proxy in front may use Basic while the login is a cookie.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// verify checks the signature and returns the payload. Only the compact form
// is read: the JSON forms may carry several signatures, of which one would do.
func (j *JWT) verify(token []byte) ([]byte, error) {
	if len(token) > maxToken {
		return nil, invalid(ReasonMalformed, "The token is too long.")
	}
	message, err := jws.Parse(token, jws.WithCompact())
	if err != nil || len(message.Signatures()) != 1 {
		return nil, invalid(ReasonMalformed, "The token can't be read as a signed JWT.")
	}
	named, ok := message.Signatures()[0].ProtectedHeaders().Algorithm()
	if !ok {
		return nil, invalid(ReasonMalformed, "The token names no algorithm.")
	}
	algorithm, ok := j.key.accepts(named.String())
	if !ok {
		return nil, invalid(ReasonAlgorithm, "The token's algorithm is not accepted.")
	}
	payload, err := jws.Verify(token, jws.WithCompact(), jws.WithKey(algorithm, j.key.material), jws.WithCritValidation(true))
	if err != nil {
		return nil, invalid(ReasonSignature, "The token's signature does not verify.")
	}
	return payload, nil
}

// principal checks the claims of a verified payload.
func (j *JWT) principal(payload []byte, now time.Time) (Principal, error) {
	token := jwt.New()
	if err := json.Unmarshal(payload, token); err != nil {
		return Principal{}, invalid(ReasonMalformed, "The token's claims can't be read.")
	}
	clock := jwt.WithClock(jwt.ClockFunc(func() time.Time { return now }))
	if err := jwt.Validate(token, append([]jwt.ValidateOption{clock}, j.checks...)...); err != nil {
		return Principal{}, refusal(err)
	}
	user, ok := userOf(payload, j.userClaim)
	if !ok {
		return Principal{}, invalid(ReasonUser, "The token names no user.")
	}
	principal := Principal{User: user}
	if expires, ok := token.Expiration(); ok {
		principal.Expires = expires
		if !now.Before(expires) {
			// Let in by the leeway, so the leeway is what it has left: ending at exp
			// would end the stream at once, and the client would come straight back.
			principal.Expires = expires.Add(j.leeway)
		}
	}
	return principal, nil
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

// userOf reads the user claim: a string as it is, a number by its literal text
// (10000000, not 1e+07), as a record's user is read. Anything else is no user.
func userOf(payload []byte, claim string) (user string, ok bool) {
	var claims map[string]json.RawMessage
	if json.Unmarshal(payload, &claims) != nil {
		return "", false
	}
	literal := bytes.TrimSpace(claims[claim])
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

// invalid is RFC 6750 section 3.1's invalid_token. Detail is one of this file's
// constants, so that it is safe inside a quoted string.
func invalid(reason Reason, detail string) *Error {
	return &Error{reason, detail, `Bearer realm="sluice", error="invalid_token", error_description="` + detail + `"`}
}
