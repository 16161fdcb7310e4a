// Package googleauth shows Google who the gateway is: by an identity token, which a
// private Cloud Function or Cloud Run service asks its callers for.
//
// googleauth.go keeps a token until it is old, and source.go gets one: by a service
// account's key, or from the metadata server of the machine.
package googleauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"sluice/broker/reread"
)

// Config is who is shown to whom.
type Config struct {
	Audience        string // the URL of the function or service
	CredentialsFile string // key of a service account; "": the metadata server is asked
}

// renewBefore is how long before its end a token is renewed. Tokens last an hour.
const renewBefore = 5 * time.Minute

// Tokens are the identity tokens for one audience.
type Tokens struct {
	audience string
	client   *http.Client
	key      *reread.Value[*jwt.Config] // nil: the metadata server

	turn  chan struct{} // holds one: its taker may touch what follows
	token *oauth2.Token
	of    *jwt.Config // the key that token was got with
}

// New reads the key. It is read again when the file changes. Google isn't asked yet.
// Errors begin with the key at fault.
func New(c Config, log *slog.Logger) (*Tokens, error) {
	if err := CheckAudience(c.Audience); err != nil {
		return nil, fmt.Errorf("audience: %w", err)
	}
	t := &Tokens{audience: c.Audience, client: &http.Client{Timeout: fetchTimeout}, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	if c.CredentialsFile == "" {
		return t, nil
	}
	var err error
	t.key, err = reread.New("http.google.credentials_file", log, func(contents [][]byte) (*jwt.Config, error) {
		return parseKey(c.CredentialsFile, contents[0], c.Audience)
	}, c.CredentialsFile)
	if err != nil {
		return nil, fmt.Errorf("credentials_file: %w", err)
	}
	return t, nil
}

// CheckAudience says what is wrong with an audience.
func CheckAudience(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("is missing: write the URL of the function or service, without a path")
	case err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("is no audience: write the URL of the function or service, without a path")
	}
	return nil
}

// TokenError says that no token could be had.
type TokenError struct{ cause error }

func (e *TokenError) Error() string { return "no Google identity token: " + e.cause.Error() }
func (e *TokenError) Unwrap() error { return e.cause }

// Authorize puts a token into a request. The request's context bounds the wait for it.
func (t *Tokens) Authorize(r *http.Request, _ []byte) error {
	token, err := t.get(r.Context())
	if err != nil {
		return &TokenError{err}
	}
	r.Header.Set("Authorization", "Bearer "+token)
	return nil
}

// get returns a token that is good for a while. One caller at a time asks for a new one.
func (t *Tokens) get(ctx context.Context) (string, error) {
	select {
	case <-t.turn:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { t.turn <- struct{}{} }()
	var key *jwt.Config
	if t.key != nil {
		key = t.key.Get()
	}
	if t.token != nil && t.of == key && time.Until(t.token.Expiry) > renewBefore {
		return t.token.AccessToken, nil
	}
	token, err := t.fetch(ctx, key)
	if err != nil {
		return "", err
	}
	t.token, t.of = token, key
	return token.AccessToken, nil
}
