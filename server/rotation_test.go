package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"sluice/server/auth"
)

// issuer publishes keys over real HTTP, and signs with the newest of them.
type issuer struct {
	t    testing.TB
	keys []*ecdsa.PrivateKey
	set  atomic.Pointer[[]byte] // nil: it is dead
	*httptest.Server
}

func newIssuer(t testing.TB) *issuer {
	i := &issuer{t: t}
	i.rotate(1)
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		set := i.set.Load()
		if set == nil {
			panic(http.ErrAbortHandler)
		}
		w.Write(*set)
	}))
	t.Cleanup(i.Close)
	return i
}

// rotate makes a new key and publishes the newest so many.
func (i *issuer) rotate(published int) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.keys = append(i.keys, key)
	set := jwk.NewSet()
	for n := len(i.keys) - published; n < len(i.keys); n++ {
		entry, err := jwk.Import(i.keys[n].Public())
		if err != nil {
			i.t.Fatal(err)
		}
		if err := entry.Set(jwk.KeyIDKey, strconv.Itoa(n)); err != nil {
			i.t.Fatal(err)
		}
		if err := set.AddKey(entry); err != nil {
			i.t.Fatal(err)
		}
	}
	text, err := json.Marshal(set)
	if err != nil {
		i.t.Fatal(err)
	}
	i.set.Store(&text)
}

// token is for a user, by the key of a number.
func (i *issuer) token(key int, user string) string {
	i.t.Helper()
	h := jws.NewHeaders()
	if err := h.Set(jws.KeyIDKey, strconv.Itoa(key)); err != nil {
		i.t.Fatal(err)
	}
	payload := fmt.Sprintf(`{"sub":%q,"exp":%d}`, user, time.Now().Add(time.Hour).Unix())
	signed, err := jws.Sign([]byte(payload), jws.WithKey(jwa.ES256(), i.keys[key], jws.WithProtectedHeaders(h)))
	if err != nil {
		i.t.Fatal(err)
	}
	return "Bearer " + string(signed)
}

// TestKeysRotateUnderOpenStreams: nobody is dropped, new keys work, and a dead issuer
// stops nobody it is known of.
func TestKeysRotateUnderOpenStreams(t *testing.T) {
	t.Parallel()
	login := newIssuer(t)
	keys := auth.NewJWKS(auth.JWKSConfig{URL: login.URL, Refresh: 20 * time.Millisecond, Pause: 5 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	source, err := auth.NewJWT(auth.JWTConfig{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { source.Close() })
	f := begin(t, func(c *Config) { c.Auth = source })

	enter := func(key int, user string) (s *opened) {
		t.Helper()
		authorization := login.token(key, user)
		eventually(t, "let in by key "+strconv.Itoa(key), func() bool {
			s = f.get("/events", "Authorization", authorization)
			return s.StatusCode == http.StatusOK
		})
		s.want("sluice.hello", "*")
		return s
	}
	crowd := sized(1000)
	streams := make([]*opened, crowd)
	for n := range streams {
		streams[n] = enter(0, "u"+strconv.Itoa(n))
	}
	login.rotate(2)
	early := enter(1, "early") // by the new key, at once
	enter(0, "late")           // by the old one, which is published still
	login.rotate(2)            // the first key is gone
	enter(2, "next")
	eventually(t, "the key that is gone is refused", func() bool {
		return f.get("/events", "Authorization", login.token(0, "stray")).StatusCode == http.StatusUnauthorized
	})
	login.set.Store(nil)
	for range 20 {
		enter(2, "while it is dead")
	}
	for n, s := range streams {
		f.order("u"+strconv.Itoa(n), strconv.Itoa(n))
		s.want("message", strconv.Itoa(n))
	}
	f.order("early", "x")
	early.want("message", "x")
}
