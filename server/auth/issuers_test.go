package auth

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
)

// The first place that holds a token decides, whichever issuer looks there.
func TestABadTokenIsNotMadeGoodByAnotherIssuersElsewhere(t *testing.T) {
	other := source(t, JWTConfig{From: places("cookie:session")})
	s := Issuers{source(t, JWTConfig{From: places("header")}), other}
	good := signed(`{"sub":"alice"}`, jwa.HS256(), secret)
	ask := func(header, cookie string) error {
		r := httptest.NewRequest(http.MethodGet, "/events", nil)
		if header != "" {
			r.Header.Set("Authorization", "Bearer "+header)
		}
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "session", Value: cookie})
		}
		_, err := s.Authenticate(r)
		return err
	}
	for _, tt := range []struct {
		header, cookie string
		reason         Reason // "": taken
	}{
		{good, "", ""}, {"", good, ""}, {good, "bad", ""}, {"bad", good, ReasonMalformed}, {"bad", "", ReasonMalformed}, {"", "bad", ReasonMalformed}, {"", "", ReasonMissing},
	} {
		var refused *Error
		if err := ask(tt.header, tt.cookie); (err == nil) != (tt.reason == "") || errors.As(err, &refused) && refused.Reason != tt.reason {
			t.Errorf("header %q, cookie %q: %v", tt.header, tt.cookie, err)
		}
	}
}
