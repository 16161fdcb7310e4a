package operators

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"sluice/server/response"
)

// SameOrigin refuses what a page of another origin makes an operator's browser do, which
// has the operator's password, or is on a machine that needs none.
func (o *Operators) SameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.Deny(w, r, response.NewProblem(http.StatusForbidden, "cross-origin", "Not for pages of another site", "A page of another origin may not do this."))
	}))
	return guard.Handler(next)
}

// KnownHost refuses a request whose Host is no address and not localhost. Without a token
// the address is this machine's own, and a page whose name is made to lead there (DNS
// rebinding) would be of the same origin. /livez and /readyz tell nothing that such a
// page may not know.
func (o *Operators) KnownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, served := r.Context().Value(http.LocalAddrContextKey).(net.Addr) // else nobody has connected
		if served && !ownName(r.Host) && r.URL.Path != "/livez" && r.URL.Path != "/readyz" {
			o.Deny(w, r, response.NewProblem(http.StatusForbidden, "host", "Wrong host name", "Without admin_auth the admin address is asked as localhost, or by its IP address."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ownName reports whether a Host can't be a name that somebody else made lead here.
func ownName(host string) bool {
	name := strings.Trim(host, "[]")
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	_, err := netip.ParseAddr(name)
	return err == nil || name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") // RFC 6761
}
