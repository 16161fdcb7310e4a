package cors

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// origin is one that may read, or a pattern of some.
type origin struct {
	scheme string
	before string // of the host, in front of the *; all of it where there is none
	after  string // of the host, behind the *
	some   bool   // there is a *
	port   string // ":8443"; "": the scheme's own
}

// originScheme is one that an Origin can have. Apart from http and https these are the
// schemes of apps and extensions: capacitor, ionic, tauri, chrome-extension,
// moz-extension and others.
var originScheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)

// opaque are the schemes whose pages have no origin: browsers send "null" for them (HTML,
// section 7.1.1).
var opaque = map[string]bool{"about": true, "blob": true, "data": true, "file": true, "javascript": true, "null": true}

// hostChars are those of a host name and of an IPv6 address in its brackets.
var hostChars = regexp.MustCompile(`^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)$`)

// CheckOrigin fails for what is no origin, and for a pattern that is too wide for
// cookies. Its errors are for people.
//
// An origin is scheme://host or scheme://host:port. "*" alone is any, and one * may stand
// for part of the host. With credentials an origin is named as it is, or is *. above two
// labels or more: a page of any origin that matches reads as its visitor.
func CheckOrigin(text string, credentials bool) error {
	if text == "*" {
		if credentials {
			return errors.New("* with credentials would let every site read its visitors' events: name the origins")
		}
		return nil
	}
	o, err := parseOrigin(text)
	if err != nil {
		return err
	}
	if credentials && o.some && !o.narrow() {
		return fmt.Errorf("%q with credentials would let too many sites read their visitors' events: name the origins, or write *. above two labels, as in https://*.shop.example", text)
	}
	return nil
}

// parseOrigin reads an origin. Its errors are for people.
func parseOrigin(text string) (origin, error) {
	bad := fmt.Errorf("%q is no origin: write scheme://host or scheme://host:port, with nothing after it", text)
	scheme, host, ok := strings.Cut(strings.ToLower(text), "://")
	if !ok || !originScheme.MatchString(scheme) {
		return origin{}, bad
	}
	if opaque[scheme] {
		return origin{}, fmt.Errorf("%q is no origin: browsers name none for pages of %s:", text, scheme)
	}
	o := origin{scheme: scheme}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		port := host[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
			return origin{}, bad
		}
		host, o.port = host[:i], host[i:]
		if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
			o.port = "" // browsers leave it out
		}
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r > '~' }) {
		return origin{}, fmt.Errorf("%q has letters that browsers write otherwise: write the host as they do, beginning with xn--", text)
	}
	if !hostChars.MatchString(strings.Replace(host, "*", "x", 1)) || host[0] == '.' || strings.Contains(host, "..") || host[0] == '[' && !isIPv6(host) {
		return origin{}, bad
	}
	o.before, o.after, o.some = strings.Cut(host, "*")
	return o, nil
}

func isIPv6(host string) bool {
	ip, err := netip.ParseAddr(host[1 : len(host)-1])
	return err == nil && ip.Is6()
}

// narrow reports whether a pattern is *. above two labels of a name or more. A last label
// of digits is an address's.
func (o origin) narrow() bool {
	labels := strings.Split(strings.TrimPrefix(o.after, "."), ".")
	if o.before != "" || !strings.HasPrefix(o.after, ".") || len(labels) < 2 {
		return false
	}
	for _, label := range labels {
		if strings.Trim(label, "-_") == "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && net.ParseIP(o.after[1:]) == nil
}

// matches reports whether an Origin, in small letters, is one of these. The * stands for
// one character at least, and for nothing but characters of a host.
func (o origin) matches(from string) bool {
	rest, ok := strings.CutPrefix(from, o.scheme+"://")
	if !ok {
		return false
	}
	if !o.some {
		return rest == o.before+o.port
	}
	rest, before := strings.CutPrefix(rest, o.before)
	part, after := strings.CutSuffix(rest, o.after+o.port)
	return before && after && part != "" && hostChars.MatchString(part) && part[0] != '['
}
