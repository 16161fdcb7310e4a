package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sluice/server/cors"
	"sluice/server/limit"
)

// TestProbe: a probe is an event stream as any other on its way, of as many events as
// were asked for, with times that the gateway keeps.
func TestProbe(t *testing.T) {
	f := begin(t, func(c *Config) { c.CORS = cors.Config{Origins: []string{"https://shop.example"}, Credentials: true} })
	f.order("alice", "not for probes")
	// The hashes are of https://shop.example, and of something else.
	s := f.get("/events?user=alice&from=earliest&probe=3x50@10ms&sent=origin:f617a4db,last-event-id:00000000,cookie,authorization",
		"Origin", "https://shop.example", "Last-Event-ID", "x", "Cookie", "a=b", "X-Forwarded-For", "192.0.2.1, 192.0.2.2")
	if s.StatusCode != http.StatusOK || s.Header.Get("Content-Type") != eventStream+"; charset=utf-8" || s.Header.Get("X-Accel-Buffering") != "no" {
		t.Errorf("%d %v", s.StatusCode, s.Header)
	}
	var first probeOpening
	if err := json.Unmarshal([]byte(s.want("sluice.probe", "*").Data), &first); err != nil {
		t.Fatal(err)
	}
	h := first.Heard
	if first.N != 0 || first.Of != 3 || first.Heartbeat != 9000 || h.Proto != "HTTP/1.1" || h.TLS || h.Peer != "loopback" || h.Port == 0 {
		t.Errorf("%+v", first)
	}
	for name, want := range map[string]string{"origin": "same", "last-event-id": "changed", "cookie": "arrived", "authorization": "missing"} {
		if h.Headers[name] != want {
			t.Errorf("%s is %q, want %q", name, h.Headers[name], want)
		}
	}
	if h.Forwarded["X-Forwarded-For"] != 2 || !h.CORS.Origin || !h.CORS.Credentials {
		t.Errorf("%+v", h)
	}
	for n := 1; n <= 3; n++ {
		e := s.want("sluice.probe", "*")
		var got probeEvent
		if err := json.Unmarshal([]byte(e.Data), &got); err != nil {
			t.Fatal(err)
		}
		if got.N != n || len(got.Pad) != 50 || got.At < int64(10*n) || e.ID != "" {
			t.Errorf("event %d: %+v", n, e)
		}
	}
	s.wantEnd()
	eventually(t, "it is over", func() bool { return f.metric("sluice_probes") == 0 && f.empty() })
}

// TestProbesAreForCallersOnly: a probe is refused to whom a stream is, and repeats
// nothing of what was sent.
func TestProbesAreForCallersOnly(t *testing.T) {
	f := begin(t, nil)
	if s := f.get("/events?probe=1x1@10ms"); s.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody was answered %d", s.StatusCode)
	}
	if s := f.get("/events?user=alice&stream=secret&probe=1x1@10ms"); s.StatusCode != http.StatusForbidden {
		t.Errorf("a stream that isn't there: %d", s.StatusCode)
	}
	s := f.get("/events?user=alice&probe=1x1@10ms&sent=authorization,cookie,host", "Authorization", "Bearer hidden", "Cookie", "session=hidden", "X-Forwarded-For", "hidden")
	if text := s.body(); strings.Contains(text, "hidden") || !strings.Contains(text, `"authorization":"arrived"`) {
		t.Error(text)
	}
}

// TestProbesAreBounded: nothing beyond its bounds can be asked for, and only so many are
// answered at a time.
func TestProbesAreBounded(t *testing.T) {
	f := begin(t, func(c *Config) { c.Limits = limit.Limits{PerUser: limit.ProbesAtOnce + 1} })
	for _, bad := range []string{
		"probe=", "probe=1", "probe=0x1@1s", "probe=101x1@10ms", "probe=1x4097@1s", "probe=1x1@9ms", "probe=1x1@5m1s", "probe=100x1@3001ms", "probe=1x1@1h", "probe=-1x1@1s",
		"probe=1x1@1..5s", "probe=1x1@1s&sent=x-secret", "probe=1x1@1s&sent=host:1", "probe=1x1@1s&sent=host:zzzzzzzz",
		"probe=1x1@1s&sent=" + strings.Join(slices.Repeat([]string{"host"}, len(sentNames)+1), ","),
	} {
		if s := f.get("/events?user=alice&" + bad); s.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, s.StatusCode)
		}
	}
	var open []*opened
	for range limit.ProbesAtOnce {
		s := f.get("/events?user=alice&probe=1x0@5m")
		s.want("sluice.probe", "*")
		open = append(open, s)
	}
	s := f.get("/events?user=bob&probe=1x0@10ms", "Accept", eventStream)
	s.want("sluice.unavailable", "*")
	if s := f.get("/events?user=bob&probe=1x0@10ms"); s.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d", s.StatusCode)
	}
	f.get("/events?user=alice").want("sluice.hello", "*") // the last stream that alice may have
	if s := f.get("/events?user=alice&probe=1x0@10ms"); s.StatusCode != http.StatusTooManyRequests {
		t.Errorf("beyond the user's streams: %d", s.StatusCode)
	}
	open[0].cancel()
	eventually(t, "there is room again", func() bool {
		return f.get("/events?user=bob&probe=1x0@10ms", "Accept", eventStream).wantOneOf("sluice.probe", "sluice.unavailable") == "sluice.probe"
	})
}

// TestProbesEndWithTheGateway: who drains doesn't wait five minutes for a probe.
func TestProbesEndWithTheGateway(t *testing.T) {
	f := begin(t, nil)
	s := f.get("/events?user=alice&probe=1x0@5m")
	s.want("sluice.probe", "*")
	if err := f.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.want("sluice.closing", "*")
	s.wantEnd()
}

// TestAnAddressHasAFewProbes: one address can't keep the others from theirs, and this
// machine has all.
func TestAnAddressHasAFewProbes(t *testing.T) {
	f := begin(t, limitedBy(limit.Limits{}))
	ask := func(ip string) *opened {
		return f.get("/events?user=alice&probe=1x0@5m", append(address(ip), "Accept", "*/*")...)
	}
	var open []*opened
	for range limit.ProbesPerAddress {
		s := ask("2001:db8::1")
		s.want("sluice.probe", "*")
		open = append(open, s)
	}
	if s := ask("2001:db8::2"); s.StatusCode != http.StatusTooManyRequests || !strings.Contains(s.body(), "Your address has reached its limit of probes") { // of the same /64
		t.Errorf("one too many: %d", s.StatusCode)
	}
	ask("203.0.113.1").want("sluice.probe", "*")
	open[0].cancel()
	eventually(t, "there is room again", func() bool { return ask("2001:db8::1").StatusCode == http.StatusOK })
}
