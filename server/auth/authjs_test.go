package auth

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
)

func withCookie(cookie string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/events", nil)
	r.Header.Set("Cookie", cookie)
	return r
}

// sealedFor encrypts a payload as a version does for a cookie of this name, with what a
// test changes.
func sealedFor(t *testing.T, a *AuthJS, name, enc, payload string, change ...jwe.EncryptOption) string {
	t.Helper()
	for _, c := range a.cookies {
		if c.name == name {
			content := jwa.A256GCM()
			if enc == cbcHS512 {
				content = jwa.A256CBC_HS512()
			}
			options := append([]jwe.EncryptOption{jwe.WithKey(jwa.DIRECT(), c.keys[enc].bytes()), jwe.WithContentEncryption(content)}, change...)
			return string(must(jwe.Encrypt([]byte(payload), options...)))
		}
	}
	t.Fatalf("no cookie %s", name)
	return ""
}

const (
	v5 = "authjs.session-token"
	v4 = "next-auth.session-token"
)

func TestSessionCookies(t *testing.T) {
	a := must(NewAuthJS(AuthJSConfig{Secret: secret}))
	good5, good4 := sealedFor(t, a, v5, cbcHS512, goodFor), sealedFor(t, a, v4, gcm256, goodFor)
	gcm5 := sealedFor(t, a, v5, gcm256, goodFor)
	secure := sealedFor(t, a, "__Secure-"+v5, cbcHS512, goodFor)
	half := len(good5) / 2
	for _, tt := range []struct {
		name, cookie string
		reason       Reason
	}{
		{"v5", v5 + "=" + good5, ""},
		{"v5 with GCM", v5 + "=" + gcm5, ""},
		{"v5, secure", "__Secure-" + v5 + "=" + secure, ""},
		{"v4", v4 + "=" + good4, ""},
		{"v4, secure", "__Secure-" + v4 + "=" + good4, ""},
		{"in two", v5 + ".1=" + good5[half:] + "; " + v5 + ".0=" + good5[:half], ""},
		{"whole, beside an old chunk", v5 + "=" + good5 + "; " + v5 + ".0=x", ""},
		{"beside what an older version left", v4 + "=x; " + v5 + "=" + good5, ""},
		{"beside what a newer one left", v5 + "=x; " + v4 + "=" + good4, ""},
		{"a chunk is missing", v5 + ".0=" + good5[:half], ReasonMalformed},
		{"the first chunk is missing", v5 + ".1=" + good5[half:], ReasonMissing},
		{"for another name", "__Secure-" + v5 + "=" + good5, ReasonSignature},
		{"of another version", v5 + "=" + good4, ReasonSignature},
		{"of another version's method", v4 + "=" + good5, ReasonAlgorithm},
		{"another cookie", "session=" + good5, ReasonMissing},
		{"a name that goes on", v5 + "x=" + good5, ReasonMissing},
		{"empty", v5 + "=", ReasonMissing},
		{"none", "", ReasonMissing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := a.Authenticate(withCookie(tt.cookie))
			if tt.reason != "" {
				wantRefused(t, err, tt.reason, "authjs", "next-auth", string(secret))
			} else if err != nil || p.User != "alice" || p.Expires.Unix() != now+60 {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

// TestSessionCookieAttacks are named after what is tried.
func TestSessionCookieAttacks(t *testing.T) {
	a := must(NewAuthJS(AuthJSConfig{Secret: secret}))
	good := sealedFor(t, a, v5, gcm256, goodFor)
	parts := strings.Split(good, ".")
	header := func(h string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(h)) + "." + strings.Join(parts[1:], ".")
	}
	flipped := []byte(good)
	flipped[len(flipped)-30] ^= 1
	for _, tt := range []struct {
		name, token string
		reason      Reason
	}{
		{"alg none", header(`{"alg":"none","enc":"A256GCM"}`), ReasonAlgorithm},
		{"a password as the key", header(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":1000000000,"p2s":"AA"}`), ReasonAlgorithm},
		{"a weaker cipher", header(`{"alg":"dir","enc":"A128GCM"}`), ReasonAlgorithm},
		{"a bomb", header(`{"alg":"dir","enc":"A256GCM","zip":"DEF"}`), ReasonAlgorithm},
		{"compressed", sealedFor(t, a, v5, gcm256, goodFor, jwe.WithCompress(jwa.Deflate())), ReasonAlgorithm},
		{"an extension we must know and don't", header(`{"alg":"dir","enc":"A256GCM","crit":["x"],"x":1}`), ReasonAlgorithm},
		{"another header", header(`{"alg":"dir","enc":"A256GCM","x":1}`), ReasonSignature},
		{"another key's id", header(`{"alg":"dir","enc":"A256GCM","kid":"x"}`), ReasonSignature},
		{"one bit", string(flipped), ReasonSignature},
		{"no tag", strings.Join(parts[:4], ".") + ".", ReasonSignature},
		{"an encrypted key", parts[0] + ".AA." + strings.Join(parts[2:], "."), ReasonMalformed},
		{"a signed token", signed(goodFor, jwa.HS256(), secret), ReasonMalformed},
		{"not base64", "!." + strings.Join(parts[1:], "."), ReasonMalformed},
		{"no JSON", base64.RawURLEncoding.EncodeToString([]byte("x")) + "." + strings.Join(parts[1:], "."), ReasonMalformed},
		{"huge", good + strings.Repeat("x", maxSession), ReasonMalformed},
		{"expired", sealedFor(t, a, v5, gcm256, fmt.Sprintf(`{"sub":"alice","exp":%d}`, now-60)), ReasonExpired},
		{"not yet valid", sealedFor(t, a, v5, gcm256, fmt.Sprintf(`{"sub":"alice","nbf":%d}`, now+60)), ReasonNotYet},
		{"nobody's", sealedFor(t, a, v5, gcm256, `{"name":"Alice"}`), ReasonUser},
		{"claims that are no object", sealedFor(t, a, v5, gcm256, `["alice"]`), ReasonMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := a.Authenticate(withCookie(v5 + "=" + tt.token))
			wantRefused(t, err, tt.reason, tt.token, string(secret), "authjs")
		})
	}
}

func TestAuthJSNeedsASecret(t *testing.T) {
	if _, err := NewAuthJS(AuthJSConfig{}); err == nil {
		t.Error("taken without one")
	}
}

func FuzzSessionCookie(f *testing.F) {
	others := must(NewAuthJS(AuthJSConfig{Secret: []byte(strings.Repeat("z", 32))})) // opens none of the seeds
	f.Add(v5 + "=eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..hKbiGptyUl_XyPlw.wTcq.AAAA")
	f.Add(v4 + ".0=eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..hKb; " + v4 + ".1=iGptyUl_XyPlw.wTcq.AAAA")
	f.Add("__Secure-" + v5 + "=....")
	f.Fuzz(func(t *testing.T, cookie string) {
		r := httptest.NewRequest(http.MethodGet, "/events", nil)
		r.Header["Cookie"] = []string{cookie}
		if p, err := others.Authenticate(r); err == nil {
			t.Errorf("%q is let in as %q", cookie, p.User)
		}
	})
}
