package server

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"sluice/server/limit"
)

// address is the client's, as the trusted proxy on this machine says.
func address(ip string) []string { return []string{"X-Forwarded-For", ip} }

const eventStream = "text/event-stream"

func limitedBy(l limit.Limits) func(*Config) {
	return func(c *Config) {
		c.Limits = l
		c.Proxies = proxies("", "127.0.0.0/8")
	}
}

// TestLimits: what is beyond a limit is told to wait, in the way that its kind of client
// survives; what ends makes room again.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		limits limit.Limits
		why    string
		status int
		other  []string // not concerned: user, address
	}{
		{limit.Limits{Connections: 2}, limit.Connections, 503, nil},
		{limit.Limits{PerUser: 2}, limit.PerUser, 429, []string{"bob", "203.0.113.1"}},
		{limit.Limits{PerIP: 2}, limit.PerIP, 429, []string{"alice", "203.0.113.9"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f := begin(t, limitedBy(tt.limits))
			open := func(user, ip string, headers ...string) *opened {
				return f.get("/events?user="+user, append(address(ip), headers...)...)
			}
			first, second := open("alice", "203.0.113.1"), open("alice", "203.0.113.1")
			first.want("sluice.hello", "*")
			second.want("sluice.hello", "*")
			third := open("alice", "203.0.113.1")
			if third.StatusCode != tt.status || third.Header.Get("Retry-After") != "15" {
				t.Errorf("%d, Retry-After %q", third.StatusCode, third.Header.Get("Retry-After"))
			}
			browser := open("alice", "203.0.113.1", "Accept", eventStream)
			if text := browser.body(); browser.StatusCode != 200 || !strings.HasPrefix(text, "retry: 15000\n\n") || !strings.Contains(text, `{"reason":"`+tt.why+`","retry_ms":15000}`) {
				t.Errorf("a browser was told %d %s", browser.StatusCode, text)
			}
			if n := f.metricOf("sluice_unavailable_total", tt.why); n != 2 {
				t.Errorf("counted %v", n)
			}
			if tt.other != nil {
				open(tt.other[0], tt.other[1]).want("sluice.hello", "*")
			}
			second.cancel()
			eventually(t, "there is room again", func() bool {
				return open("alice", "203.0.113.1", "Accept", "text/event-stream").wantOneOf("sluice.hello", "sluice.unavailable") == "sluice.hello"
			})
		})
	}
}

// wantOneOf reads one event.
func (o *opened) wantOneOf(names ...string) string {
	o.t.Helper()
	e, err := o.events.Next()
	if err != nil || !strings.Contains(strings.Join(names, " "), e.Name) {
		o.t.Fatalf("%+v, %v", e, err)
	}
	return e.Name
}

// TestHardRefusalsStay: who is nobody is told so, and takes nobody's place.
func TestHardRefusalsStay(t *testing.T) {
	f := begin(t, limitedBy(limit.Limits{Connections: 1, PerIP: 1}))
	for range 5 {
		if s := f.get("/events", append(address("203.0.113.1"), "Accept", eventStream)...); s.StatusCode != 401 {
			t.Errorf("no identity: %d", s.StatusCode)
		}
	}
	f.get("/events?user=a", address("203.0.113.1")...).want("sluice.hello", "*")
}

// A caller that asks too often for what Kafka has to tell must wait. What memory tells is
// free, and nobody else is concerned.
func TestCatchUpsOfOneUserAndAddressAreBounded(t *testing.T) {
	old := url.QueryEscape("orders@other:0")
	for _, tt := range []struct {
		limits limit.Limits
		why    string
		other  []string // not concerned: user, address
	}{
		{limit.Limits{PerUserCatchups: limit.Rate{N: 3, Per: time.Hour}}, limit.PerUserCatchups, []string{"bob", "203.0.113.1"}},
		{limit.Limits{PerIPCatchups: limit.Rate{N: 3, Per: time.Hour}}, limit.PerIPCatchups, []string{"alice", "203.0.113.9"}},
		{limit.Limits{PerIPCatchups: limit.Rate{N: 3, Per: time.Hour}}, limit.PerIPCatchups, []string{"alice", "127.0.0.1"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			f := begin(t, limitedBy(tt.limits))
			open := func(user, ip, query string, headers ...string) *opened {
				return f.get("/events?user="+user+query, append(address(ip), headers...)...)
			}
			for _, query := range []string{"&from=earliest", "&from=since:2026-01-31T12:00:00Z", "&from=last:10"} {
				open("alice", "203.0.113.1", query).want("sluice.hello", "*")
			}
			for range 20 {
				open("alice", "203.0.113.1", "").want("sluice.hello", "*")
			}
			for _, path := range []string{"/events?user=alice&from=earliest", "/events?user=alice&lastEventId=" + old, "/state?user=alice&stream=news&cursor=" + url.QueryEscape("news@other:0")} {
				if got := f.get(path, address("203.0.113.1")...); got.StatusCode != 429 || got.Header.Get("Retry-After") != "15" {
					t.Errorf("%s: %d, Retry-After %q", path, got.StatusCode, got.Header.Get("Retry-After"))
				}
			}
			browser := open("alice", "203.0.113.1", "&from=earliest", "Accept", eventStream)
			if text := browser.body(); browser.StatusCode != 200 || !strings.Contains(text, `{"reason":"`+tt.why+`","retry_ms":15000}`) {
				t.Errorf("a browser was told %d %s", browser.StatusCode, text)
			}
			open(tt.other[0], tt.other[1], "&from=earliest").want("sluice.hello", "*")
			if n := f.metricOf("sluice_unavailable_total", tt.why); n != 4 {
				t.Errorf("counted %v", n)
			}
		})
	}
}

// TestEveryLimitIsSaid: who is beyond a limit is told which, in words.
func TestEveryLimitIsSaid(t *testing.T) {
	for why := range limitStatus {
		if waiting[why] == "" {
			t.Errorf("%s has no words", why)
		}
	}
}

// A client can have its proxy write "unknown" or nonsense: all of them share one
// address's limits.
func TestClientsThatTheProxyCannotNameCountAsOneAddress(t *testing.T) {
	f := begin(t, limitedBy(limit.Limits{PerIP: 2}))
	for i, claim := range []string{"unknown", "_hidden", "nonsense"} {
		s := f.get("/events?user=u", "X-Forwarded-For", claim)
		if refused := s.StatusCode == 429; refused != (i == 2) {
			t.Errorf("%s: %d", claim, s.StatusCode)
		}
	}
}

// proxies trusts these.
func proxies(header string, trusted ...string) limit.Proxies {
	p := limit.Proxies{Header: header}
	for _, t := range trusted {
		p.Trusted = append(p.Trusted, netip.MustParsePrefix(t))
	}
	return p
}
