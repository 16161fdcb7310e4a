package cors

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// CookieCounts reports whether a request that changes something may count as its
// visitor's by a cookie alone. It is the rule for every such route.
//
// A browser sends cookies with whatever a page of any site makes it send, so the page
// must say where it is from. Its one Origin is this host, or one of Origins that may use
// cookies. The body is application/json, which no form can send: for that a page of
// another origin has to ask first. proxied says that the peer is a proxy that is
// believed.
func (c Config) CookieCounts(r *http.Request, proxied bool) bool {
	origins := r.Header.Values("Origin")
	if len(origins) != 1 || !IsJSON(r) {
		return false
	}
	if OwnHost(r, origins[0], proxied) {
		// Browsers that say it tell http://shop.example from https://shop.example.
		site := r.Header.Get(SecFetchSite)
		return site == "" || site == "same-origin"
	}
	return c.Credentials && c.Allows(origins[0])
}

// IsJSON reports whether a request says that its body is application/json.
func IsJSON(r *http.Request) bool {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return false
	}
	kind, _, err := mime.ParseMediaType(types[0])
	return err == nil && kind == "application/json"
}

// WithoutCookies is a request without what a browser adds to it by itself. These are its
// cookies, and the password of basic authentication. had says that there was any.
func WithoutCookies(r *http.Request) (bare *http.Request, had bool) {
	bare = r.Clone(r.Context())
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if had = r.Header.Get("Cookie") != ""; scheme != "" && !strings.EqualFold(scheme, "Bearer") {
		had = true
		bare.Header.Del("Authorization")
	}
	bare.Header.Del("Cookie")
	return bare, had
}

// OwnHost reports whether an origin is of the host that a request is for. proxied says
// that the peer is a proxy that is believed about it.
func OwnHost(r *http.Request, origin string, proxied bool) bool {
	from, err := url.Parse(origin)
	if err != nil || from.Host == "" {
		return false
	}
	hosts := []string{r.Host}
	if proxied {
		for item := range strings.SplitSeq(strings.Join(r.Header.Values("X-Forwarded-Host"), ","), ",") {
			hosts = append(hosts, strings.TrimSpace(item))
		}
	}
	return slices.ContainsFunc(hosts, func(host string) bool { return strings.EqualFold(usualPort(host), usualPort(from.Host)) })
}

// usualPort leaves out the port that a scheme has anyway. A proxy that ends TLS may name
// either.
func usualPort(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}
