package limit

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies says whose word is taken about a client's address. The zero Proxies takes
// nobody's.
type Proxies struct {
	Trusted []netip.Prefix
	// Header is the one that they write: X-Forwarded-For, or Forwarded (RFC 7239). The
	// other one is never looked at: a proxy that writes one hands the other on as the
	// client made it up. "" is X-Forwarded-For.
	Header string
	// Unix says that a peer without an address, at the other end of a Unix socket, is a
	// proxy.
	Unix bool
}

const (
	// Forwarded is the header of RFC 7239.
	Forwarded = "Forwarded"

	xForwardedFor = "X-Forwarded-For"
)

// maxHops bounds how many addresses of a header are looked at.
const maxHops = 32

// Address is where a request came from, for the log: the client's address, or the peer's
// if there is none ("@" where that is a Unix socket's).
func (p Proxies) Address(r *http.Request) string {
	if ip := p.Client(r); ip.IsValid() {
		return ip.String()
	}
	return r.RemoteAddr
}

// Client is the address a request came from: the last one, going back from this gateway,
// that no trusted proxy has. What stands before it in the header is the client's own
// claim. It is the zero Addr where there is none: for what the proxies themselves ask, or
// don't say anything of, and where the peer has no address (a Unix socket).
func (p Proxies) Client(r *http.Request) netip.Addr {
	ip := PeerAddr(r.RemoteAddr)
	if !p.Believes(ip) {
		return ip
	}
	hops := p.hops(r.Header)
	for n := range maxHops {
		if n > 0 && !p.trusts(ip) {
			return ip
		}
		var told bool
		if ip, told = hops(); !told {
			return netip.Addr{}
		}
		if !ip.IsValid() {
			return unreadable
		}
	}
	return unreadable
}

// Ignored returns the header that says where a request came from and isn't read: the peer
// is no trusted proxy, or it writes another header than Header. "" is none.
func (p Proxies) Ignored(r *http.Request) (header string) {
	read := xForwardedFor
	if p.Header == Forwarded {
		read = Forwarded
	}
	believed := p.Believes(PeerAddr(r.RemoteAddr))
	if believed && r.Header.Get(read) != "" {
		return ""
	}
	for _, name := range []string{xForwardedFor, Forwarded} {
		if r.Header.Get(name) != "" {
			return name
		}
	}
	return ""
}

// unreadable stands for all clients whose proxy says of them what can't be read. They
// share one address's limits: to write "unknown" must not be a way around these.
var unreadable = netip.IPv6Unspecified()

// Believes reports whether the other end of a connection is a trusted proxy.
func (p Proxies) Believes(peer netip.Addr) bool {
	return p.trusts(peer) || p.Unix && !peer.IsValid()
}

// trusts reports whether an address is a trusted proxy's.
func (p Proxies) trusts(ip netip.Addr) bool {
	for _, t := range p.Trusted {
		if t.Contains(ip) {
			return true
		}
	}
	return false
}

// hops returns what gives the header's addresses from the last to the first, the zero
// Addr for one that can't be read; false: there are no more. A header written several
// times counts as one with commas.
func (p Proxies) hops(header http.Header) func() (netip.Addr, bool) {
	parse := parseHop
	name := xForwardedFor
	if p.Header == Forwarded {
		name, parse = Forwarded, forwardedFor
	}
	lines := slices.Clone(header.Values(name)) // it is cut shorter from the end
	return func() (netip.Addr, bool) {
		for len(lines) > 0 {
			last := len(lines) - 1
			rest, hop, more := cutLast(lines[last], ',')
			if more {
				lines[last] = rest
			} else {
				lines = lines[:last]
			}
			if hop = strings.Trim(hop, " \t"); hop != "" {
				ip, ok := parse(hop)
				if !ok {
					ip = netip.Addr{}
				}
				return ip, true
			}
		}
		return netip.Addr{}, false
	}
}

// cutLast cuts s around its last sep, one inside a quoted string not counted. It looks
// from the end, which a proxy wrote: an open quote in what the client wrote before can't
// swallow that.
func cutLast(s string, sep byte) (before, after string, found bool) {
	quoted := false
	for i := len(s) - 1; i >= 0; i-- {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return "", s, false
}

// forwardedFor reads the for parameter of one element of Forwarded.
func forwardedFor(element string) (netip.Addr, bool) {
	for element != "" {
		rest, pair, _ := cutLast(element, ';')
		element = rest
		name, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
		if !ok || !strings.EqualFold(name, "for") {
			continue
		}
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		return parseHop(value)
	}
	return netip.Addr{}, false
}

// parseHop reads an address, with or without a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1], [2001:db8::1]:80. "unknown" and obfuscated names are no
// address.
func parseHop(hop string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]")); err == nil {
		return plainAddr(ip), ip.Zone() == ""
	}
	if addr, err := netip.ParseAddrPort(hop); err == nil {
		return plainAddr(addr.Addr()), addr.Addr().Zone() == ""
	}
	return netip.Addr{}, false
}

// PeerAddr is the address of a connection's other end; the zero Addr where it has none.
func PeerAddr(remote string) netip.Addr {
	addr, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return plainAddr(addr.Addr())
}

// plainAddr makes IPv4 in IPv6 plain IPv4, so that one address has one form.
func plainAddr(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }
