package server

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"sluice/server/auth"
	"sluice/server/describe"
	"sluice/server/operators"
	"sluice/stream/ssetest"
)

// withEverything has each route that there can be.
func withEverything(c *Config) {
	tickets, err := auth.NewTickets([]byte("thirty-two bytes are long enough"), 0)
	if err != nil {
		panic(err)
	}
	c.APIKeys, c.Tickets = oneKey("sluice_k"), tickets
	c.Auth = auth.First{tickets, auth.None{}}
	c.Portal = newPortal(new(keysTopic), tickets)
	c.AdminAuth = operators.Auth{Token: "a token for operators", APIKeys: true}
	c.Subjects = []string{"orders"}
	c.Publish = Publish{Publisher: new(paper), Streams: []string{"orders"}, Roles: []string{"backend"}, MaxBytes: 1 << 20}
}

// TestEveryRouteIsDescribed, and nothing else is: who adds a route adds it to
// publicRoutes or adminRoutes.
func TestEveryRouteIsDescribed(t *testing.T) {
	f := newFixture(t, withEverything)
	for name, side := range map[string]struct {
		routes chi.Routes
		table  map[string]describe.Route
	}{
		"publicRoutes": {f.routes(), publicRoutes},
		"adminRoutes":  {f.adminRoutes(), adminRoutes},
	} {
		found := map[string]bool{}
		describe.Each(side.routes, func(method, pattern string) {
			key := method + " " + pattern
			found[key] = true
			_, ok := side.table[key]
			_, get := side.table["GET "+pattern]
			if !ok && (method != http.MethodHead || !get) {
				t.Errorf("%s is not in %s: /openapi.json has to have it", key, name)
			}
		})
		for key := range side.table {
			if !found[key] {
				t.Errorf("%s has %s, which is no route", name, key)
			}
		}
	}
}

// openAPI is as much of a document as the tests look at.
type openAPI struct {
	OpenAPI    string
	Paths      map[string]map[string]operation
	Components struct {
		Schemas         map[string]any
		SecuritySchemes map[string]struct{ Type, In, Name, Scheme string }
	}
}

type operation struct {
	OperationID string
	Parameters  []struct{ Name, In string }
	Responses   map[string]struct {
		Content map[string]struct {
			Schema  any
			Example any
		}
	}
	Security []map[string][]string
}

func inquire(h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

func description(t *testing.T, h http.Handler) (d openAPI) {
	t.Helper()
	w := inquire(h, "/openapi.json", "Authorization", "Bearer a token for operators")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != describe.JSONType {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDescriptionIsOfThisConfiguration: routes and credentials that aren't configured are
// not in it.
func TestDescriptionIsOfThisConfiguration(t *testing.T) {
	bare, full := description(t, newFixture(t, nil).Handler()), description(t, newFixture(t, withEverything).Handler())
	if bare.OpenAPI != "3.1.1" || bare.Paths["/events"]["get"].OperationID != "events" || bare.Paths["/events"]["head"].OperationID != "eventsHead" {
		t.Errorf("%+v", bare)
	}
	for _, path := range []string{"/tickets", "/revoke", "/publish/{stream}"} {
		if bare.Paths[path] != nil || full.Paths[path]["post"].Responses["400"].Content[describe.ProblemType].Schema == nil {
			t.Errorf("%s: %v, %v", path, bare.Paths[path], full.Paths[path])
		}
	}
	if scheme := bare.Components.SecuritySchemes["user"]; scheme.In != "query" || scheme.Name != "user" {
		t.Errorf("without a login: %+v", bare.Components.SecuritySchemes)
	}
	if got := len(bare.Components.SecuritySchemes); got != 1 || len(bare.Paths["/events"]["get"].Security) != 1 {
		t.Errorf("%d ways to show who is asking", got)
	}
	if scheme := full.Components.SecuritySchemes["ticket"]; scheme.In != "query" || scheme.Name != "ticket" {
		t.Errorf("ticket: %+v", full.Components.SecuritySchemes)
	}
	if full.Components.SecuritySchemes["apiKey"].Scheme != "bearer" || full.Components.SecuritySchemes["admin"].Type != "" {
		t.Errorf("%+v", full.Components.SecuritySchemes)
	}
	if bare.Components.Schemas["Readiness"] != nil || bare.Components.Schemas["Hello"] == nil {
		t.Error("the schemas are not those that are used")
	}
	admin := description(t, newFixture(t, withEverything).Admin())
	if admin.Paths["/events"] != nil || admin.Paths["/readyz"]["get"].Security == nil || len(admin.Paths["/readyz"]["get"].Security) != 0 || len(admin.Paths["/metrics"]["get"].Security) != 3 {
		t.Errorf("%+v", admin)
	}
	anyone := description(t, newFixture(t, func(c *Config) { c.Access = map[string][]string{"news": {auth.Anyone}} }).Handler())
	if ways := anyone.Paths["/events"]["get"].Security; len(ways) != 2 || len(ways[1]) != 0 {
		t.Errorf("with a stream for anyone: %v", ways)
	}
}

// TestDescriptionsAreKeptByCaches until there is another one.
func TestDescriptionsAreKeptByCaches(t *testing.T) {
	f := newFixture(t, nil)
	first := inquire(f.Handler(), "/openapi.json")
	again := inquire(f.Handler(), "/openapi.json", "If-None-Match", first.Header().Get("ETag"))
	if first.Header().Get("Cache-Control") != "no-cache" || again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("%v, %d %v", first.Header(), again.Code, again.Header())
	}
	other := newFixture(t, withEverything)
	if w := inquire(other.Handler(), "/openapi.json", "If-None-Match", first.Header().Get("ETag")); w.Code != http.StatusOK {
		t.Errorf("another one: %d", w.Code)
	}
}

// TestNoPages: the descriptions are off the public port, what programs need stays.
func TestNoPages(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.NoPages = true })
	for path, want := range map[string]int{"/openapi.json": 404, "/console": 404, "/docs": 404, "/asyncapi.json": 404, "/.well-known/sluice": 200, "/state": 401} {
		if w := inquire(f.Handler(), path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if w := inquire(f.Admin(), "/openapi.json"); w.Code != http.StatusOK {
		t.Errorf("admin: %d", w.Code)
	}
}

// schemaOf compiles a schema of the components.
func schemaOf(t *testing.T, d openAPI, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("urn:doc", map[string]any{"components": map[string]any{"schemas": d.Components.Schemas}}); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("urn:doc#/components/schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// meets validates JSON, and that nothing stands in it that the schema doesn't have.
func meets(t *testing.T, d openAPI, name, text string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := schemaOf(t, d, name).Validate(v); err != nil {
		t.Errorf("%s is no %s: %v", text, name, err)
	}
	known, _ := d.Components.Schemas[name].(map[string]any)["properties"].(map[string]any)
	for key := range v.(map[string]any) {
		if known[key] == nil {
			t.Errorf("%s: %s has no %s", text, name, key)
		}
	}
}

// TestAnswersAreAsDescribed: bodies and the gateway's own events, as they are really
// written.
func TestAnswersAreAsDescribed(t *testing.T) {
	f := begin(t, withEverything)
	d, admin := description(t, f.Handler()), description(t, f.Admin())
	f.about(orders, 1, "o-1", "placed", `{"n":1}`, "alice")
	f.about(orders, 2, "o-2", "", `no JSON`, "alice")
	for path, name := range map[string]string{
		"/state?user=alice":                            "State",
		"/state?user=alice&cursor=orders@e:0~news@e:0": "Page",
		"/state?user=alice&cursor=nonsense":            "Page",
		"/.well-known/sluice?user=alice":               "Discovery",
		"/.well-known/sluice":                          "Discovery",
		"/events":                                      "Problem",
	} {
		meets(t, d, name, inquire(f.Handler(), path).Body.String())
	}
	for path, name := range map[string]string{"/readyz": "Readiness", "/live": "Live"} {
		meets(t, admin, name, inquire(f.Admin(), path, "Authorization", "Bearer a token for operators").Body.String())
	}
	for path, body := range map[string]struct{ body, name string }{
		"/tickets": {`{"user":"bob"}`, "Ticket"},
		"/revoke":  {`{"user":"bob"}`, "Revocation"},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, strings.NewReader(body.body))
		r.Header.Set("Authorization", "Bearer sluice_k")
		f.Handler().ServeHTTP(w, r)
		meets(t, d, body.name, w.Body.String())
	}

	seen := map[string]bool{}
	for _, path := range []string{"/events?user=alice&snapshot=1", "/events?user=alice&lastEventId=nonsense", "/events?user=alice&probe=1x8@10ms"} {
		s := f.get(path)
		for e, err := s.events.Next(); err == nil; e, err = s.events.Next() {
			at := slices.IndexFunc(notices, func(n notice) bool { return n.Name == e.Name })
			if at < 0 && strings.HasPrefix(e.Name, "sluice.") {
				t.Errorf("%s is not described", e.Name)
			}
			if at >= 0 {
				seen[e.Name] = true
				meets(t, d, notices[at].Schema, e.Data)
			}
			if e.Name == "sluice.hello" {
				break
			}
		}
		s.cancel()
	}
	for _, name := range []string{"sluice.hello", "sluice.reset", "sluice.snapshot", "sluice.probe"} {
		if !seen[name] {
			t.Errorf("no %s was sent", name)
		}
	}
	var wire bytes.Buffer
	wire.Write(appendStale(nil, f.rules.began))
	wire.Write(appendFresh(nil))
	wire.Write(appendExpiring(nil, 10_000, 1000))
	wire.Write(appendClosing(nil, "x", revoked, 1000))
	wire.Write(appendUnavailable(nil, "warming", 1000))
	for events := ssetest.NewReader(&wire); ; {
		e, err := events.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(notices, func(n notice) bool { return n.Name == e.Name })
		meets(t, d, notices[at].Schema, e.Data)
	}
}
