package connect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"

	"sluice/broker/reread"
	"sluice/shown"
)

// OAuth says where an OAUTHBEARER token comes from. It is a file that another program
// keeps fresh, or the client-credentials grant (RFC 6749, section 4.4). Each connection
// to a broker and each re-authentication gets a token, so none is kept here.
type OAuth struct {
	TokenFile string // holds the token; read again each time

	TokenURL     string // sasl.oauthbearer.token.endpoint.url
	ClientID     string
	ClientSecret string
	Scope        string // "" asks for none

	// ClientSecretFile holds the client's secret, instead of ClientSecret. It is read again
	// each time.
	ClientSecretFile string
}

const (
	tokenTimeout  = 10 * time.Second
	tokenMaxBytes = 1 << 20 // of an endpoint's answer
)

// source returns what gets a token. A file that can't be read again is logged.
func (o OAuth) source(log *slog.Logger) (func(context.Context) (oauth.Auth, error), error) {
	switch {
	case o.TokenFile != "" && o.TokenURL != "":
		return nil, errors.New("kafka.sasl: token_file and token_url exclude each other; keep one")
	case o.TokenFile != "":
		return o.fromFile, nil
	case o.TokenURL == "":
		return nil, errors.New("kafka.sasl: OAUTHBEARER needs token_file, or token_url with client_id and client_secret")
	case o.ClientID == "" || o.ClientSecret == "" && o.ClientSecretFile == "":
		return nil, errors.New("kafka.sasl: token_url needs client_id and client_secret (or client_secret_file)")
	}
	if u, err := url.Parse(o.TokenURL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("kafka.sasl.token_url: is not an http or https address")
	}
	clientSecret := func() string { return o.ClientSecret }
	if o.ClientSecretFile != "" {
		v, err := reread.Secret("kafka.sasl.client_secret_file", log, o.ClientSecretFile)
		if err != nil {
			return nil, err
		}
		clientSecret = v.Latest
	}
	return func(ctx context.Context) (oauth.Auth, error) { return o.fromEndpoint(ctx, clientSecret()) }, nil
}

func (o OAuth) fromFile(context.Context) (oauth.Auth, error) {
	token, err := os.ReadFile(o.TokenFile)
	if err != nil {
		return oauth.Auth{}, fmt.Errorf("kafka.sasl.token_file: %w", err)
	}
	if token = bytes.TrimSpace(token); len(token) == 0 {
		return oauth.Auth{}, fmt.Errorf("kafka.sasl.token_file: %s is empty", o.TokenFile)
	}
	return oauth.Auth{Token: string(token)}, nil
}

// tokenClient follows no redirect: the client's secret is for the configured address
// alone. A token endpoint answers a POST itself (RFC 6749 section 3.2).
var tokenClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (o OAuth) fromEndpoint(ctx context.Context, clientSecret string) (oauth.Auth, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	form := url.Values{"grant_type": {"client_credentials"}}
	if o.Scope != "" {
		form.Set("scope", o.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return oauth.Auth{}, fmt.Errorf("kafka.sasl.token_url: %w", shown.Error(err))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(o.ClientID), url.QueryEscape(clientSecret)) // RFC 6749, 2.3.1
	resp, err := tokenClient.Do(req)
	if err != nil {
		return oauth.Auth{}, fmt.Errorf("kafka.sasl.token_url: %w", shown.Error(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return oauth.Auth{}, fmt.Errorf("kafka.sasl.token_url: answered %d %s", resp.StatusCode, http.StatusText(resp.StatusCode)) // the rest may repeat what we sent
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, tokenMaxBytes)).Decode(&answer); err != nil || answer.AccessToken == "" {
		return oauth.Auth{}, errors.New("kafka.sasl.token_url: answered without an access_token")
	}
	return oauth.Auth{Token: answer.AccessToken}, nil
}

// bearer is the OAUTHBEARER mechanism with a plain error. A broker that refuses a token
// answers with data instead of Kafka's error.
type bearer struct{ sasl.Mechanism }

func (b bearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := b.Mechanism.Authenticate(ctx, host)
	return bearing{session}, first, err
}

type bearing struct{ sasl.Session }

func (b bearing) Challenge(data []byte) (done bool, reply []byte, err error) {
	if done, reply, err = b.Session.Challenge(data); err != nil {
		err = fmt.Errorf("%w: %w", kerr.SaslAuthenticationFailed, err)
	}
	return done, reply, err
}
