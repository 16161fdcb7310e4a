package auth

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
)

// TestWays: a credential that is put where a way says is found there.
func TestWays(t *testing.T) {
	key, err := SecretKey([]byte("thirty-two bytes are long enough"))
	if err != nil {
		t.Fatal(err)
	}
	token := func(places ...string) *JWT {
		cfg := JWTConfig{Keys: key}
		for _, text := range places {
			place, err := ParseCredentialSource(text)
			if err != nil {
				t.Fatal(err)
			}
			cfg.From = append(cfg.From, place)
		}
		j, err := NewJWT(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	cookies, err := NewAuthJS(AuthJSConfig{Secret: []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	tickets, err := NewTickets([]byte("thirty-two bytes are long enough"), 0)
	if err != nil {
		t.Fatal(err)
	}
	all := First{tickets, Issuers{token("header", "cookie:session"), token("header", "query:token")}, cookies}
	for _, tt := range []struct {
		a    Authenticator
		want string
	}{
		{None{}, ""},
		{token("header"), "Authorization: Bearer"},
		{all, "?ticket=, Authorization: Bearer, the cookie session, ?token= or a session cookie of Auth.js"},
	} {
		if got := Where(tt.a); got != tt.want {
			t.Errorf("it looks for %q, want %q", got, tt.want)
		}
	}
	want := "[{ticket query ticket } {jwt header Authorization Bearer} {jwt cookie session } {jwt query token } " +
		"{authjs cookie __Secure-authjs.session-token } {authjs cookie authjs.session-token } {authjs cookie __Secure-next-auth.session-token } {authjs cookie next-auth.session-token }]"
	if got := fmt.Sprint(Ways(all)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for _, way := range append(Ways(all), Ways(None{})...) {
		r, err := http.NewRequest(http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		switch way.In {
		case InHeader:
			r.Header.Set(way.Name, way.Scheme+" x")
		case InCookie:
			r.AddCookie(&http.Cookie{Name: way.Name, Value: "x"})
		case InQuery:
			r.URL.RawQuery = way.Name + "=x"
		}
		var source Authenticator = all
		if way.Kind == "none" {
			source = None{}
		}
		var refused *Error
		if _, err := source.Authenticate(r); errors.As(err, &refused) && refused.Reason == ReasonMissing {
			t.Errorf("%+v: nothing was found there", way)
		}
	}
}
