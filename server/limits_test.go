package server

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// address is the client's, as the trusted proxy on this machine says.
func address(ip string) []string { return []string{"X-Forwarded-For", ip} }

const eventStream = "text/event-stream"

func limitedBy(l Limits) func(*Config) {
	return func(c *Config) {
		c.Limits = l
		c.Proxies = proxies("", "127.0.0.0/8")
	}
}

// TestLimits: what is beyond a limit is told to wait, in the way that its kind of client
// survives; what ends makes room again.
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		limits Limits
		why    string
		status int
		other  []string // not concerned: user, address
	}{
		{Limits{Connections: 2}, limitConnections, 503, nil},
		{Limits{PerUser: 2}, limitPerUser, 429, []string{"bob", "203.0.113.1"}},
		{Limits{PerIP: 2}, limitPerIP, 429, []string{"alice", "203.0.113.9"}},
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
			if n := testutil.ToFloat64(f.cfg.Metrics.unavailables.WithLabelValues(tt.why)); n != 2 {
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
	f := begin(t, limitedBy(Limits{Connections: 1, PerIP: 1}))
	for range 5 {
		if s := f.get("/events", append(address("203.0.113.1"), "Accept", eventStream)...); s.StatusCode != 401 {
			t.Errorf("no identity: %d", s.StatusCode)
		}
	}
	f.get("/events?user=a", address("203.0.113.1")...).want("sluice.hello", "*")
}

func TestConnectRates(t *testing.T) {
	l := newLimiter(Limits{Connects: Rate{5, time.Second}, PerIPConnects: Rate{3, time.Second}})
	one, other := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	now := time.Unix(1000, 0)
	want := func(ip netip.Addr, why string) {
		t.Helper()
		if got := l.connect(ip, now); got != why {
			t.Errorf("%v at %v: %q, want %q", ip, now.Sub(time.Unix(1000, 0)), got, why)
		}
	}
	for range 3 {
		want(one, "")
	}
	for range 100 { // and takes nothing of what is everybody's
		want(one, limitPerIPConnects)
	}
	want(other, "")
	want(other, "")
	want(other, limitConnects)
	now = now.Add(time.Second / 3)
	want(one, "") // one more every third of a second
	want(one, limitPerIPConnects)
	now = now.Add(time.Hour)
	for range 3 {
		want(one, "")
	}
	for range 2 {
		want(netip.MustParseAddr("127.0.0.1"), "") // which counts towards what is everybody's, and has no limit itself
	}
	want(netip.MustParseAddr("127.0.0.1"), limitConnects)
}

func TestAddressesCountBy64(t *testing.T) {
	l := newLimiter(Limits{})
	same := func(a, b string) bool { return l.address(netip.MustParseAddr(a)) == l.address(netip.MustParseAddr(b)) }
	if !same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9") || same("2001:db8:1:2::1", "2001:db8:1:3::1") {
		t.Error("IPv6 doesn't count by /64")
	}
	if same("203.0.113.1", "203.0.113.2") || !same("203.0.113.1", "::ffff:203.0.113.1") {
		t.Error("IPv4 doesn't count by address")
	}
	if l.address(netip.MustParseAddr("127.0.0.1")) != 0 || l.address(netip.MustParseAddr("::1")) != 0 || l.address(netip.Addr{}) != 0 {
		t.Error("this machine has a limit")
	}
}

// A caller that asks too often for what Kafka has to tell must wait. What memory tells is
// free, and nobody else is concerned.
func TestCatchUpsOfOneUserAndAddressAreBounded(t *testing.T) {
	old := url.QueryEscape("orders@other:0")
	for _, tt := range []struct {
		limits Limits
		why    string
		other  []string // not concerned: user, address
	}{
		{Limits{PerUserCatchups: Rate{3, time.Hour}}, limitPerUserCatchups, []string{"bob", "203.0.113.1"}},
		{Limits{PerIPCatchups: Rate{3, time.Hour}}, limitPerIPCatchups, []string{"alice", "203.0.113.9"}},
		{Limits{PerIPCatchups: Rate{3, time.Hour}}, limitPerIPCatchups, []string{"alice", "127.0.0.1"}},
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
			if n := testutil.ToFloat64(f.cfg.Metrics.unavailables.WithLabelValues(tt.why)); n != 4 {
				t.Errorf("counted %v", n)
			}
		})
	}
}

// TestCountsForgetTheirOwn: a flood of addresses leaves nothing behind once it is over.
func TestCountsForgetTheirOwn(t *testing.T) {
	l := newLimiter(Limits{PerUser: 2, PerIP: 2, PerIPConnects: Rate{2, time.Second}, PerUserCatchups: Rate{2, time.Second}, PerIPCatchups: Rate{2, time.Second}})
	now := time.Unix(1000, 0)
	for i := range 200_000 {
		ip := netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)})
		if why := l.connect(ip, now); why != "" {
			t.Fatal(why)
		}
		s, why := l.take("user"+strconv.Itoa(i), ip)
		if why != "" {
			t.Fatal(why)
		}
		l.give(s)
		l.give(stake{}) // gives nothing
		if why := l.catchup("user"+strconv.Itoa(i), ip, now); why != "" {
			t.Fatal(why)
		}
		now = now.Add(time.Millisecond)
	}
	if len(l.counts) != 0 || l.open != 0 {
		t.Errorf("%d counts, %d open", len(l.counts), l.open)
	}
	if len(l.byIP.by) > 3*minSweep {
		t.Errorf("%d buckets", len(l.byIP.by))
	}
	if len(l.caught.by) > 3*minSweep {
		t.Errorf("%d buckets of catch-ups", len(l.caught.by))
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
