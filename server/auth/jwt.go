package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

const (
	defaultLeeway = 5 * time.Second

	// maxToken bounds what is parsed. Headers are bounded before, so this only
	// has to be large enough for any cookie (4 KB) and most headers.
	maxToken = 12 << 10
)

// JWTConfig describes the tokens a [JWT] accepts.
type JWTConfig struct {
	Keys       Keys               // required: a Key, a KeySet or a JWKS
	Issuer     string             // iss must be this; "": not looked at
	Audience   string             // aud must hold this; "": not looked at
	Claims     Claims             //
	UserPrefix string             // put before the user: equal subs of two issuers are different people
	From       []CredentialSource // where tokens are, in order; default the header
	Leeway     time.Duration      // how far clocks may differ; default 5 s
	RequireExp bool               // a token without exp is refused; else its streams end with nothing but MaxAge
}

// JWT takes signed tokens (RFC 7519) of one issuer.
type JWT struct {
	cfg    JWTConfig
	checks []jwt.ValidateOption
}

// NewJWT fails when the config has no key.
func NewJWT(cfg JWTConfig) (*JWT, error) {
	if cfg.Keys == nil || cfg.Keys.empty() {
		return nil, errors.New("auth: jwt has no key: give it a secret or a public key")
	}
	cfg.Claims = cfg.Claims.withDefaults()
	if len(cfg.From) == 0 {
		cfg.From = []CredentialSource{{}}
	}
	if cfg.Leeway == 0 {
		cfg.Leeway = defaultLeeway
	}
	j := &JWT{cfg: cfg}
	if cfg.Issuer != "" {
		j.checks = append(j.checks, jwt.WithIssuer(cfg.Issuer))
	}
	if cfg.Audience != "" {
		j.checks = append(j.checks, jwt.WithAudience(cfg.Audience))
	}
	return j, nil
}

// Close ends the fetching of keys.
func (j *JWT) Close() error {
	if c, ok := j.cfg.Keys.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Authenticate verifies the request's token.
func (j *JWT) Authenticate(r *http.Request) (Principal, error) {
	for _, source := range j.cfg.From {
		if token := source.token(r); token != "" {
			return j.take(r, token)
		}
	}
	return Principal{}, noToken()
}

func noToken() *Error {
	return &Error{ReasonMissing, "The request carries no token.", `Bearer realm="sluice"`}
}

// take verifies a token of the request.
func (j *JWT) take(r *http.Request, token string) (Principal, error) {
	payload, err := j.verify(r.Context(), []byte(token))
	if err != nil {
		return Principal{}, err
	}
	p, err := j.cfg.Claims.principal(payload, time.Now(), j.cfg.Leeway, j.checks)
	if err != nil {
		return Principal{}, err
	}
	if j.cfg.RequireExp && p.Expires.IsZero() {
		return Principal{}, invalid(ReasonNoExpiry, "The token has no exp claim, which must say when it expires.")
	}
	if p.User = j.cfg.UserPrefix + p.User; len(p.User) > MaxUser {
		return Principal{}, invalid(ReasonUser, "The token names no user.")
	}
	return p, nil
}

// verify checks the signature and returns the payload. Only the compact form
// is read: the JSON forms may carry several signatures, of which one would do.
func (j *JWT) verify(ctx context.Context, token []byte) ([]byte, error) {
	if len(token) > maxToken {
		return nil, invalid(ReasonMalformed, "The token is too long.")
	}
	message, err := jws.Parse(token, jws.WithCompact())
	if err != nil || len(message.Signatures()) != 1 {
		return nil, invalid(ReasonMalformed, "The token can't be read as a signed JWT.")
	}
	header := message.Signatures()[0].ProtectedHeaders()
	algorithm, ok := header.Algorithm()
	if !ok {
		return nil, invalid(ReasonMalformed, "The token names no algorithm.")
	}
	if algorithm.String() == jwa.NoSignature().String() {
		return nil, invalid(ReasonAlgorithm, "The token's algorithm is not accepted.")
	}
	if j.cfg.Issuer != "" && issuer(message.Payload()) != j.cfg.Issuer {
		// Not believed yet, but a token of another issuer is no reason to look for its key.
		return nil, invalid(ReasonIssuer, "The token's issuer is not accepted.")
	}
	kid, _ := header.KeyID()
	keys, err := j.cfg.Keys.find(ctx, kid)
	if err != nil {
		return nil, err
	}
	accepted := len(keys) == 0 // by a key that nobody knows, any algorithm is as good as another
	for _, key := range keys {
		if !key.accepts(algorithm) {
			continue
		}
		accepted = true
		payload, err := jws.Verify(token, jws.WithCompact(), jws.WithKey(algorithm, key.k.material()), jws.WithCritValidation(true))
		if err == nil {
			return payload, nil
		}
	}
	if k, changes := j.cfg.Keys.(interface{ askAgain() bool }); changes && k.askAgain() {
		return nil, fmt.Errorf("%w: the issuer may have another key now, and is asked", ErrUnavailable)
	}
	if !accepted {
		return nil, invalid(ReasonAlgorithm, "The token's algorithm is not accepted.")
	}
	return nil, invalid(ReasonSignature, "The token's signature does not verify.")
}

// issuer is what a payload that nobody has verified says of itself.
func issuer(payload []byte) string {
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	return claims.Issuer
}
