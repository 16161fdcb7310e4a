package load

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Protocols that a server may be asked to speak. WS are WebSockets.
const (
	HTTP  = "http"
	HTTPS = "https"
	H2C   = "h2c"
	WS    = "ws"
)

// Everyone is the user, channel or topic that stands for all where a server
// knows no audience.
const Everyone = "everyone"

// UserOf is the name of client n's user.
func UserOf(n int) string { return "u" + strconv.Itoa(n) }

// Expand fills in a template: {n} is the client's number, {user} its user and
// {token} its line of the token file.
func Expand(template string, n int, token string) string {
	if !strings.Contains(template, "{") {
		return template
	}
	return strings.NewReplacer("{n}", strconv.Itoa(n), "{user}", UserOf(n), "{token}", token).Replace(template)
}

// SplitList takes a list of words apart.
func SplitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

// CutHeader takes a header line apart.
func CutHeader(s string) (name, value string, err error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok || name == "" {
		return "", "", fmt.Errorf("header %q: write \"Name: value\"", s)
	}
	return name, strings.TrimSpace(value), nil
}

// SplitURL takes a URL template apart without escaping its placeholders.
func SplitURL(template string) (addr, path string, err error) {
	rest, ok := strings.CutPrefix(template, "http://")
	if !ok {
		return "", "", fmt.Errorf("%q: begin with http://", template)
	}
	addr, path, _ = strings.Cut(rest, "/")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(addr, "80")
	}
	_, err = Loopback(addr)
	return addr, "/" + path, err
}

// Loopback parses host:port and refuses what isn't this machine: a load
// generator that takes any target is a weapon.
func Loopback(hostport string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %q: %w", hostport, err)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	addr, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %q: %w", hostport, err)
	}
	if !addr.Addr().Is4() || !addr.Addr().IsLoopback() {
		return netip.AddrPort{}, fmt.Errorf("address %q: bench loads this machine only (127.0.0.0/8)", hostport)
	}
	return addr, nil
}
