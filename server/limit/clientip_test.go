package limit

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestClientAddress(t *testing.T) {
	const xff = "X-Forwarded-For"
	for _, tt := range []struct {
		name   string
		by     Proxies
		peer   string
		header []string // pairs
		want   string   // "" none
	}{
		{"nobody is trusted", trusting(xff), "192.0.2.1:99", []string{xff, "203.0.113.9"}, "192.0.2.1"},
		{"spoofed by a stranger", trusting(xff, "10.0.0.0/8"), "192.0.2.1:99", []string{xff, "203.0.113.9", Forwarded, "for=203.0.113.9"}, "192.0.2.1"},
		{"one proxy", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, "203.0.113.9"}, "203.0.113.9"},
		{"spoofed before the proxy", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, "127.0.0.1, 198.51.100.7, 203.0.113.9"}, "203.0.113.9"},
		{"spoofed as one of the proxies", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, "10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		{"spoofed in the other header", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{Forwarded, "for=198.51.100.7", xff, "203.0.113.9"}, "203.0.113.9"},
		{"spoofed in the other header, the other way", trusting(Forwarded, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, "198.51.100.7", Forwarded, "for=203.0.113.9"}, "203.0.113.9"},
		{"two proxies", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, "198.51.100.7, 203.0.113.9, 10.4.4.4"}, "203.0.113.9"},
		{"in two lines", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, "198.51.100.7", xff, "203.0.113.9 , ,10.4.4.4"}, "203.0.113.9"},
		{"with a port", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, "203.0.113.9:4711"}, "203.0.113.9"},
		{"garbage before the proxy's word", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, `"', 203.0.113.9`}, "203.0.113.9"},
		{"a proxy that doesn't know", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, "unknown"}, "::"},
		{"a proxy's own question", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", nil, ""},
		{"only proxies, and very many", trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", []string{xff, strings.Repeat("10.0.0.1,", 1000)}, "::"},
		{"IPv4 in IPv6", trusting(xff, "10.0.0.0/8"), "[::ffff:10.1.2.3]:99", []string{xff, "::ffff:203.0.113.9"}, "203.0.113.9"},
		{"IPv6", trusting(xff, "fd00::/8"), "[fd00::1]:99", []string{xff, "2001:db8::7"}, "2001:db8::7"},
		{"IPv6 with a port", trusting(xff, "fd00::/8"), "[fd00::1]:99", []string{xff, "[2001:db8::7]:80"}, "2001:db8::7"},
		{"IPv6 with a zone", trusting(xff, "fd00::/8"), "[fd00::1]:99", []string{xff, "fe80::1%eth0"}, "::"},
		{"RFC 7239", trusting(Forwarded, "10.0.0.0/8"), "10.1.2.3:99", []string{Forwarded, `for=198.51.100.7;proto=http, For="203.0.113.9:80";by=10.1.2.3`}, "203.0.113.9"},
		{"RFC 7239, IPv6", trusting(Forwarded, "10.0.0.0/8"), "10.1.2.3:99", []string{Forwarded, `proto=https;for="[2001:db8::7]:4711"`}, "2001:db8::7"},
		{"RFC 7239, an open quote before the proxy's word", trusting(Forwarded, "10.0.0.0/8"), "10.1.2.3:99", []string{Forwarded, `for="1.2.3.4, for=203.0.113.9`}, "203.0.113.9"},
		{"RFC 7239, obfuscated", trusting(Forwarded, "10.0.0.0/8"), "10.1.2.3:99", []string{Forwarded, "for=_hidden"}, "::"},
		{"RFC 7239, without for", trusting(Forwarded, "10.0.0.0/8"), "10.1.2.3:99", []string{Forwarded, "by=10.1.2.3"}, "::"},
		{"a Unix socket", trusting(xff, "10.0.0.0/8"), "@", []string{xff, "203.0.113.9"}, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/events", nil)
		r.RemoteAddr = tt.peer
		for i := 0; i < len(tt.header); i += 2 {
			r.Header.Add(tt.header[i], tt.header[i+1])
		}
		got := tt.by.Client(r)
		if want, _ := netip.ParseAddr(tt.want); got != want {
			t.Errorf("%s: %v, want %q", tt.name, got, tt.want)
		}
		if again := tt.by.Client(r); again != got {
			t.Errorf("%s: asked again it is %v", tt.name, again)
		}
	}
}

// FuzzClientAddress: whatever a client writes before what the proxy adds, the proxy's
// word is what counts.
func FuzzClientAddress(f *testing.F) {
	f.Add("for=\"1.2.3.4", "1.2.3.4, \"", true)
	f.Add("for=10.0.0.1;\\\"", "10.0.0.1,10.0.0.2:1,[::1]", false)
	f.Fuzz(func(t *testing.T, first, second string, separate bool) {
		for _, header := range []string{"X-Forwarded-For", Forwarded} {
			p := trusting(header, "10.0.0.0/8")
			r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{}}
			word := "203.0.113.9"
			if header == Forwarded {
				word = "for=" + word
			}
			if separate {
				r.Header[header] = []string{first, second, word}
			} else {
				r.Header[header] = []string{first, second + "," + word}
			}
			if got := p.Client(r); got.String() != "203.0.113.9" {
				t.Errorf("%s: %q is %v", header, r.Header, got)
			}
			r.RemoteAddr = "192.0.2.1:1"
			if got := p.Client(r); got.String() != "192.0.2.1" {
				t.Errorf("%s: %q from a stranger is %v", header, r.Header, got)
			}
			r.RemoteAddr, r.Header[header] = "10.0.0.1:1", []string{first, second} // anything, and no crash
			if got := p.Client(r); p.trusts(got) {
				t.Errorf("%s: %q is the proxy %v", header, r.Header, got)
			}
		}
	})
}

func trusting(header string, trusted ...string) Proxies {
	p := Proxies{Header: header}
	for _, t := range trusted {
		p.Trusted = append(p.Trusted, netip.MustParsePrefix(t))
	}
	return p
}

// TestAHeaderThatIsNotRead: a header that names the client is ignored where its writer
// isn't trusted, or is expected to write the other one.
func TestAHeaderThatIsNotRead(t *testing.T) {
	const xff = "X-Forwarded-For"
	for _, tt := range []struct {
		by     Proxies
		peer   string
		header string
		want   string
	}{
		{trusting(xff), "10.1.2.3:99", xff, xff},
		{trusting(xff), "10.1.2.3:99", Forwarded, Forwarded},
		{trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", xff, ""},
		{trusting("", "10.0.0.0/8"), "10.1.2.3:99", xff, ""},
		{trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", Forwarded, Forwarded},
		{trusting(Forwarded, "10.0.0.0/8"), "10.1.2.3:99", Forwarded, ""},
		{trusting(Forwarded, "10.0.0.0/8"), "10.1.2.3:99", xff, xff},
		{trusting(xff, "10.0.0.0/8"), "10.1.2.3:99", "Accept", ""},
		{trusting(xff, "10.0.0.0/8"), "@", xff, xff},
		{Proxies{Unix: true}, "@", xff, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/events", nil)
		r.RemoteAddr = tt.peer
		r.Header.Set(tt.header, "203.0.113.9")
		if got := tt.by.Ignored(r); got != tt.want {
			t.Errorf("%+v, %s from %s: %q, want %q", tt.by, tt.header, tt.peer, got, tt.want)
		}
	}
}
