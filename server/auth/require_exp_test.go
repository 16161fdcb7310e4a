package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
)

// Wherever a token comes from, and of whichever issuer it is, it must say when it
// expires.
func TestATokenWithoutExpIsRefusedWhereItIsRequired(t *testing.T) {
	const endless = `{"sub":"alice"}`
	from := places("header", "cookie:session", "query:token")
	strict := source(t, JWTConfig{From: from, RequireExp: true})
	lax := source(t, JWTConfig{From: from})
	foreign := source(t, JWTConfig{From: from, Issuer: "https://other.example"})
	request := func(place, token string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/events", nil)
		switch place {
		case "header":
			r.Header.Set("Authorization", "Bearer "+token)
		case "cookie":
			r.AddCookie(&http.Cookie{Name: "session", Value: token})
		case "query":
			r.URL.RawQuery = "token=" + token
		}
		return r
	}
	for _, place := range []string{"header", "cookie", "query"} {
		for name, a := range map[string]Authenticator{"one issuer": strict, "several": Issuers{strict, foreign}, "several, turned round": Issuers{foreign, strict}, "first of": First{strict}} {
			for _, claims := range []string{endless, `{"sub":"alice","exp":null}`, `{"sub":"alice","EXP":4102444800}`} {
				_, err := a.Authenticate(request(place, signed(claims, jwa.HS256(), secret)))
				if refused, ok := errors.AsType[*Error](err); !ok || refused.Reason != ReasonNoExpiry && claims != `{"sub":"alice","exp":null}` {
					t.Errorf("%s, %s, %s: %v", name, place, claims, err)
				}
			}
			if p, err := a.Authenticate(request(place, signed(goodFor, jwa.HS256(), secret))); err != nil || p.Expires.IsZero() {
				t.Errorf("%s, %s: with exp: %v", name, place, err)
			}
		}
		if _, err := lax.Authenticate(request(place, signed(endless, jwa.HS256(), secret))); err != nil {
			t.Errorf("not required, %s: %v", place, err)
		}
	}
	_, err := strict.Authenticate(request("header", signed(endless, jwa.HS256(), secret)))
	wantRefused(t, err, ReasonNoExpiry, string(secret), "alice")
}
