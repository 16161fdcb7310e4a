package server

import (
	"compress/gzip"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice/server/auth"
	"sluice/server/operators"
)

// officialSchema is AsyncAPI's own of its documents.
func officialSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "asyncapi", "3.0.0.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("http://asyncapi.com/definitions/3.0.0/asyncapi.json", v); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("http://asyncapi.com/definitions/3.0.0/asyncapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestAsyncAPI: the documents are as AsyncAPI has them, and each caller's has the streams
// that it may read.
func TestAsyncAPI(t *testing.T) {
	official := officialSchema(t)
	if err := official.Validate(map[string]any{"asyncapi": "3.0.0"}); err == nil {
		t.Fatal("the schema takes anything")
	}
	f := newFixture(t, func(c *Config) {
		c.Auth = as{"alice": {User: "alice"}, "sam": {User: "sam", Roles: []string{"staff"}}, "guest": {Subject: "o-1", Streams: []string{"orders"}}}
		c.Access, c.Subjects = map[string][]string{"news": {"staff"}}, []string{"orders"}
	})
	for _, tt := range []struct {
		handler http.Handler
		name    string
		streams string
		topics  bool
	}{
		{f.Handler(), "", "", false},
		{f.Handler(), "alice", "orders", false},
		{f.Handler(), "guest", "orders", false},
		{f.Handler(), "sam", "orders news", false},
		{f.Admin(), "", "orders news", true},
	} {
		w := inquire(tt.handler, "/asyncapi.json", "X-Name", tt.name)
		text := w.Body.String()
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := official.Validate(v); err != nil {
			t.Errorf("%q: %v", tt.name, err)
		}
		var d struct {
			Channels   map[string]map[string]any
			Operations map[string]any
			Components struct{ Schemas, Messages map[string]any }
		}
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(tt.streams)
		for _, name := range want {
			if d.Channels[name] == nil || d.Operations[name] == nil || d.Components.Messages[name] == nil {
				t.Errorf("%q: %s is missing", tt.name, name)
			}
		}
		if len(want) > 0 { // and the channel of WebSockets
			want = append(want, asyncWebSocket)
		}
		if len(d.Channels) != len(want) || !strings.Contains(tt.streams, "news") && strings.Contains(text, "news") {
			t.Errorf("%q is told of %v", tt.name, d.Channels)
		}
		if tt.topics != strings.Contains(text, "order-topic") {
			t.Errorf("%q: topics are told, or not: %s", tt.name, text)
		}
		if d.Components.Schemas["Hello"] == nil || w.Header().Get("Cache-Control") != "private, no-cache" {
			t.Errorf("%q: %v %v", tt.name, d.Components, w.Header())
		}
	}
	if w := inquire(f.Handler(), "/asyncapi.json", "X-Name", "mallory"); w.Code != http.StatusUnauthorized {
		t.Errorf("refused credentials: %d", w.Code)
	}
	closed := newFixture(t, func(c *Config) { c.AdminAuth, c.Auth = operators.Auth{Token: "a token"}, auth.None{} })
	if w := inquire(closed.Admin(), "/asyncapi.json"); w.Code != http.StatusUnauthorized {
		t.Errorf("the admin address: %d", w.Code)
	}
}

// TestAsyncAPIOfAWebSocket: what goes over one, in both directions, is as the document
// has it.
func TestAsyncAPIOfAWebSocket(t *testing.T) {
	f := begin(t, nil)
	compiler := jsonschema.NewCompiler()
	document, err := jsonschema.UnmarshalJSON(inquire(f.Handler(), "/asyncapi.json?user=alice").Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("urn:document", document); err != nil {
		t.Fatal(err)
	}
	check := func(name string, payload any) error {
		return compiler.MustCompile("urn:document#/components/messages/" + asyncWebSocket + "." + name + "/payload").Validate(payload)
	}
	c := f.connect("/ws?user=alice&stream=orders&snapshot=1")
	read := func(name string) {
		t.Helper()
		_, text, err := c.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := check(name, payloadOf(string(text))); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	say := func(name, text string) {
		t.Helper()
		if err := check("client."+name, payloadOf(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		c.say(text)
	}
	read("sluice.snapshot")
	read("sluice.hello")
	f.about(orders, 1, "o-1", "order.placed", `{"orderId":"o-1"}`, "alice")
	read("orders")
	f.about(orders, 2, "o-1", "", "no JSON", "alice")
	read("orders")
	say("ping", "ping")
	read("client.pong")
	say("follow", `{"follow":{"subjects":["o-1"],"events":["order.placed"]}}`)
	read("sluice.hello")
	f.Close()
	read("sluice.closing")

	for name, text := range map[string]string{"orders": `{"stream":"orders"}`, "sluice.hello": `{"event":"sluice.hello"}`, "client.ping": "pong", "client.follow": `{}`} {
		if check(name, payloadOf(text)) == nil {
			t.Errorf("%s takes %s", name, text)
		}
	}
}

// payloadOf is what a message says: JSON, or else the text.
func payloadOf(text string) any {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return text
	}
	return v
}
