package config

import (
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/stream/cursor"
)

const goodKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func TestGuardFillsWhatIsNotWritten(t *testing.T) {
	c := mustLoad(t, minimal)
	want := Limits{Connections: 100_000, PerUser: 12, PerIP: 300, ConnectsPerSecond: 2000, PerIPConnects: Rate{20, time.Second}, PerUserCatchups: Rate{60, time.Minute}, PerIPCatchups: Rate{600, time.Minute}, HeaderBytes: 16 << 10, PerIPRequests: Rate{100, time.Second}, StateBytes: 64 << 20}
	if c.Limits != want {
		t.Errorf("limits = %+v, want %+v", c.Limits, want)
	}
	if c.IDs != cursor.Plain || c.TrustedProxies != nil || c.ForwardedHeader != "X-Forwarded-For" || c.ProxyProtocol {
		t.Errorf("%+v", c.Guard)
	}
}

func TestUsersMadeUpHaveNoLimitUnlessWritten(t *testing.T) {
	trying := strings.Replace(minimal, minimal[strings.Index(minimal, "auth:"):], "auth: none\n", 1)
	if l := mustLoad(t, trying).Limits; l.PerUser != 0 || l.ConnectsPerSecond != 0 || l.Connections != 100_000 {
		t.Errorf("limits = %+v", l)
	}
	if l := mustLoad(t, trying+"limits: {per_user: 3}\n").Limits; l.PerUser != 3 {
		t.Errorf("limits = %+v", l)
	}
}

func TestGuardAsWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"ids.keys": "# newest first\n\nk2:" + goodKey + "\n k1:" + strings.Repeat("A", 43) + "=\r\n",
		"token":    "a token for operators\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := mustLoad(t, minimal+`
ids: sealed
ids_keys_file: ids.keys
limits: {connections: 0, per_user: 3, per_ip_connects: 100/m, header_bytes: 32768}
trusted_proxies: [10.1.2.3/8, 'fd00::/8', 192.0.2.1]
forwarded_header: Forwarded
proxy_protocol: true
admin: ":9090"
admin_auth: {token_file: token}
`)
	prefixes := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("192.0.2.1/32")}
	if !slices.Equal(c.TrustedProxies, prefixes) || c.ForwardedHeader != "Forwarded" || !c.ProxyProtocol {
		t.Errorf("%+v", c.Guard)
	}
	if l := c.Limits; l.Connections != 0 || l.PerUser != 3 || l.PerIP != 300 || l.PerIPConnects != (Rate{100, time.Minute}) || l.HeaderBytes != 32<<10 {
		t.Errorf("limits = %+v", l)
	}
	if _, sealed := c.IDs.(*cursor.Sealer); !sealed || c.AdminAuth.Token.Reveal() != "a token for operators" {
		t.Errorf("%T, %v", c.IDs, c.AdminAuth)
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{"20/s": {20, time.Second}, "1/h": {1, time.Hour}, "0": {}} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "20", "/s", "0/s", "-1/s", "1.5/s", "20/d", "20/s/s", "99999999/s", "20 /s"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestWhatHappensBeyondPerUserCanBeChosen(t *testing.T) {
	for text, want := range map[string]bool{"": false, "limits: {per_user_action: refuse}\n": false, "limits: {per_user_action: evict_oldest}\n": true} {
		c, findings := Parse("sluice.yaml", []byte("kafka: {brokers: [\"k:9092\"]}\nstreams: {orders: {topic: t, user: key}}\nauth: none\n"+text), nil)
		if faults := findings.Faults(); len(faults) > 0 {
			t.Fatal(faults)
		}
		if got := c.ServerLimits().EvictOldest; got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestEveryLimitArrives: each limit of the configuration reaches the server, and none of
// the numbers may be negative.
func TestEveryLimitArrives(t *testing.T) {
	full := Guard{PerUserAction: PerUserEvict}
	for v, i := reflect.ValueOf(&full.Limits).Elem(), 0; i < v.NumField(); i++ {
		switch f := v.Field(i); f.Interface().(type) {
		case int, Size:
			f.SetInt(int64(1 + i))
		case Rate:
			f.Set(reflect.ValueOf(Rate{1 + i, time.Hour}))
		}
	}
	for v, i := reflect.ValueOf(full.ServerLimits()), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("server.Limits.%s is not set", v.Type().Field(i).Name)
		}
	}
	for _, k := range Keys() {
		name, ok := strings.CutPrefix(k.Path, "limits.")
		if !ok || k.Kind() != "number" {
			continue
		}
		if _, findings := load(t, minimal+"limits: {"+name+": -1}\n"); len(findings.Faults()) == 0 {
			t.Errorf("%s may be -1", k.Path)
		}
	}
}
