package server

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/server/auth"
	"sluice/server/limit"
	"sluice/server/portal"
)

// record is one of a key as it stands on the topic.
func record(id, hash string, created, expires time.Time, more string) (key string, text []byte) {
	return "key:" + id, fmt.Appendf(nil, `{"v":1,"kind":"key","id":%q,"owner":"dev","name":"k","roles":["developer"],"hash":%q,"actions":["read"],"created":%q,"expires":%q%s}`,
		id, hash, created.Format(time.RFC3339), expires.Format(time.RFC3339), more)
}

// TestKeysExpire, and so does one whose role the portal no longer asks for.
func TestKeysExpire(t *testing.T) {
	t.Parallel()
	topic := new(keysTopic)
	f := developers(t, topic, nil)
	now := time.Now()
	text, hash := auth.NewPortalKey()
	key, r := record(strings.Repeat("A", 26), hash.String(), now.Add(-2*time.Hour), now.Add(-time.Hour), "")
	topic.Announce(t.Context(), key, r)
	f.wants(text, "/state", 401, "identity-expired")
	text, hash = auth.NewPortalKey()
	key, r = record(strings.Repeat("B", 26), hash.String(), now.Add(-2*time.Hour), now.Add(time.Hour), "")
	topic.Announce(t.Context(), key, []byte(strings.Replace(string(r), "developer", "intern", 1)))
	f.wants(text, "/state", 401, "identity-key")
	// A stream ends with its key, and says so ahead.
	text, hash = auth.NewPortalKey()
	key, r = record(strings.Repeat("C", 26), hash.String(), now.Add(-2*time.Hour), now.Add(12*time.Second), "")
	topic.Announce(t.Context(), key, r)
	s := f.get("/events", "Authorization", "Bearer "+text)
	s.want("sluice.hello", "*")
	s.want("sluice.closing", "*")
}

// TestRubbishOnTheTopicIsPassedOver, counted and reported.
func TestRubbishOnTheTopicIsPassedOver(t *testing.T) {
	topic := new(keysTopic)
	f := developers(t, topic, nil)
	now, id := time.Now(), strings.Repeat("A", 26)
	_, hash := auth.NewPortalKey()
	_, good := record(id, hash.String(), now, now.Add(time.Hour), "")
	for _, tt := range []struct{ key, text string }{
		{"x", "rubbish"},
		{"key:" + id, "{}"},
		{"key:" + id, `{"v":2` + string(good[len(`{"v":1`):])},
		{"key:" + strings.Repeat("B", 26), string(good)},
		{"key:" + id, strings.Replace(string(good), "sha256:", "sha1:", 1)},
		{"key:" + id, strings.Replace(string(good), `"read"`, `"everything"`, 1)},
		{"key:" + id, strings.Replace(string(good), `}`, `,"narrowed_by":"something"}`, 1)},
		{"key:" + id, strings.Replace(string(good), `"owner":"dev"`, `"owner":"`+strings.Repeat("a", 2000)+`"`, 1)},
		{"key:" + id, strings.Replace(string(good), now.Add(time.Hour).Format(time.RFC3339), now.AddDate(2, 0, 0).Format(time.RFC3339), 1)},
		{"key:" + id, string(good) + strings.Repeat(" ", portal.MaxRecord)},
		{"key:" + id, string(good) + "{}"},
		{"revoked:" + id, `{"v":1,"kind":"revoked","id":"` + id + `"}`},
		{"key:" + id, ""},
	} {
		topic.Announce(t.Context(), tt.key, []byte(tt.text))
	}
	if n := f.metric("sluice_portal_records_refused_total"); n != 13 {
		t.Errorf("%v are counted", n)
	}
	if n := f.metric("sluice_portal_keys"); n != 0 {
		t.Errorf("%v keys are known", n)
	}
	f.makes(dev, `{"name":"k"}`)
	topic.Announce(t.Context(), "key:"+id, nil) // a tombstone of what isn't there
}

// TestATombstoneEndsAKey.
func TestATombstoneEndsAKey(t *testing.T) {
	topic := new(keysTopic)
	f := developers(t, topic, nil)
	id, key := f.makes(dev, `{"name":"k"}`)
	s := f.get("/events", "Authorization", "Bearer "+key)
	s.want("sluice.hello", "*")
	topic.Announce(t.Context(), "key:"+id, nil)
	s.want("sluice.closing", "*")
	f.wants(key, "/state", 401, "identity-key")
}

// TestAGatewayThatHasNotReadTheKeysSaysSo, and takes no word of a key for wrong.
func TestAGatewayThatHasNotReadTheKeysSaysSo(t *testing.T) {
	topic := &keysTopic{behind: true}
	f := developers(t, topic, func(c *Config) {
		c.Source = statuses{{Name: "orders", Topic: "order-topic", Warm: true, Fetching: true}}
	})
	text, _ := auth.NewPortalKey()
	f.wants(text, "/state", 503, "unavailable")
	if status, answer := f.ask(dev, "GET", "/portal/keys", ""); status != 503 {
		t.Errorf("%d %v", status, answer)
	}
	if w := inquire(f.Admin(), "/readyz"); w.Code != 503 || !strings.Contains(w.Body.String(), `"portal_keys_unread":true`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if status, _ := f.ask(shopr, "GET", "/state", "", "Content-Type", ""); status != 200 {
		t.Errorf("a customer: %d", status)
	}
	topic.set(func() { topic.behind = false })
	f.wants(text, "/state", 401, "identity-key")
	if w := inquire(f.Admin(), "/readyz"); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// While it isn't heard, a key that isn't known may be a new one.
	_, key := f.makes(dev, `{"name":"k"}`)
	topic.set(func() { topic.deaf = true })
	f.wants(text, "/state", 503, "unavailable")
	f.wants(key, "/state", 200, "")
	if w := inquire(f.Admin(), "/readyz"); w.Code != 200 || !strings.Contains(w.Body.String(), `"portal_topic":{"unheard_since"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if f.metric("sluice_portal_topic_unheard_seconds") <= 0 {
		t.Error("no metric tells of it")
	}
}

// TestWhatKafkaDoesNotTakeIsNotMade, and a revocation is in force here.
func TestWhatKafkaDoesNotTakeIsNotMade(t *testing.T) {
	topic := new(keysTopic)
	f := developers(t, topic, nil)
	id, key := f.makes(dev, `{"name":"k"}`)
	topic.set(func() { topic.broken = errors.New("no leader") })
	for _, to := range [][2]string{{"POST", "/portal/keys"}, {"POST", "/portal/tickets"}, {"DELETE", "/portal/keys/" + id}} {
		if status, answer := f.ask(dev, to[0], to[1], `{"name":"x"}`); status != 503 || answer["type"] != "urn:sluice:problem:not-announced" {
			t.Errorf("%v: %d %v", to, status, answer)
		}
	}
	f.wants(key, "/state", 401, "identity-revoked")
	topic.set(func() { topic.broken = nil })
	if status, answer := f.ask(dev, "DELETE", "/portal/keys/"+id, ""); status != 204 {
		t.Errorf("asked again: %d %v", status, answer)
	}
	if _, list := f.ask(dev, "GET", "/portal/keys", ""); len(list["keys"].([]any)) != 1 {
		t.Errorf("%v", list)
	}
	f.cfg.Portal.SetFault("it is not compacted")
	if status, answer := f.ask(dev, "POST", "/portal/keys", `{"name":"x"}`); status != 503 || strings.Contains(answer["detail"].(string), "compacted") {
		t.Errorf("a topic that is not compacted: %d %v", status, answer)
	}
}

// TestADeveloperHasSoManyKeys, and changes them so often.
func TestADeveloperHasSoManyKeys(t *testing.T) {
	f := developers(t, new(keysTopic), func(c *Config) { c.Limits = limit.Limits{} })
	var ids []string
	for range 3 {
		id, _ := f.makes(dev, `{"name":"k"}`)
		ids = append(ids, id)
	}
	if status, answer := f.ask(dev, "POST", "/portal/keys", `{"name":"k"}`); status != 429 || answer["type"] != "urn:sluice:problem:portal-limit" {
		t.Errorf("a fourth: %d %v", status, answer)
	}
	f.makes(other, `{"name":"k"}`)
	if status, _ := f.ask(dev, "DELETE", "/portal/keys/"+ids[0], ""); status != 204 {
		t.Errorf("%d", status)
	}
	f.makes(dev, `{"name":"k"}`)
	often := 0
	for range 20 {
		status, _ := f.ask(dev, "DELETE", "/portal/keys/"+ids[0], "")
		if status == 429 {
			often++
		}
	}
	if often == 0 {
		t.Error("changes have no bound")
	}
}

// TestARevokedUserHasNoKeys, also when the revocation is over: a key lasts longer.
func TestARevokedUserHasNoKeys(t *testing.T) {
	topic := new(keysTopic)
	f, g := developers(t, topic, nil), developers(t, topic, nil)
	_, key := f.makes(dev, `{"name":"k"}`)
	_, others := f.makes(other, `{"name":"k"}`)
	if status, answer := f.revoke("sluice_k", `{"user":"dev","for":"1ms"}`); status != 200 {
		t.Fatalf("%d %s", status, answer)
	}
	for _, gateway := range []*fixture{f, g} {
		gateway.wants(key, "/state", 401, "identity-revoked")
		gateway.wants(others, "/state", 200, "")
	}
	topic.set(func() { topic.broken = errors.New("no leader") })
	if status, answer := f.revoke("sluice_k", `{"user":"other"}`); status != 503 {
		t.Errorf("Kafka is away: %d %s", status, answer)
	}
	f.wants(others, "/state", 401, "identity-revoked")
}

// TestADeveloperMakesAndRevokesATicket, which another gateway takes at once.
func TestADeveloperMakesAndRevokesATicket(t *testing.T) {
	topic := new(keysTopic)
	f, g := developers(t, topic, nil), developers(t, topic, nil)
	status, made := f.ask(dev, "POST", "/portal/tickets", `{"name":"demo","streams":["orders"],"ttl":"10m"}`)
	if status != 201 {
		t.Fatalf("%d %v", status, made)
	}
	text := made["ticket"].(string)
	for _, r := range topic.records {
		if strings.Contains(r.text, text) {
			t.Errorf("kept as %s", r.text)
		}
	}
	s := g.get("/events?ticket=" + text)
	s.want("sluice.hello", "*")
	if status, _ := f.ask("", "GET", "/state?stream=news&ticket="+text, "", "Content-Type", ""); status != 403 {
		t.Errorf("news: %d", status)
	}
	if _, list := g.ask(dev, "GET", "/portal/tickets", ""); !strings.Contains(fmt.Sprint(list), "demo") || strings.Contains(fmt.Sprint(list), text) {
		t.Errorf("%v", list)
	}
	if status, _ := f.ask(dev, "DELETE", "/portal/tickets/"+made["id"].(string), ""); status != 204 {
		t.Errorf("%d", status)
	}
	s.want("sluice.closing", "*")
	if status, answer := g.ask("", "GET", "/state?ticket="+text, "", "Content-Type", ""); status != 401 || answer["type"] != "urn:sluice:problem:identity-revoked" {
		t.Errorf("%d %v", status, answer)
	}
}

// TestALateGatewayKnowsWhatTheTopicHas, in whichever order its partitions are read.
func TestALateGatewayKnowsWhatTheTopicHas(t *testing.T) {
	topic := new(keysTopic)
	f := developers(t, topic, nil)
	_, good := f.makes(dev, `{"name":"good"}`)
	id, gone := f.makes(dev, `{"name":"gone"}`)
	rotated, old := f.makes(dev, `{"name":"old"}`)
	f.ask(dev, "DELETE", "/portal/keys/"+id, "")
	_, made := f.ask(dev, "POST", "/portal/keys/"+rotated+"/rotate", `{"overlap":"0s"}`)
	for name, order := range map[string]func(a, b struct{ key, text string }) int{
		"as written": func(struct{ key, text string }, struct{ key, text string }) int { return 0 },
		"backwards":  func(a, b struct{ key, text string }) int { return -1 },
		"by key":     func(a, b struct{ key, text string }) int { return -cmp.Compare(a.key, b.key) },
	} {
		records := slices.Clone(topic.records)
		if slices.SortStableFunc(records, order); name == "backwards" {
			records = slices.Clone(topic.records)
			slices.Reverse(records)
		}
		late := developers(t, new(keysTopic), nil)
		for _, r := range records {
			late.cfg.Portal.Hear(r.key, []byte(r.text))
		}
		late.wants(good, "/state", 200, "")
		late.wants(gone, "/state", 401, "identity-revoked")
		late.wants(old, "/state", 401, "identity-expired")
		late.wants(made["key"].(string), "/state", 200, "")
	}
}

// narrowKeys are API keys of which each is for some actions and streams.
func narrowKeys(t *testing.T, actions, streams []string) (keys auth.APIKeys, text string) {
	t.Helper()
	text, hash := auth.NewAPIKey()
	key, err := auth.ParseAPIKey("narrow", hash)
	if err != nil {
		t.Fatal(err)
	}
	key.Actions, key.Streams = actions, streams
	return auth.APIKeys{key}, text
}

// TestABackEndsKeyIsForWhatItSays: actions, and streams of its tickets. Its uses are
// counted by its name.
func TestABackEndsKeyIsForWhatItSays(t *testing.T) {
	for _, tt := range []struct {
		actions, streams   []string
		ticket, other, end int
	}{
		{nil, nil, 201, 201, 200},
		{[]string{"tickets"}, []string{"orders"}, 201, 403, 403},
		{[]string{"revoke"}, nil, 403, 403, 200},
	} {
		var key string
		f := developers(t, new(keysTopic), func(c *Config) { c.APIKeys, key = narrowKeys(t, tt.actions, tt.streams) })
		post := func(path, body string) int {
			status, _ := f.ask("", "POST", path, body, "Authorization", "Bearer "+key)
			return status
		}
		if ticket, other := post("/tickets", `{"stream":"orders","subject":"o-1"}`), post("/tickets", `{"stream":"news","subject":"n"}`); ticket != tt.ticket || other != tt.other {
			t.Errorf("%v: tickets are %d and %d", tt.actions, ticket, other)
		}
		if end := post("/revoke", `{"user":"alice"}`); end != tt.end {
			t.Errorf("%v: a revocation is %d", tt.actions, end)
		}
		if tt.streams == nil {
			continue
		}
		_, made := f.ask("", "POST", "/tickets", `{"user":"alice"}`, "Authorization", "Bearer "+key)
		if status, _ := f.ask("", "GET", fmt.Sprintf("/state?stream=news&ticket=%v", made["ticket"]), "", "Content-Type", ""); status != 403 {
			t.Errorf("a ticket for a user shows another stream: %d", status)
		}
		if n := f.scraped()[`sluice_api_key_uses_total{key="narrow"}`]; n != 3 { // the rest is out of scope
			t.Errorf("%v uses are counted", n)
		}
	}
}
