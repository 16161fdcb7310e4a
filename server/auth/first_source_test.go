package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
)

func TestTheFirstCredentialDecides(t *testing.T) {
	tickets := must(NewTickets(secret, 0))
	cookies := must(NewAuthJS(AuthJSConfig{Secret: secret}))
	sources := First{tickets, Issuers{source(t, JWTConfig{})}, cookies}
	token := signed(`{"sub":"token"}`, jwa.HS256(), secret)
	cookie := v5 + "=" + sealedFor(t, cookies, v5, cbcHS512, `{"sub":"cookie"}`)
	ticket := must(tickets.Issue(Grant{User: "ticket"})).Text
	for _, tt := range []struct {
		name, ticket, token, cookie string
		user                        string
		reason                      Reason
	}{
		{"a ticket", ticket, "", "", "ticket", ""},
		{"a token", "", token, "", "token", ""},
		{"a cookie", "", "", cookie, "cookie", ""},
		{"all", ticket, token, cookie, "ticket", ""},
		{"a token and a cookie", "", token, cookie, "token", ""},
		{"a bad ticket and a good token", "x", token, "", "", ReasonMalformed},
		{"a bad token and a good cookie", "", "x", cookie, "", ReasonMalformed},
		{"nothing", "", "", "", "", ReasonMissing},
	} {
		r := httptest.NewRequest(http.MethodGet, "/events?ticket="+tt.ticket, nil)
		r.Header.Set("Authorization", "Bearer "+tt.token)
		r.Header.Set("Cookie", tt.cookie)
		p, err := sources.Authenticate(r)
		if tt.reason != "" {
			wantRefused(t, err, tt.reason, "ticket=", "authjs")
		} else if err != nil || p.User != tt.user {
			t.Errorf("%s: %+v, %v", tt.name, p, err)
		}
	}
}

type closer struct {
	Authenticator
	err error
}

func (c closer) Close() error { return c.err }

func TestFirstClosesWhatRuns(t *testing.T) {
	failed := errors.New("failed")
	sources := First{None{}, closer{None{}, nil}, closer{None{}, failed}}
	if err := io.Closer(sources).Close(); !errors.Is(err, failed) {
		t.Errorf("Close: %v", err)
	}
}

func TestSeveralIssuers(t *testing.T) {
	second := []byte(strings.Repeat("2", 32))
	both := Issuers{
		source(t, JWTConfig{Issuer: "https://eu", UserPrefix: "eu:"}),
		source(t, JWTConfig{Keys: must(SecretKey(second)), Issuer: "https://us", UserPrefix: "us:", Audience: "sluice"}),
	}
	for _, tt := range []struct {
		name, token string
		user        string
		reason      Reason
	}{
		{"the first's", signed(`{"iss":"https://eu","sub":"1"}`, jwa.HS256(), secret), "eu:1", ""},
		{"the second's", signed(`{"iss":"https://us","sub":"1","aud":"sluice"}`, jwa.HS256(), second), "us:1", ""},
		{"the first's in the second's name", signed(`{"iss":"https://us","sub":"1","aud":"sluice"}`, jwa.HS256(), secret), "", ReasonSignature},
		{"the second's in the first's name", signed(`{"iss":"https://eu","sub":"1"}`, jwa.HS256(), second), "", ReasonSignature},
		{"nobody's", signed(`{"sub":"1"}`, jwa.HS256(), secret), "", ReasonIssuer},
		{"the second's for others", signed(`{"iss":"https://us","sub":"1","aud":"x"}`, jwa.HS256(), second), "", ReasonAudience},
		{"the first's, too late", signed(fmt.Sprintf(`{"iss":"https://eu","sub":"1","exp":%d}`, now-60), jwa.HS256(), secret), "", ReasonExpired},
		{"with the prefix too long", signed(`{"iss":"https://eu","sub":"`+strings.Repeat("u", MaxUser)+`"}`, jwa.HS256(), secret), "", ReasonUser},
		{"none", "", "", ReasonMissing},
	} {
		p, err := both.Authenticate(as(tt.token))
		if tt.reason != "" {
			wantRefused(t, err, tt.reason, "https://eu", "https://us", "sluice,")
		} else if err != nil || p.User != tt.user {
			t.Errorf("%s: %+v, %v", tt.name, p, err)
		}
	}
}

func TestRolesAndStreams(t *testing.T) {
	j := source(t, JWTConfig{Claims: Claims{Roles: "realm.roles", Streams: "streams"}})
	for _, tt := range []struct {
		claims         string
		roles, streams string
		reason         Reason
	}{
		{``, "[]", "[] true", ""},
		{`,"realm":{"roles":["a","b"]}`, "[a b]", "[] true", ""},
		{`,"realm.roles":"a b"`, "[a b]", "[] true", ""},
		{`,"scope":"orders:read orders:write","scp":["x"]`, "[orders:read orders:write x]", "[] true", ""},
		{`,"realm":{"roles":7}`, "[]", "[] true", ""},
		{`,"realm":7`, "[]", "[] true", ""},
		{`,"streams":["orders"]`, "[]", "[orders] false", ""},
		{`,"streams":"orders, news"`, "[]", "[orders news] false", ""},
		{`,"streams":[]`, "[]", "[] false", ""},
		{`,"streams":null`, "", "", ReasonMalformed},
		{`,"streams":{"orders":true}`, "", "", ReasonMalformed},
		{`,"streams":["orders",7]`, "", "", ReasonMalformed},
	} {
		p, err := j.Authenticate(as(signed(`{"sub":"alice"`+tt.claims+`}`, jwa.HS256(), secret)))
		if tt.reason != "" {
			wantRefused(t, err, tt.reason, "orders")
		} else if streams := fmt.Sprint(p.Streams, " ", p.Streams == nil); err != nil || fmt.Sprint(p.Roles) != tt.roles || streams != tt.streams {
			t.Errorf("%s: roles %v, streams %s, %v", tt.claims, p.Roles, streams, err)
		}
	}
}

func TestQueryTokensOnlyWhereWritten(t *testing.T) {
	token := signed(`{"sub":"alice"}`, jwa.HS256(), secret)
	r := httptest.NewRequest(http.MethodGet, "/events?token="+token+"&access_token="+token, nil)
	_, err := source(t, JWTConfig{From: places("header", "cookie:token")}).Authenticate(r)
	wantRefused(t, err, ReasonMissing, token)
	if p, err := source(t, JWTConfig{From: places("header", "query:token")}).Authenticate(r); err != nil || p.User != "alice" {
		t.Errorf("where it is written: %+v, %v", p, err)
	}
	for _, bad := range []string{"", "query", "query:", "cookie", "cookie:a b", "query:a=b", "body", "Header"} {
		if p, err := ParseCredentialSource(bad); err == nil {
			t.Errorf("ParsePlace(%q) = %v", bad, p)
		}
	}
}

func TestAPIKeys(t *testing.T) {
	text, hash := NewAPIKey()
	other, otherHash := NewAPIKey()
	if text == other || !strings.HasPrefix(text, apiKeyPrefix) || strings.Contains(hash, text) {
		t.Errorf("made %q, %q", text, hash)
	}
	keys := APIKeys{must(ParseAPIKey("shop", otherHash)), must(ParseAPIKey("billing", hash))}
	if key, err := keys.Check(as(text), ActionTickets); err != nil || key.Name != "billing" {
		t.Errorf("%q, %v", key.Name, err)
	}
	for token, reason := range map[string]Reason{"": ReasonMissing, text + "x": ReasonKey, text[1:]: ReasonKey, hash: ReasonKey, "\r\n": ReasonMissing} {
		_, err := keys.Check(as(token), ActionTickets)
		wantRefused(t, err, reason, text, hash)
	}
	_, err := APIKeys{}.Check(as(text), ActionTickets)
	wantRefused(t, err, ReasonKey, text)
	for _, bad := range []string{"", text, "sha256:", "sha256:zz", hash + "00", strings.TrimPrefix(hash, hashPrefix)} {
		if _, err := ParseAPIKey("shop", bad); err == nil || strings.Contains(err.Error(), text) || strings.Contains(err.Error(), hash[len(hashPrefix):]) {
			t.Errorf("ParseAPIKey(%q): %v", bad, err)
		}
	}
}

// However what holds a secret is printed, the secret isn't.
func TestSecretsDoNotPrint(t *testing.T) {
	key := must(SecretKey(secret))
	hidden := []any{
		key, &key, JWTConfig{Keys: key}, source(t, JWTConfig{}), *source(t, JWTConfig{}), Issuers{source(t, JWTConfig{})},
		must(NewAuthJS(AuthJSConfig{Secret: secret})), *must(NewAuthJS(AuthJSConfig{Secret: secret})), First{must(NewTickets(secret, 0))}, must(NewTickets(secret, 0)),
	}
	derived := must(NewAuthJS(AuthJSConfig{Secret: secret})).cookies[0].keys[gcm256].bytes()
	sealing := must(hkdf.Key(sha256.New, secret, nil, "sluice ticket 1", 32))
	for _, v := range hidden {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			text := fmt.Sprintf(verb, v)
			for _, s := range [][]byte{secret, derived, sealing} {
				for _, form := range []string{"%s", "%x", "%v", "%#v"} {
					if strings.Contains(text, strings.Trim(fmt.Sprintf(form, s), "[]")) {
						t.Errorf("%s of a %T shows a secret: %.200s", verb, v, text)
					}
				}
			}
		}
	}
}
