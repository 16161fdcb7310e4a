package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/server/auth"
)

// issuedAt believes X-User, and X-Issued about when the credential was issued.
type issuedAt struct{}

func (issuedAt) Authenticate(r *http.Request) (auth.Principal, error) {
	p := auth.Principal{User: r.Header.Get("X-User")}
	if text := r.Header.Get("X-Issued"); text != "" {
		var err error
		if p.Issued, err = time.Parse(time.RFC3339, text); err != nil {
			return p, err
		}
	}
	return p, nil
}

// topic is a Control in memory, of several gateways.
type topic struct {
	mu       sync.Mutex // guards the rest
	messages [][]byte
	hearers  []func([]byte)
	behind   bool
	broken   error
}

func (c *topic) Announce(_ context.Context, _ string, message []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	c.messages = append(c.messages, message)
	for _, hear := range c.hearers {
		hear(message)
	}
	return nil
}

func (c *topic) CaughtUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.behind
}

func (c *topic) set(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
}

const apiKey = "sluice_key of the shop"

func revocable(control Control) func(*Config) {
	return func(c *Config) { c.Auth, c.APIKeys, c.Control = issuedAt{}, oneKey(apiKey), control }
}

// revoke asks for a revocation.
func (f *fixture) revoke(key, body string) (int, string) {
	f.t.Helper()
	r, err := http.NewRequest(http.MethodPost, f.url+"/revoke", strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	resp, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	o := &opened{Response: resp, t: f.t}
	return resp.StatusCode, o.body()
}

// TestRevoke ends a user's streams on every gateway, keeps what was issued before out,
// and lets in what is issued after.
func TestRevoke(t *testing.T) {
	control := new(topic)
	here, there := begin(t, revocable(control)), begin(t, revocable(control))
	control.set(func() { control.hearers = append(control.hearers, here.ApplyControlMessage, there.ApplyControlMessage) })
	before := []string{"X-User", "alice", "X-Issued", time.Now().Add(-time.Minute).Format(time.RFC3339)}
	var streams []*opened
	for _, f := range []*fixture{here, here, there} {
		s := f.get("/events", before...)
		s.want("sluice.hello", "*")
		streams = append(streams, s)
	}
	bob := there.get("/events", "X-User", "bob")
	bob.want("sluice.hello", "*")

	code, body := here.revoke(apiKey, `{"user":"alice","for":"1h"}`)
	if code != 200 || !strings.HasPrefix(body, `{"ended":2,"until":"`) {
		t.Errorf("%d %s", code, body)
	}
	if log := here.logs.String(); !strings.Contains(log, `msg="a back end revoked an identity" audit=true user=alice`) || strings.Contains(log, apiKey) {
		t.Errorf("the log has no line of it: %s", log)
	}
	for _, s := range streams {
		s.want("sluice.closing", `*`)
		s.wantEnd()
	}
	for _, f := range []*fixture{here, there} {
		for name, headers := range map[string][]string{"the old credential": before, "one that doesn't say": {"X-User", "alice"}} {
			if s := f.get("/events", append(headers, "Accept", eventStream)...); s.StatusCode != 401 || !strings.Contains(s.body(), "urn:sluice:problem:identity-revoked") {
				t.Errorf("%s: %s", name, s.Status)
			}
		}
		after := []string{"X-User", "alice", "X-Issued", time.Now().Add(2 * time.Second).Format(time.RFC3339)}
		f.get("/events", after...).want("sluice.hello", "*")
	}
	there.order("bob", "1")
	bob.want("message", "1")

	late := begin(t, revocable(control)) // reads what was announced before it started
	control.set(func() { control.behind = true })
	if s := late.get("/events", "X-User", "carol", "Accept", eventStream); !strings.Contains(s.body(), `"reason":"warming"`) {
		t.Error("a gateway lets people in before it knows who is shut out")
	}
	for _, message := range control.messages {
		late.ApplyControlMessage(message)
	}
	control.set(func() { control.behind = false })
	if s := late.get("/events", before...); s.StatusCode != 401 {
		t.Errorf("a gateway that came later: %s", s.Status)
	}
}

func TestRevokeRefuses(t *testing.T) {
	f := begin(t, revocable(nil))
	f.level.Set(slog.LevelInfo)
	for name, tt := range map[string]struct {
		key, body string
		code      int
	}{
		"no key":           {"", `{"user":"alice"}`, 401},
		"another key":      {"sluice_x", `{"user":"alice"}`, 401},
		"nobody":           {apiKey, `{}`, 400},
		"two":              {apiKey, `{"user":"alice","ticket":"t"}`, 400},
		"a slip":           {apiKey, `{"usr":"alice"}`, 400},
		"not JSON":         {apiKey, `user=alice`, 400},
		"two bodies":       {apiKey, `{"user":"alice"}{"user":"bob"}`, 400},
		"no duration":      {apiKey, `{"user":"alice","for":"1 day"}`, 400},
		"for ever":         {apiKey, `{"user":"alice","for":"100000h"}`, 400},
		"back in time":     {apiKey, `{"user":"alice","for":"-1h"}`, 400},
		"a long name":      {apiKey, `{"user":"` + strings.Repeat("a", auth.MaxUser+1) + `"}`, 400},
		"a very long body": {apiKey, `{"user":"` + strings.Repeat("a", 1<<20) + `"}`, 400},
	} {
		code, body := f.revoke(tt.key, tt.body)
		if code != tt.code || strings.Contains(body, "alice") || strings.Contains(body, apiKey) {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	f.get("/events", "X-User", "alice").want("sluice.hello", "*")
	for _, message := range []string{"", "{}", "null", `{"user":"alice","at":"2026-01-01T00:00:00Z","until":"9999-01-01T00:00:00Z"}`, `[1]`} {
		f.ApplyControlMessage([]byte(message)) // from any writer
	}
	f.get("/events", "X-User", "alice").want("sluice.hello", "*")
	if strings.Contains(f.logs.String(), apiKey) || strings.Contains(f.logs.String(), "alice") {
		t.Errorf("the log has\n%s", f.logs)
	}
}

// TestRevokeWithoutKafka is in force here, and says that it is not elsewhere.
func TestRevokeWithoutKafka(t *testing.T) {
	control := &topic{broken: errors.New("kafka is away")}
	f := begin(t, revocable(control))
	s := f.get("/events", "X-User", "alice")
	s.want("sluice.hello", "*")
	if code, body := f.revoke(apiKey, `{"user":"alice"}`); code != 503 || strings.Contains(body, "kafka") {
		t.Errorf("%d %s", code, body)
	}
	s.want("sluice.closing", "*")
	s.wantEnd()
}

// compacted is a Control whose topic keeps the latest message of each key.
type compacted struct {
	topic
	byKey map[string][]byte
}

func (c *compacted) Announce(ctx context.Context, key string, message []byte) error {
	c.set(func() { c.byKey[key] = message })
	return c.topic.Announce(ctx, key, message)
}

func TestAShorterRevocationUndoesNoLongerOneOnACompactedTopic(t *testing.T) {
	control := &compacted{byKey: make(map[string][]byte)}
	here := begin(t, revocable(control))
	control.set(func() { control.hearers = append(control.hearers, here.ApplyControlMessage) })
	long := time.Now().Add(10 * time.Hour)
	kept := func(user string) (r revocation) {
		control.set(func() {
			if err := json.Unmarshal(control.byKey["user:"+user], &r); err != nil {
				t.Fatal(err)
			}
		})
		return r
	}
	for _, body := range []string{`{"user":"alice","for":"12h"}`, `{"user":"alice","for":"1m"}`} { // one after the other
		if code, body := here.revoke(apiKey, body); code != 200 {
			t.Fatal(code, body)
		}
	}
	if r := kept("alice"); r.Until.Before(long) {
		t.Errorf("until %v", r.Until)
	}

	// By another gateway, which had not heard of the longer one.
	if code, body := here.revoke(apiKey, `{"user":"bob","for":"12h"}`); code != 200 {
		t.Fatal(code, body)
	}
	now := time.Now().UTC()
	message, err := json.Marshal(revocation{User: "bob", At: now, Until: now.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Announce(t.Context(), "user:bob", message); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the longer one is kept", func() bool { return kept("bob").Until.After(long) })
	if r := kept("bob"); r.At.Before(now) {
		t.Errorf("at %v, want the later one's %v", r.At, now)
	}
}

// TestRevocationsLapse, and of two the further-reaching counts.
func TestRevocationsLapse(t *testing.T) {
	rs := newRevocations()
	at := time.Unix(1_000_000, 0)
	rs.add(revocation{User: "a", At: at, Until: at.Add(time.Hour)}, at)
	rs.add(revocation{User: "a", At: at.Add(-time.Minute), Until: at.Add(time.Minute)}, at)
	for _, tt := range []struct {
		p    auth.Principal
		now  time.Duration
		want bool
	}{
		{auth.Principal{User: "a"}, 0, true},
		{auth.Principal{User: "a", Issued: at}, 30 * time.Minute, true},
		{auth.Principal{User: "a", Issued: at.Add(time.Second)}, 0, false},
		{auth.Principal{User: "a"}, time.Hour, false},
		{auth.Principal{User: "A"}, 0, false},
		{auth.Principal{}, 0, false},
		{auth.Principal{Ticket: "a"}, 0, false},
	} {
		if got := rs.refuses(tt.p, at.Add(tt.now)); got != tt.want {
			t.Errorf("%+v after %v: %v", tt.p, tt.now, got)
		}
	}
	for i := range 3 * revocationSweep {
		rs.add(revocation{Ticket: time.Duration(i).String(), At: at, Until: at.Add(time.Duration(i+1) * time.Second)}, at.Add(time.Duration(i)*time.Second))
	}
	if len(rs.byKey) > 2*revocationSweep {
		t.Errorf("%d are kept", len(rs.byKey))
	}
}
