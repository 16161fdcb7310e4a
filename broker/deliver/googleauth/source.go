package googleauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"cloud.google.com/go/compute/metadata"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"

	"sluice/shown"
)

// fetchTimeout bounds one request for a token.
const fetchTimeout = 10 * time.Second

// CheckKey says what is wrong with a file of credentials. It quotes none of it.
func CheckKey(name string, content []byte) error {
	_, err := parseKey(name, content, "")
	return err
}

// parseKey reads the key of a service account. Its errors quote nothing.
func parseKey(name string, content []byte, audience string) (*jwt.Config, error) {
	var head struct {
		Type string `json:"type"`
	}
	const cure = "write the JSON key of a service account, or leave credentials_file out where Google's metadata server is"
	if json.Unmarshal(content, &head) != nil || head.Type != "service_account" {
		return nil, fmt.Errorf("%s is no service account's key: %s", name, cure)
	}
	c, err := google.JWTConfigFromJSON(content)
	if err != nil || c.Email == "" || len(c.PrivateKey) == 0 {
		return nil, fmt.Errorf("%s is no whole service account's key: %s", name, cure)
	}
	c.UseIDToken = true
	c.PrivateClaims = map[string]any{"target_audience": audience}
	return c, nil
}

// fetch gets a token.
func (t *Tokens) fetch(ctx context.Context, key *jwt.Config) (*oauth2.Token, error) {
	if key == nil {
		return fetchFromMetadata(ctx, t.audience)
	}
	token, err := key.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, t.client)).Token()
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil { // its body is left out
		return nil, fmt.Errorf("%s answered %d: the key may have been deleted", shown.URL(key.TokenURL), refused.Response.StatusCode)
	}
	if err != nil {
		return nil, shown.Error(err)
	}
	return token, nil
}

// fetchFromMetadata asks the machine that the gateway runs on for whom it runs.
func fetchFromMetadata(ctx context.Context, audience string) (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	text, err := metadata.GetWithContext(ctx, "instance/service-accounts/default/identity?format=full&audience="+url.QueryEscape(audience))
	if err != nil {
		return nil, fmt.Errorf("the metadata server doesn't answer; elsewhere than on Google Cloud set credentials_file: %w", shown.Error(err))
	}
	until, err := expiry(text)
	if err != nil {
		return nil, err
	}
	return &oauth2.Token{AccessToken: text, Expiry: until}, nil
}

var errNoToken = errors.New("the metadata server's answer is no token")

// expiry is when a token ends. It isn't verified: it is for others to judge.
func expiry(token string) (time.Time, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, errNoToken
	}
	var claims struct {
		Exp int64 `json:"exp"`
	}
	content, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(content, &claims) != nil || claims.Exp == 0 {
		return time.Time{}, errNoToken
	}
	return time.Unix(claims.Exp, 0), nil
}
