package auth

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

var (
	secret  = []byte("0123456789abcdef0123456789abcdef")
	rsaKey  = must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey   = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	ec384   = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	edPriv  = must(generateEd())
	now     = time.Now().Unix()
	goodFor = fmt.Sprintf(`{"sub":"alice","exp":%d}`, now+60)
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func generateEd() (ed25519.PrivateKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}

func pemOf(key any) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key))})
}

// signed makes a token of a payload that need not be sensible.
func signed(payload string, algorithm jwa.SignatureAlgorithm, key any) string {
	return string(must(jws.Sign([]byte(payload), jws.WithKey(algorithm, key))))
}

// forged makes a token of a header, a payload and a signature as they stand.
func forged(header, payload, signature string) string {
	b := base64.RawURLEncoding.EncodeToString
	return b([]byte(header)) + "." + b([]byte(payload)) + "." + b([]byte(signature))
}

// as is a request with a bearer token.
func as(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/events", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// wantRefused checks the reason, and that nothing of the credential or of what is
// accepted shows.
func wantRefused(t *testing.T, err error, reason Reason, secrets ...string) {
	t.Helper()
	var refused *Error
	if !errors.As(err, &refused) || refused.Reason != reason {
		t.Errorf("got %v, want a refusal for %s", err, reason)
		return
	}
	for _, s := range secrets {
		if strings.Contains(refused.Error()+refused.Challenge, s) {
			t.Errorf("%q shows in %q, %q", s, refused, refused.Challenge)
		}
	}
}

func TestNone(t *testing.T) {
	for query, want := range map[string]struct {
		user   string
		reason Reason
	}{
		"user=alice":                             {"alice", ""},
		"user=%E2%82%AC%0d%0a":                   {"€\r\n", ""},
		"user=a&user=b":                          {"a", ""},
		"user=" + strings.Repeat("u", MaxUser):   {strings.Repeat("u", MaxUser), ""},
		"user=" + strings.Repeat("u", MaxUser+1): {"", ReasonUser},
		"user=%ff":                               {"", ReasonUser},
		"user=%zz":                               {"", ReasonMalformed},
		"user=":                                  {"", ReasonMissing},
		"":                                       {"", ReasonMissing},
	} {
		r := httptest.NewRequest(http.MethodGet, "/events?"+query, nil)
		got, err := None{}.Authenticate(r)
		if want.reason != "" {
			wantRefused(t, err, want.reason)
		} else if err != nil || got.User != want.user || !got.Expires.IsZero() {
			t.Errorf("%.40s: %v, %v", query, got, err)
		}
	}
}
