package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

func source(t *testing.T, cfg JWTConfig) *JWT {
	t.Helper()
	if cfg.Keys == nil {
		cfg.Keys = must(SecretKey(secret))
	}
	j, err := NewJWT(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func places(texts ...string) (all []CredentialSource) {
	for _, text := range texts {
		all = append(all, must(ParseCredentialSource(text)))
	}
	return all
}

func TestEveryKeyVerifiesItsOwnAlgorithms(t *testing.T) {
	keys := map[string]Key{
		"secret": must(SecretKey(secret)),
		"rsa":    must(PublicKey(pemOf(rsaKey.Public()))),
		"ec":     must(PublicKey(pemOf(ecKey.Public()))),
		"ec384":  must(PublicKey(pemOf(ec384.Public()))),
		"ed":     must(PublicKey(pemOf(edPriv.Public()))),
	}
	tokens := map[string][]string{
		"secret": {signed(goodFor, jwa.HS256(), secret)},
		"rsa":    {signed(goodFor, jwa.RS256(), rsaKey), signed(goodFor, jwa.RS384(), rsaKey), signed(goodFor, jwa.RS512(), rsaKey)},
		"ec":     {signed(goodFor, jwa.ES256(), ecKey)},
		"ec384":  {signed(goodFor, jwa.ES384(), ec384)},
		"ed":     {signed(goodFor, jwa.EdDSA(), edPriv)},
	}
	for name, key := range keys {
		j := source(t, JWTConfig{Keys: key})
		for signer, list := range tokens {
			for i, token := range list {
				p, err := j.Authenticate(as(token))
				if signer != name {
					wantRefused(t, err, ReasonAlgorithm, token)
				} else if err != nil || p.User != "alice" || p.Expires.Unix() != now+60 {
					t.Errorf("%s, token %d: %v, %v", name, i, p, err)
				}
			}
		}
	}
}

// TestAttacks are named after what is tried.
func TestAttacks(t *testing.T) {
	rsaPEM := pemOf(rsaKey.Public())
	byRSA := source(t, JWTConfig{Keys: must(PublicKey(rsaPEM))})
	bySecret := source(t, JWTConfig{})
	good := signed(goodFor, jwa.HS256(), secret)
	header, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	for _, tt := range []struct {
		name   string
		source *JWT
		token  string
		reason Reason
	}{
		{"alg none", bySecret, forged(`{"alg":"none"}`, goodFor, ""), ReasonAlgorithm},
		{"alg None", bySecret, forged(`{"alg":"None"}`, goodFor, ""), ReasonMalformed},
		{"no alg", bySecret, forged(`{"typ":"JWT"}`, goodFor, "x"), ReasonMalformed},
		{"public key as HMAC secret", byRSA, signed(goodFor, jwa.HS256(), rsaPEM), ReasonAlgorithm},
		{"HS512 with the right secret", bySecret, signed(goodFor, jwa.HS512(), append(secret, secret...)), ReasonAlgorithm},
		{"another secret", bySecret, signed(goodFor, jwa.HS256(), []byte(strings.Repeat("x", 32))), ReasonSignature},
		{"no signature", bySecret, header + "." + payload + ".", ReasonMalformed},
		{"half a signature", bySecret, header + "." + payload + "." + signature[:20], ReasonSignature},
		{"another payload", bySecret, header + "." + strings.Split(forged("", `{"sub":"bob"}`, ""), ".")[1] + "." + signature, ReasonSignature},
		{"a key of its own in the header", byRSA, broughtKey(t), ReasonSignature},
		{"an extension we must know and don't", bySecret, forged(`{"alg":"HS256","crit":["x"],"x":1}`, goodFor, "x"), ReasonSignature},
		{"JSON serialisation", bySecret, `{"payload":"` + payload + `","signatures":[]}`, ReasonMalformed},
		{"two dots only", bySecret, "..", ReasonMalformed},
		{"encrypted", bySecret, "a.b.c.d.e", ReasonMalformed},
		{"not base64", bySecret, "!.!.!", ReasonMalformed},
		{"huge", bySecret, good + strings.Repeat("x", maxToken), ReasonMalformed},
		{"claims that are no object", bySecret, signed(`["alice"]`, jwa.HS256(), secret), ReasonMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.source.Authenticate(as(tt.token))
			wantRefused(t, err, tt.reason, tt.token, string(secret))
		})
	}
	if _, err := bySecret.Authenticate(as(good)); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// broughtKey is a token well signed by a key that it brings along in its header.
func broughtKey(t *testing.T) string {
	t.Helper()
	attacker := must(rsa.GenerateKey(rand.Reader, 2048))
	header := jws.NewHeaders()
	if err := header.Set(jws.JWKKey, must(jwk.Import(attacker.Public()))); err != nil {
		t.Fatal(err)
	}
	return string(must(jws.Sign([]byte(goodFor), jws.WithKey(jwa.RS256(), attacker, jws.WithProtectedHeaders(header)))))
}

func TestClaims(t *testing.T) {
	j := source(t, JWTConfig{Issuer: "https://login.example", Audience: "sluice", Claims: Claims{User: "uid"}})
	claims := func(more string) string {
		return `{"iss":"https://login.example","aud":["other","sluice"],` + more + `}`
	}
	at := func(s int64) int64 { return now + s }
	for _, tt := range []struct {
		payload string
		user    string
		reason  Reason
	}{
		{claims(`"uid":"alice"`), "alice", ""},
		{claims(`"uid":"\u20ac"`), "€", ""},
		{claims(`"uid":10000000`), "10000000", ""},
		{claims(`"uid":1e7`), "1e7", ""},
		{claims(`"uid":9007199254740993`), "9007199254740993", ""},
		{claims(`"uid":""`), "", ReasonUser},
		{claims(`"uid":null`), "", ReasonUser},
		{claims(`"uid":true`), "", ReasonUser},
		{claims(`"uid":["alice"]`), "", ReasonUser},
		{claims(`"uid":{"id":1}`), "", ReasonUser},
		{claims(`"uid":"\ud800"`), "", ReasonUser},
		{claims(`"Uid":"alice"`), "", ReasonUser},
		{claims(`"sub":"alice"`), "", ReasonUser},
		{claims(`"uid":"` + strings.Repeat("u", MaxUser+1) + `"`), "", ReasonUser},
		{claims(fmt.Sprintf(`"uid":"a","exp":%d`, at(-60))), "", ReasonExpired},
		{claims(fmt.Sprintf(`"uid":"a","nbf":%d`, at(60))), "", ReasonNotYet},
		{claims(fmt.Sprintf(`"uid":"a","iat":%d`, at(60))), "", ReasonNotYet},
		{claims(fmt.Sprintf(`"uid":"a","nbf":%d,"iat":%d`, at(3), at(3))), "a", ""},
		{claims(`"uid":"a","exp":"soon"`), "", ReasonMalformed},
		{`{"uid":"a","aud":"sluice"}`, "", ReasonIssuer},
		{`{"uid":"a","aud":"sluice","iss":"https://evil.example"}`, "", ReasonIssuer},
		{`{"uid":"a","iss":"https://login.example"}`, "", ReasonAudience},
		{`{"uid":"a","iss":"https://login.example","aud":"sluice.evil"}`, "", ReasonAudience},
	} {
		p, err := j.Authenticate(as(signed(tt.payload, jwa.HS256(), secret)))
		if tt.reason != "" {
			wantRefused(t, err, tt.reason, "login.example", "uid")
		} else if err != nil || p.User != tt.user {
			t.Errorf("%.100s: %+v, %v", tt.payload, p, err)
		}
	}
}

func TestWhereTheTokenIs(t *testing.T) {
	j := source(t, JWTConfig{From: places("header", "cookie:session")})
	alice, bob := signed(`{"sub":"alice"}`, jwa.HS256(), secret), signed(`{"sub":"bob"}`, jwa.HS256(), secret)
	for _, tt := range []struct {
		name, authorization, cookie string
		user                        string
		reason                      Reason
	}{
		{"header", "Bearer " + alice, "", "alice", ""},
		{"any case", "bearer  " + alice, "", "alice", ""},
		{"cookie", "", "session=" + bob, "bob", ""},
		{"header before cookie", "Bearer " + alice, "session=" + bob, "alice", ""},
		{"a bad header is not made good by a cookie", "Bearer x", "session=" + bob, "", ReasonMalformed},
		{"another scheme leaves the cookie", "Basic YTpi", "session=" + bob, "bob", ""},
		{"another cookie", "", "sessions=" + bob, "", ReasonMissing},
		{"an empty one", "Bearer", "session=", "", ReasonMissing},
		{"nothing", "", "", "", ReasonMissing},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/events?token="+alice, nil)
			if tt.authorization != "" {
				r.Header.Set("Authorization", tt.authorization)
			}
			if tt.cookie != "" {
				r.Header.Set("Cookie", tt.cookie)
			}
			p, err := j.Authenticate(r)
			if tt.reason != "" {
				wantRefused(t, err, tt.reason, "session")
			} else if err != nil || p.User != tt.user {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

// TestLeeway: what is let in by the leeway has the rest of it left.
func TestLeeway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := source(t, JWTConfig{})
		exp := time.Now().Add(time.Minute)
		token := as(signed(fmt.Sprintf(`{"sub":"alice","exp":%d}`, exp.Unix()), jwa.HS256(), secret))
		for _, tt := range []struct {
			at      time.Duration // from exp
			expires time.Duration // from exp
		}{{-time.Second, 0}, {0, defaultLeeway}, {defaultLeeway - time.Nanosecond, defaultLeeway}} {
			<-time.After(time.Until(exp.Add(tt.at)))
			p, err := j.Authenticate(token)
			if err != nil || !p.Expires.Equal(exp.Add(tt.expires)) {
				t.Errorf("at exp%+v: expires exp%+v, %v", tt.at, p.Expires.Sub(exp), err)
			}
		}
		<-time.After(time.Until(exp.Add(defaultLeeway)))
		_, err := j.Authenticate(token)
		wantRefused(t, err, ReasonExpired)
	})
}

func TestKeysRefused(t *testing.T) {
	if _, err := NewJWT(JWTConfig{}); err == nil {
		t.Error("no key: accepted")
	}
	if _, err := SecretKey(secret[:31]); err == nil || !strings.Contains(err.Error(), "31 bytes") {
		t.Errorf("a short secret: %v", err)
	}
	for name, text := range map[string]string{
		"nothing":           "",
		"no PEM":            string(secret),
		"a broken key":      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		"another PEM block": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		if _, err := PublicKey([]byte(text)); err == nil || strings.Contains(err.Error(), "AAAA") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzAuthenticate(f *testing.F) {
	f.Add(signed(goodFor, jwa.HS256(), secret))
	f.Add(forged(`{"alg":"none"}`, goodFor, ""))
	f.Add("..")
	key := must(SecretKey([]byte(strings.Repeat("z", 32)))) // signs none of the seeds
	f.Fuzz(func(t *testing.T, token string) {
		r := httptest.NewRequest(http.MethodGet, "/events", nil)
		r.Header["Authorization"] = []string{"Bearer " + token}
		if p, err := source(t, JWTConfig{Keys: key}).Authenticate(r); err == nil {
			t.Errorf("%q is let in as %q", token, p.User)
		}
	})
}
