package auth

import (
	"crypto"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

const (
	// authJSLeeway is Auth.js's own clock tolerance.
	authJSLeeway = 15 * time.Second

	// maxSession is all chunks together: more than a header's bounds let through.
	maxSession = 16 << 10

	authJSChallenge = `Cookie realm="sluice"`

	// The two ways its versions encrypt, with keys of these lengths.
	cbcHS512, cbcHS512Len = "A256CBC-HS512", 64
	gcm256, gcm256Len     = "A256GCM", 32
)

// AuthJSConfig describes the session cookies an [AuthJS] accepts.
type AuthJSConfig struct {
	Secret []byte // the app's AUTH_SECRET (NEXTAUTH_SECRET); required
	Claims Claims
}

// AuthJS takes the encrypted session cookies of Auth.js (v5, @auth/core) and NextAuth
// (v4).
type AuthJS struct {
	claims  Claims
	cookies []authJSCookie // in the order they are tried
}

// authJSCookie is a name that a version gives its cookie, and the keys it derives for it.
type authJSCookie struct {
	name string
	keys map[string]*cookieKey // by enc
}

type cookieKey struct {
	bytes      func() []byte
	thumbprint string // the kid of v5; "" with v4, which names none
}

// NewAuthJS derives the keys. It fails without a secret.
func NewAuthJS(cfg AuthJSConfig) (*AuthJS, error) {
	if len(cfg.Secret) == 0 {
		return nil, errors.New("auth: authjs has no secret: give it the app's AUTH_SECRET")
	}
	a := &AuthJS{claims: cfg.Claims.withDefaults()}
	for _, prefix := range []string{"__Secure-", ""} {
		name := prefix + "authjs.session-token"
		info := "Auth.js Generated Encryption Key (" + name + ")"
		cookie := authJSCookie{name, map[string]*cookieKey{}}
		for enc, length := range map[string]int{cbcHS512: cbcHS512Len, gcm256: gcm256Len} {
			key, err := deriveKey(cfg.Secret, name, info, length)
			if err != nil {
				return nil, err
			}
			if key.thumbprint, err = thumbprint(key.bytes()); err != nil {
				return nil, err
			}
			cookie.keys[enc] = key
		}
		a.cookies = append(a.cookies, cookie)
	}
	v4, err := deriveKey(cfg.Secret, "", "NextAuth.js Generated Encryption Key", gcm256Len)
	if err != nil {
		return nil, err
	}
	for _, prefix := range []string{"__Secure-", ""} {
		a.cookies = append(a.cookies, authJSCookie{prefix + "next-auth.session-token", map[string]*cookieKey{gcm256: v4}})
	}
	return a, nil
}

func deriveKey(secret []byte, salt, info string, length int) (*cookieKey, error) {
	bytes, err := hkdf.Key(sha256.New, secret, []byte(salt), info, length)
	if err != nil {
		return nil, fmt.Errorf("auth: authjs: %w", err)
	}
	return &cookieKey{bytes: func() []byte { return bytes }}, nil
}

// thumbprint is RFC 7638's, with SHA-512 for a key of 64 bytes and SHA-256 for one of 32,
// as v5 takes it.
func thumbprint(key []byte) (string, error) {
	entry, err := jwk.Import(key)
	if err != nil {
		return "", fmt.Errorf("auth: authjs: %w", err)
	}
	hash := crypto.SHA256
	if len(key) == cbcHS512Len {
		hash = crypto.SHA512
	}
	sum, err := entry.Thumbprint(hash)
	if err != nil {
		return "", fmt.Errorf("auth: authjs: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// Authenticate opens the request's session cookie. An app that went from one version or
// name to another leaves old cookies behind, so that any that opens is good.
func (a *AuthJS) Authenticate(r *http.Request) (Principal, error) {
	sent := map[string]string{}
	for _, cookie := range r.Cookies() {
		if _, twice := sent[cookie.Name]; !twice {
			sent[cookie.Name] = cookie.Value
		}
	}
	var first error = &Error{ReasonMissing, "The request carries no session cookie.", authJSChallenge}
	missing := true
	for _, cookie := range a.cookies {
		value := joined(sent, cookie.name)
		if value == "" {
			continue
		}
		principal, err := a.open(cookie, value)
		if err == nil {
			return principal, nil
		}
		if missing {
			first, missing = err, false
		}
	}
	return Principal{}, first
}

// joined returns a cookie's value, put together from NAME.0, NAME.1 and so on where it
// was too long for one.
func joined(sent map[string]string, name string) string {
	if value := sent[name]; value != "" {
		return value
	}
	var whole strings.Builder
	for i := 0; ; i++ {
		chunk := sent[name+"."+strconv.Itoa(i)]
		if chunk == "" {
			return whole.String()
		}
		whole.WriteString(chunk)
	}
}

// open decrypts a session token and reads its claims.
func (a *AuthJS) open(cookie authJSCookie, token string) (Principal, error) {
	key, err := cookie.key(token)
	if err != nil {
		return Principal{}, err
	}
	payload, decryptErr := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.DIRECT(), key.bytes()))
	if decryptErr != nil {
		return Principal{}, sessionRefused(ReasonSignature, "The session cookie can't be opened.")
	}
	principal, err := a.claims.principal(payload, time.Now(), authJSLeeway, nil)
	var refused *Error
	if errors.As(err, &refused) {
		return Principal{}, sessionRefused(refused.Reason, strings.Replace(refused.Detail, "token", "session", 1))
	}
	return principal, err
}

// key reads a token's header, strictly, and returns the key that it asks for: nothing but
// direct encryption in one of the version's ways, uncompressed, with no extension.
func (c authJSCookie) key(token string) (*cookieKey, error) {
	malformed := sessionRefused(ReasonMalformed, "The session cookie can't be read as an encrypted token.")
	parts := strings.Split(token, ".")
	if len(token) > maxSession || len(parts) != 5 || parts[1] != "" {
		return nil, malformed
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return nil, malformed
	}
	var header struct {
		Algorithm string          `json:"alg"`
		Method    string          `json:"enc"`
		KeyID     string          `json:"kid"`
		Zip       json.RawMessage `json:"zip"`
		Critical  json.RawMessage `json:"crit"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, malformed
	}
	key := c.keys[header.Method]
	if header.Algorithm != jwa.DIRECT().String() || key == nil || header.Zip != nil || header.Critical != nil {
		return nil, sessionRefused(ReasonAlgorithm, "The session cookie is not encrypted in an accepted way.")
	}
	if header.KeyID != "" && key.thumbprint != "" && header.KeyID != key.thumbprint {
		return nil, sessionRefused(ReasonSignature, "The session cookie can't be opened.")
	}
	return key, nil
}

func sessionRefused(reason Reason, detail string) *Error {
	return &Error{reason, detail, authJSChallenge}
}
