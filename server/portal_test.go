package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/portal"
)

// keysTopic is a portal's topic in memory, of several gateways.
type keysTopic struct {
	mu      sync.Mutex // guards the rest
	records []struct{ key, text string }
	hearers []func(key string, record []byte)
	behind  bool
	deaf    bool // says that it may miss records
	broken  error
}

func (c *keysTopic) Announce(_ context.Context, key string, record []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	c.records = append(c.records, struct{ key, text string }{key, string(record)})
	for _, hear := range c.hearers {
		hear(key, record)
	}
	return nil
}

func (c *keysTopic) CaughtUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.behind
}

func (c *keysTopic) Unheard() (time.Time, string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaf {
		return time.Now(), "Kafka does not answer"
	}
	return time.Time{}, ""
}

func (c *keysTopic) set(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
}

// portalSessions believes the cookie session=NAME:ROLE.ROLE, as forward and authjs
// believe one, and nothing else.
type portalSessions struct{}

func (portalSessions) Authenticate(r *http.Request) (auth.Principal, error) {
	cookie, err := r.Cookie("session")
	if err != nil {
		return auth.Principal{}, &auth.Error{Reason: auth.ReasonMissing, Detail: "There is no session."}
	}
	name, roles, _ := strings.Cut(cookie.Value, ":")
	return auth.Principal{User: name, Roles: strings.Split(roles, ".")}, nil
}

// newPortal is one on this topic.
func newPortal(topic *keysTopic, tickets *auth.Tickets) *portal.Portal {
	p, err := portal.New(portal.Config{Topic: topic, Role: "developer", Tickets: tickets, Logger: slog.New(slog.DiscardHandler), MaxKeys: 3})
	if err != nil {
		panic(err)
	}
	topic.set(func() { topic.hearers = append(topic.hearers, p.Hear) })
	return p
}

// developers is a gateway with a portal on this topic.
func developers(t *testing.T, topic *keysTopic, change func(*Config)) *fixture {
	t.Helper()
	return begin(t, func(c *Config) {
		tickets, err := auth.NewTickets([]byte("thirty-two bytes are long enough"), 0)
		if err != nil {
			t.Fatal(err)
		}
		c.Tickets, c.Auth = tickets, auth.First{tickets, portalSessions{}}
		c.APIKeys = oneKey("sluice_k")
		if change != nil {
			change(c)
		}
		c.Portal = newPortal(topic, tickets)
	})
}

const (
	dev   = "dev:developer.customer"
	other = "other:developer"
	shopr = "alice:customer"
)

// ask is a request of the portal's own page, for a session.
func (f *fixture) ask(session, method, path, body string, headers ...string) (int, map[string]any) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	if session != "" {
		r.Header.Set("Cookie", "session="+session)
	}
	r.Header.Set("Origin", f.url)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	resp, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			f.t.Fatalf("%s %s: %s", method, path, text)
		}
	}
	return resp.StatusCode, answer
}

// makes makes a key and returns its id and text.
func (f *fixture) makes(session, body string) (id, key string) {
	f.t.Helper()
	status, made := f.ask(session, "POST", "/portal/keys", body)
	if status != http.StatusCreated {
		f.t.Fatalf("%s: %d %v", body, status, made)
	}
	return made["id"].(string), made["key"].(string)
}

// wants asks for a path with a key, and compares the status and the kind of problem.
func (f *fixture) wants(key, path string, status int, kind string) {
	f.t.Helper()
	got, answer := f.ask("", "GET", path, "", "Authorization", "Bearer "+key, "Content-Type", "")
	said, _ := answer["type"].(string)
	if got != status || strings.TrimPrefix(said, "urn:sluice:problem:") != kind {
		f.t.Errorf("%s: %d %v, want %d %s", path, got, answer, status, kind)
	}
}

// TestADeveloperMakesUsesAndRevokesAKey on one gateway, and another one knows.
func TestADeveloperMakesUsesAndRevokesAKey(t *testing.T) {
	topic := new(keysTopic)
	f, g := developers(t, topic, nil), developers(t, topic, nil)
	id, key := f.makes(dev, `{"name":"laptop"}`)
	if !strings.HasPrefix(key, "sluicep_") || len(key) != 51 {
		t.Errorf("the key is %q", key)
	}
	for _, record := range topic.records {
		if strings.Contains(record.text, key) || !strings.Contains(record.text, "sha256:") {
			t.Errorf("kept as %s", record.text)
		}
	}
	f.wants(key, "/state", 200, "")
	s := g.get("/events", "Authorization", "Bearer "+key)
	s.want("sluice.hello", "*")
	g.order("dev", "1")
	s.want("message", "1")
	status, list := g.ask(dev, "GET", "/portal/keys", "")
	keys := list["keys"].([]any)
	if status != 200 || len(keys) != 1 || list["user"] != "dev" {
		t.Fatalf("%d %v", status, list)
	}
	one := keys[0].(map[string]any)
	if one["id"] != id || one["state"] != "live" || one["uses"] != 1.0 || one["last_used"] == nil || one["streams"] != nil || one["key"] != nil || one["hash"] != nil {
		t.Errorf("%v", one)
	}
	if status, _ := f.ask(dev, "DELETE", "/portal/keys/"+id, ""); status != 204 {
		t.Errorf("revoked: %d", status)
	}
	s.want("sluice.closing", "*")
	for _, gateway := range []*fixture{f, g} {
		gateway.wants(key, "/state", 401, "identity-revoked")
	}
	if _, list := g.ask(dev, "GET", "/portal/keys", ""); list["keys"].([]any)[0].(map[string]any)["state"] != "revoked" {
		t.Errorf("%v", list)
	}
	for _, gateway := range []*fixture{f, g} {
		if logs := gateway.logs.String(); strings.Contains(logs, key) || strings.Contains(logs, "sha256:") {
			t.Errorf("a key is in the log: %s", logs)
		}
	}
}

// TestNobodySeesOrEndsAnothersKey, nor learns whether it exists.
func TestNobodySeesOrEndsAnothersKey(t *testing.T) {
	f := developers(t, new(keysTopic), nil)
	id, key := f.makes(dev, `{"name":"mine"}`)
	_, ticket := f.ask(dev, "POST", "/portal/tickets", `{"name":"mine"}`)
	for _, path := range []string{"/portal/keys", "/portal/tickets"} {
		if status, list := f.ask(other, "GET", path, ""); status != 200 || strings.Contains(fmt.Sprint(list), "mine") {
			t.Errorf("%s: %d %v", path, status, list)
		}
	}
	for _, path := range []string{"/portal/keys/" + id, "/portal/tickets/" + ticket["id"].(string)} {
		status, answer := f.ask(other, "DELETE", path, "")
		missing, same := f.ask(other, "DELETE", path[:len(path)-1]+"A", "")
		if status != 404 || missing != 404 || fmt.Sprint(answer) != fmt.Sprint(same) {
			t.Errorf("%s: %d %v, and of none %d %v", path, status, answer, missing, same)
		}
	}
	if status, answer := f.ask(other, "POST", "/portal/keys/"+id+"/rotate", "{}"); status != 404 {
		t.Errorf("rotated: %d %v", status, answer)
	}
	f.wants(key, "/state", 200, "")
}

// TestOnlyADeveloperWhoIsSignedInMakesKeys: no role, no cookie from elsewhere, no key, no
// ticket.
func TestOnlyADeveloperWhoIsSignedInMakesKeys(t *testing.T) {
	f := developers(t, new(keysTopic), nil)
	_, key := f.makes(dev, `{"name":"k","actions":["read","tickets","publish"]}`)
	ticket := f.ticket("sluice_k", `{"user":"dev","roles":["developer"]}`).Ticket
	for _, tt := range []struct {
		name, session, query string
		headers              []string
		status               int
		kind                 string
	}{
		{"nobody", "", "", nil, 401, "identity-missing"},
		{"a customer", shopr, "", nil, 403, "portal-role"},
		{"a page of another site", dev, "", []string{"Origin", "https://evil.example"}, 403, "cross-origin"},
		{"no origin", dev, "", []string{"Origin", ""}, 403, "cross-origin"},
		{"null", dev, "", []string{"Origin", "null"}, 403, "cross-origin"},
		{"a form", dev, "", []string{"Content-Type", "text/plain"}, 403, "cross-origin"},
		{"a key", "", "", []string{"Authorization", "Bearer " + key}, 403, "portal-login"},
		{"a ticket", "", "?ticket=" + ticket, nil, 403, "portal-login"},
		{"a back end", "", "", []string{"Authorization", "Bearer sluice_k"}, 401, "identity-missing"},
	} {
		for _, to := range []struct{ method, path string }{{"POST", "/portal/keys"}, {"DELETE", "/portal/keys/AAAAAAAAAAAAAAAAAAAAAAAAAA"}, {"POST", "/portal/tickets"}} {
			status, answer := f.ask(tt.session, to.method, to.path+tt.query, `{"name":"x"}`, tt.headers...)
			if status != tt.status || answer["type"] != "urn:sluice:problem:"+tt.kind {
				t.Errorf("%s, %s %s: %d %v", tt.name, to.method, to.path, status, answer)
			}
		}
	}
	if status, answer := f.ask(shopr, "GET", "/portal/keys", ""); status != 403 || answer["type"] != "urn:sluice:problem:portal-role" {
		t.Errorf("a customer looks: %d %v", status, answer)
	}
}

// TestAKeyIsForNoMoreThanItSays, and never for more than its owner may.
func TestAKeyIsForNoMoreThanItSays(t *testing.T) {
	f := developers(t, new(keysTopic), func(c *Config) { c.Access = map[string][]string{"news": {"customer"}} })
	for body, want := range map[string]string{
		`{"name":"x","streams":["news"]}`:            "streams",
		`{"name":"x","streams":["none"]}`:            "streams",
		`{"name":"x","streams":[]}`:                  "streams",
		`{"name":"x","actions":["everything"]}`:      "actions",
		`{"name":"x","expires_in":"9000h"}`:          "expires_in",
		`{"name":"x","expires_in":"0s"}`:             "expires_in",
		`{"name":"x","roles":["admin"]}`:             "fields",
		`{"name":""}`:                                "name",
		`{"name":"<b>"}`:                             "name",
		`{"name":"a\u001b[2J"}`:                      "name",
		`{"name":"` + strings.Repeat("a", 65) + `"}`: "name",
		`{"name":"x"} {}`:                            "goes on",
		`[]`:                                         "JSON object",
		`{"name":"x","streams":[` + strings.Repeat(`"orders",`, 9000) + `"orders"]}`: "too long",
	} {
		f := developers(t, new(keysTopic), func(c *Config) { c.Access = map[string][]string{"news": {"customer"}} })
		if status, answer := f.ask(other, "POST", "/portal/keys", body); status != 400 || !strings.Contains(answer["detail"].(string), want) {
			t.Errorf("%.60s: %d %v", body, status, answer)
		}
	}
	_, all := f.makes(dev, `{"name":"all"}`)
	_, some := f.makes(dev, `{"name":"some","streams":["orders"]}`)
	_, none := f.makes(dev, `{"name":"none","actions":["tickets"]}`)
	f.wants(all, "/state?stream=news", 200, "")
	f.wants(some, "/state?stream=orders", 200, "")
	f.wants(some, "/state?stream=news", 403, "stream")
	f.wants(none, "/state", 403, "scope")
	f.wants(none, "/events", 403, "scope")
	_, others := f.makes(other, `{"name":"others"}`)
	f.wants(others, "/state?stream=news", 403, "stream")
	f.wants(others+"x", "/state", 401, "identity-key")
}

// TestATicketOfAKeyIsForNoMoreThanTheKey, and ends with it.
func TestATicketOfAKeyIsForNoMoreThanTheKey(t *testing.T) {
	f := developers(t, new(keysTopic), nil)
	id, key := f.makes(dev, `{"name":"back end","streams":["orders"],"actions":["tickets","read"]}`)
	_, reads := f.makes(dev, `{"name":"reads"}`)
	post := func(key, body string) (int, map[string]any) {
		return f.ask("", "POST", "/tickets", body, "Authorization", "Bearer "+key)
	}
	for body, want := range map[string]int{
		`{"user":"alice"}`:                        403,
		`{"user":"dev","roles":["admin"]}`:        403,
		`{"stream":"orders","subject":"o-1"}`:     403, // its events are their users'
		`{"stream":"news","subject":"n-1"}`:       403, // which the key doesn't read
		`{"user":"dev","roles":["customer"]}`:     201,
		`{"user":"dev","ttl":"24h","once":false}`: 201,
	} {
		if status, answer := post(key, body); status != want {
			t.Errorf("%s: %d %v", body, status, answer)
		}
	}
	if status, answer := post(reads, `{"user":"dev"}`); status != 403 || answer["type"] != "urn:sluice:problem:scope" {
		t.Errorf("a key that only reads: %d %v", status, answer)
	}
	_, ticket := post(key, `{"user":"dev"}`)
	text := ticket["ticket"].(string)
	if status, _ := f.ask("", "GET", "/state?stream=news&ticket="+text, "", "Content-Type", ""); status != 403 {
		t.Errorf("news by its ticket: %d", status)
	}
	s := f.get("/events?ticket=" + text)
	s.want("sluice.hello", "*")
	f.order("dev", "7")
	s.want("message", "7")
	if status, _ := f.ask(dev, "DELETE", "/portal/keys/"+id, ""); status != 204 {
		t.Errorf("revoked: %d", status)
	}
	s.want("sluice.closing", "*")
	if status, answer := f.ask("", "GET", "/state?ticket="+text, "", "Content-Type", ""); status != 401 {
		t.Errorf("after the key: %d %v", status, answer)
	}
}

// TestARotatedKeyIsGoodForTheOverlap, and no longer. Its streams come back to learn that.
func TestARotatedKeyIsGoodForTheOverlap(t *testing.T) {
	f := developers(t, new(keysTopic), nil)
	id, key := f.makes(dev, `{"name":"k","streams":["orders"],"expires_in":"100h"}`)
	s := f.get("/events", "Authorization", "Bearer "+key)
	s.want("sluice.hello", "*")
	status, made := f.ask(dev, "POST", "/portal/keys/"+id+"/rotate", `{"overlap":"1h"}`)
	if status != 201 || made["replaces"] != id || fmt.Sprint(made["streams"]) != "[orders]" {
		t.Fatalf("%d %v", status, made)
	}
	s.want("sluice.closing", "*")
	f.wants(key, "/state", 200, "")
	f.wants(made["key"].(string), "/state", 200, "")
	_, list := f.ask(dev, "GET", "/portal/keys", "")
	old := list["keys"].([]any)[1].(map[string]any)
	ends, err := time.Parse(time.RFC3339, old["ends"].(string))
	if err != nil || old["state"] != "replaced" || time.Until(ends) > time.Hour {
		t.Errorf("%v", old)
	}
	if status, answer := f.ask(dev, "POST", "/portal/keys/"+id+"/rotate", `{}`); status != 404 {
		t.Errorf("once more: %d %v", status, answer)
	}
	if status, answer := f.ask(dev, "POST", "/portal/keys/"+made["id"].(string)+"/rotate", `{"overlap":"200h"}`); status != 400 {
		t.Errorf("an overlap of 200h: %d %v", status, answer)
	}
	status, last := f.ask(dev, "POST", "/portal/keys/"+made["id"].(string)+"/rotate", `{"overlap":"0s"}`)
	if status != 201 {
		t.Fatalf("%d %v", status, last)
	}
	f.wants(made["key"].(string), "/state", 401, "identity-expired")
	f.wants(last["key"].(string), "/state", 200, "")
}
