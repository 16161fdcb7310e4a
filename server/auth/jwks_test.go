package auth

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// entry is a key of a set, with members that a test adds.
func entry(t *testing.T, key any, more map[string]any) jwk.Key {
	t.Helper()
	e := must(jwk.Import(key))
	for name, value := range more {
		if err := e.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func keySet(t *testing.T, entries ...jwk.Key) []byte {
	t.Helper()
	set := jwk.NewSet()
	for _, e := range entries {
		if err := set.AddKey(e); err != nil {
			t.Fatal(err)
		}
	}
	return must(json.Marshal(set))
}

// by signs a token whose header names a key.
func by(t *testing.T, kid string, algorithm jwa.SignatureAlgorithm, key any) string {
	t.Helper()
	h := jws.NewHeaders()
	if err := h.Set(jws.KeyIDKey, kid); err != nil {
		t.Fatal(err)
	}
	return string(must(jws.Sign([]byte(goodFor), jws.WithKey(algorithm, key, jws.WithProtectedHeaders(h)))))
}

// login is an issuer: it answers for its keys as told, in memory, so that it works in a
// bubble's time.
type issuerFake struct {
	mu    sync.Mutex // guards the rest
	set   []byte
	err   error
	asked int
	wait  chan struct{} // not nil: answers wait for it
}

func (i *issuerFake) RoundTrip(r *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked++
	wait := i.wait
	i.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err != nil {
		return nil, i.err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(i.set)), Header: http.Header{}}, nil
}

func (i *issuerFake) say(set []byte, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.set, i.err = set, err
}

func (i *issuerFake) questions() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// jwks is a source with the issuer's keys, and the log it writes.
func jwks(t *testing.T, i *issuerFake) (*JWT, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	keys := NewJWKS(JWKSConfig{URL: "https://login.example/jwks.json", Transport: i, Logger: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(func() { keys.Close() })
	return source(t, JWTConfig{Keys: keys}), log
}

func TestKeysRotate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := keySet(t, entry(t, rsaKey.Public(), map[string]any{"kid": "1"}))
		both := keySet(t, entry(t, rsaKey.Public(), map[string]any{"kid": "1"}), entry(t, ecKey.Public(), map[string]any{"kid": "2"}))
		second := keySet(t, entry(t, ecKey.Public(), map[string]any{"kid": "2"}))
		i := &issuerFake{set: first}
		j, log := jwks(t, i)
		old, new := as(by(t, "1", jwa.RS256(), rsaKey)), as(by(t, "2", jwa.ES256(), ecKey))
		good := func(what string, r *http.Request) {
			t.Helper()
			if p, err := j.Authenticate(r); err != nil || p.User != "alice" {
				t.Errorf("%s: %+v, %v", what, p, err)
			}
		}
		good("the first key", old)

		// A new key works at once, unless keys were fetched just now: then the caller waits.
		i.say(both, nil)
		if _, err := j.Authenticate(new); !errors.Is(err, ErrUnavailable) {
			t.Errorf("within the pause: %v, want ErrUnavailable", err)
		}
		<-time.After(defaultPause)
		good("the new key", new)
		good("the old key, still published", old)

		// The endpoint is dead: known keys stay good, however long.
		i.say(nil, errors.New("connection refused"))
		for range 10 {
			<-time.After(2 * defaultRefresh)
			good("the old key with a dead endpoint", old)
			good("the new key with a dead endpoint", new)
			synctest.Wait()
		}
		if _, err := j.Authenticate(as(by(t, "3", jwa.ES256(), ecKey))); !errors.Is(err, ErrUnavailable) {
			t.Errorf("an unknown key with a dead endpoint: %v, want ErrUnavailable", err)
		}
		if n := strings.Count(log.String(), "can't be fetched"); n != 1 {
			t.Errorf("said %d times that it is dead:\n%s", n, log)
		}

		// It is back, and has taken the old key out.
		i.say(second, nil)
		<-time.After(defaultRefresh)
		good("the new key", new)
		synctest.Wait() // the set is fetched behind it
		_, err := j.Authenticate(old)
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("the key taken out, within the pause: %v", err)
		}
		<-time.After(defaultPause)
		_, err = j.Authenticate(old)
		wantRefused(t, err, ReasonSignature, "login.example")
	})
}

func TestUnknownKidFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerFake{set: keySet(t, entry(t, rsaKey.Public(), map[string]any{"kid": "1"})), wait: make(chan struct{})}
		j, _ := jwks(t, i)
		flood := make([]*http.Request, 1000)
		for n := range flood {
			flood[n] = as(by(t, fmt.Sprint("made up ", n), jwa.ES256(), ecKey))
		}
		var all sync.WaitGroup
		refused, waits := 0, 0
		var mu sync.Mutex
		for _, r := range flood {
			all.Go(func() {
				_, err := j.Authenticate(r)
				mu.Lock()
				defer mu.Unlock()
				var e *Error
				switch {
				case errors.As(err, &e) && e.Reason == ReasonSignature:
					refused++
				case errors.Is(err, ErrUnavailable):
					waits++
				}
			})
		}
		synctest.Wait()
		if n := i.questions(); n != 1 {
			t.Errorf("%d questions at once, want 1", n)
		}
		close(i.wait)
		all.Wait()
		if refused+waits != len(flood) {
			t.Errorf("%d refused, %d wait, of %d", refused, waits, len(flood))
		}
		// A minute of it, and who has a key is not held up.
		good := as(by(t, "1", jwa.RS256(), rsaKey))
		before := i.questions()
		for n := range 60 {
			j.Authenticate(flood[n])
			if _, err := j.Authenticate(good); err != nil {
				t.Error(err)
			}
			<-time.After(time.Second)
		}
		if n := i.questions() - before; n > 6 {
			t.Errorf("%d questions in a minute, want at most one in %v", n, defaultPause)
		}
	})
}

func TestClosingGivesUpAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuerFake{wait: make(chan struct{})}
		keys := NewJWKS(JWKSConfig{URL: "https://login.example", Transport: i, Logger: slog.New(slog.DiscardHandler)})
		synctest.Wait()
		if err := keys.Close(); err != nil || i.questions() != 1 {
			t.Errorf("%v, %d questions", err, i.questions())
		}
	})
}

func TestKeySets(t *testing.T) {
	good := entry(t, ecKey.Public(), nil)
	for name, tt := range map[string]struct {
		text []byte
		want string // the error; "": one key
	}{
		"a public key":               {keySet(t, good), ""},
		"a private one":              {keySet(t, entry(t, ecKey, nil)), ""},
		"for encryption":             {keySet(t, entry(t, ecKey.Public(), map[string]any{"use": "enc"})), "for the use"},
		"for another algorithm":      {keySet(t, entry(t, rsaKey.Public(), map[string]any{"alg": "PS256"})), "for the algorithm"},
		"too small":                  {[]byte(`{"keys":[{"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 128)) + `"}]}`), "no"},
		"a shared secret":            {keySet(t, entry(t, secret, nil)), "no key that verifies"},
		"a shared secret and a key":  {keySet(t, entry(t, secret, nil), good), ""},
		"a kind unknown and a key":   {[]byte(`{"keys":[{"kty":"LATTICE"},` + string(must(json.Marshal(good))) + `]}`), ""},
		"nothing in it":              {[]byte(`{"keys":[]}`), "no keys"},
		"another document":           {[]byte(`<html>`), "no JSON Web Key Set"},
		"a key pinned to its method": {keySet(t, entry(t, rsaKey.Public(), map[string]any{"alg": "RS512"})), ""},
	} {
		set, err := ParseKeySet(tt.text)
		if tt.want == "" && (err != nil || len(set.keys) != 1) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %d keys, %v; want %q", name, len(set.keys), err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), string(secret)) {
			t.Errorf("%s: a secret shows in %v", name, err)
		}
	}
}

// TestKeySetAttacks are named after what is tried.
func TestKeySetAttacks(t *testing.T) {
	set := must(ParseKeySet(keySet(t,
		entry(t, rsaKey.Public(), map[string]any{"kid": "rsa", "alg": "RS256"}),
		entry(t, ecKey.Public(), map[string]any{"kid": "ec"}),
	)))
	j := source(t, JWTConfig{Keys: set})
	rsaPEM := pemOf(rsaKey.Public())
	for _, tt := range []struct {
		name, token string
		reason      Reason
	}{
		{"public key as HMAC secret", by(t, "rsa", jwa.HS256(), rsaPEM), ReasonAlgorithm},
		{"another key's id", by(t, "ec", jwa.RS256(), rsaKey), ReasonAlgorithm},
		{"an algorithm the set doesn't name", by(t, "rsa", jwa.RS512(), rsaKey), ReasonAlgorithm},
		{"an unknown id", by(t, "x", jwa.RS256(), rsaKey), ReasonSignature},
		{"another key under a known id", by(t, "rsa", jwa.RS256(), must(rsa.GenerateKey(rand.Reader, 2048))), ReasonSignature},
		{"alg none", forged(`{"alg":"none","kid":"rsa"}`, goodFor, ""), ReasonAlgorithm},
	} {
		_, err := j.Authenticate(as(tt.token))
		t.Run(tt.name, func(t *testing.T) { wantRefused(t, err, tt.reason, tt.token) })
	}
	for _, token := range []string{by(t, "rsa", jwa.RS256(), rsaKey), by(t, "ec", jwa.ES256(), ecKey), signed(goodFor, jwa.ES256(), ecKey)} {
		if _, err := j.Authenticate(as(token)); err != nil {
			t.Errorf("a good one: %v", err)
		}
	}
}

// A key that an issuer publishes without an id, or under the id of the former one, is
// found too. A client that shows its token meanwhile has only to wait: a refusal ends an
// EventSource.
func TestKeysRotateUnderOneID(t *testing.T) {
	for name, more := range map[string]map[string]any{"without an id": nil, "of the same id": {"kid": "1"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuerFake{set: keySet(t, entry(t, rsaKey.Public(), more))}
				j, _ := jwks(t, i)
				old, new := as(by(t, "1", jwa.RS256(), rsaKey)), as(by(t, "1", jwa.ES256(), ecKey))
				if _, err := j.Authenticate(old); err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Minute)
				i.say(keySet(t, entry(t, ecKey.Public(), more)), nil)
				if _, err := j.Authenticate(new); !errors.Is(err, ErrUnavailable) {
					t.Errorf("its first token: %v, want ErrUnavailable", err)
				}
				synctest.Wait()
				if _, err := j.Authenticate(new); err != nil {
					t.Errorf("its next: %v", err)
				}
				var refused *Error
				if _, err := j.Authenticate(old); !errors.As(err, &refused) {
					t.Errorf("the former key: %v, want it refused", err)
				}
				if n := i.questions(); n != 2 {
					t.Errorf("the issuer was asked %d times", n)
				}
			})
		})
	}
}
