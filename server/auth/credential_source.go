package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// CredentialSource is where a request may carry a token.
type CredentialSource struct {
	kind sourceKind
	name string // of a cookie or a query parameter
}

type sourceKind uint8

const (
	headerSource sourceKind = iota // Authorization: Bearer
	cookieSource
	querySource
)

// ParseCredentialSource reads header, cookie:NAME or query:NAME.
func ParseCredentialSource(text string) (CredentialSource, error) {
	kind, name, named := strings.Cut(text, ":")
	switch {
	case text == "header":
		return CredentialSource{}, nil
	case kind == "cookie" && named:
		if (&http.Cookie{Name: name, Value: "x"}).Valid() != nil {
			return CredentialSource{}, fmt.Errorf("%q can't name a cookie", name)
		}
		return CredentialSource{cookieSource, name}, nil
	case kind == "query" && named:
		if name == "" || name != url.QueryEscape(name) {
			return CredentialSource{}, fmt.Errorf("%q can't name a query parameter: write letters, digits, - and _", name)
		}
		return CredentialSource{querySource, name}, nil
	}
	return CredentialSource{}, fmt.Errorf("%q is unknown: write header, cookie:NAME or query:NAME", text)
}

// InQuery reports whether the token is in the URL, which logs and histories keep.
func (p CredentialSource) InQuery() bool { return p.kind == querySource }

// String is what ParseCredentialSource reads.
func (p CredentialSource) String() string {
	return [...]string{"header", "cookie:" + p.name, "query:" + p.name}[p.kind]
}

// token returns what the request has there, "" if nothing.
func (p CredentialSource) token(r *http.Request) string {
	switch p.kind {
	case cookieSource:
		if cookie, err := r.Cookie(p.name); err == nil {
			return cookie.Value
		}
		return ""
	case querySource:
		return r.URL.Query().Get(p.name)
	}
	return bearer(r)
}

// bearer returns the token of an Authorization header. Another scheme there is
// nobody's business here: a proxy in front may use Basic while the login is a cookie.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
