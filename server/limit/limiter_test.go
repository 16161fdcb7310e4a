package limit

import (
	"net/netip"
	"strconv"
	"testing"
	"time"
)

func TestConnectRates(t *testing.T) {
	l := New(Limits{Connects: Rate{5, time.Second}, PerIPConnects: Rate{3, time.Second}})
	one, other := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	now := time.Unix(1000, 0)
	want := func(ip netip.Addr, why string) {
		t.Helper()
		if got := l.Connect(ip, now); got != why {
			t.Errorf("%v at %v: %q, want %q", ip, now.Sub(time.Unix(1000, 0)), got, why)
		}
	}
	for range 3 {
		want(one, "")
	}
	for range 100 { // and takes nothing of what is everybody's
		want(one, PerIPConnects)
	}
	want(other, "")
	want(other, "")
	want(other, Connects)
	now = now.Add(time.Second / 3)
	want(one, "") // one more every third of a second
	want(one, PerIPConnects)
	now = now.Add(time.Hour)
	for range 3 {
		want(one, "")
	}
	for range 2 {
		want(netip.MustParseAddr("127.0.0.1"), "") // which counts towards what is everybody's, and has no limit itself
	}
	want(netip.MustParseAddr("127.0.0.1"), Connects)
}

func TestAddressesCountBy64(t *testing.T) {
	l := New(Limits{})
	same := func(a, b string) bool {
		return l.AddressKey(netip.MustParseAddr(a)) == l.AddressKey(netip.MustParseAddr(b))
	}
	if !same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9") || same("2001:db8:1:2::1", "2001:db8:1:3::1") {
		t.Error("IPv6 doesn't count by /64")
	}
	if same("203.0.113.1", "203.0.113.2") || !same("203.0.113.1", "::ffff:203.0.113.1") {
		t.Error("IPv4 doesn't count by address")
	}
	if l.AddressKey(netip.MustParseAddr("127.0.0.1")) != 0 || l.AddressKey(netip.MustParseAddr("::1")) != 0 || l.AddressKey(netip.Addr{}) != 0 {
		t.Error("this machine has a limit")
	}
}

// TestCountsForgetTheirOwn: a flood of addresses leaves nothing behind once it is over.
func TestCountsForgetTheirOwn(t *testing.T) {
	l := New(Limits{PerUser: 2, PerIP: 2, PerIPConnects: Rate{2, time.Second}, PerUserCatchups: Rate{2, time.Second}, PerIPCatchups: Rate{2, time.Second}})
	now := time.Unix(1000, 0)
	for i := range 200_000 {
		ip := netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)})
		if why := l.Connect(ip, now); why != "" {
			t.Fatal(why)
		}
		s, why := l.Acquire("user"+strconv.Itoa(i), ip)
		if why != "" {
			t.Fatal(why)
		}
		l.Release(s)
		l.Release(Quota{}) // gives nothing
		if why := l.CatchUp("user"+strconv.Itoa(i), ip, now); why != "" {
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
