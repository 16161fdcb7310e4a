package schema

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeRegistry answers for schemas as Confluent's does.
type fakeRegistry struct {
	*httptest.Server
	mu    sync.Mutex // guards the rest
	paths map[string]any
	down  bool
	asked map[string]int
	auth  []string
}

func newFakeRegistry(t *testing.T) *fakeRegistry {
	f := &fakeRegistry{paths: make(map[string]any), asked: make(map[string]int)}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asked[r.URL.Path]++
		user, password, _ := r.BasicAuth()
		f.auth = append(f.auth, user+":"+password)
		answer, ok := f.paths[r.URL.Path]
		switch {
		case f.down:
			w.WriteHeader(http.StatusServiceUnavailable)
		case !ok && strings.HasPrefix(r.URL.Path, "/api/"):
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, "<h1>not here</h1>")
		default:
			if err := json.NewEncoder(w).Encode(answer); err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeRegistry) set(path string, answer any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths["/api/v7"+path] = answer
}

func (f *fakeRegistry) setDown(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

type answer struct {
	Schema     string           `json:"schema"`
	Type       string           `json:"schemaType,omitempty"`
	References []map[string]any `json:"references,omitempty"`
}

func newRegistry(t *testing.T, cfg Config) *Registry {
	t.Helper()
	r, err := NewRegistry(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func newCodec(t *testing.T, kind Kind, r *Registry) *Codec {
	t.Helper()
	c, err := New(kind, r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// decode is Append for those who wait for the registry to say something.
func decode(t *testing.T, c *Codec, raw []byte) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		out, err := c.Append(nil, raw, 1<<20)
		if !errors.Is(err, ErrPending) || !strings.HasSuffix(err.Error(), "has not answered") {
			return string(out), err // known, unknown, or it has been asked and didn't answer
		}
		changed := c.registry.Changed()
		if _, err := c.Append(nil, raw, 1<<20); !errors.Is(err, ErrPending) {
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal("the registry says nothing")
		}
	}
}

func framed(id byte, body string) []byte { return append([]byte{0, 0, 0, 0, id}, body...) }

func TestSchemasOfARegistry(t *testing.T) {
	f := newFakeRegistry(t)
	f.set("/schemas/ids/1", answer{Schema: `"string"`})
	f.set("/schemas/ids/2", answer{Schema: `syntax = "proto3"; import "other.proto"; message A {} message B { message C { Other o = 1; } }`, Type: "PROTOBUF", References: []map[string]any{{"name": "other.proto", "subject": "other", "version": 3}}})
	f.set("/subjects/other/versions/3", answer{Schema: `syntax = "proto3"; message Other { string id = 1; }`, Type: "PROTOBUF"})
	f.set("/schemas/ids/3", answer{Schema: `{"type":"record","name":"o","fields":[{"name":"c","type":"shop.Customer"}]}`, References: []map[string]any{{"name": "shop.Customer", "subject": "c", "version": 1}}})
	f.set("/subjects/c/versions/1", answer{Schema: `{"type":"record","name":"Customer","namespace":"shop","fields":[{"name":"id","type":"string"}]}`})
	f.set("/schemas/ids/4", answer{Schema: `{"type":"nonsense"}`})
	r := newRegistry(t, Config{URL: f.URL + "/api/v7/", Username: "u", Password: "p"})
	inAvro, inProtobuf, inJSON := newCodec(t, Avro, r), newCodec(t, Protobuf, r), newCodec(t, JSON, nil)
	for _, tt := range []struct {
		name  string
		codec *Codec
		raw   []byte
		want  string
		err   string
	}{
		{"Avro", inAvro, framed(1, "\x04hi"), `"hi"`, ""},
		{"Avro with a reference", inAvro, framed(3, "\x0aalice"), `{"c":{"id":"alice"}}`, ""},
		{"Protobuf, a nested message", inProtobuf, framed(2, "\x04\x02\x00\x0a\x03\x0a\x01x"), `{"o":{"id":"x"}}`, ""},
		{"Protobuf, the first message", inProtobuf, framed(2, "\x00"), `{}`, ""},
		{"Protobuf, no such message", inProtobuf, framed(2, "\x02\x08"), "", "no message at index"},
		{"Protobuf, a broken index", inProtobuf, framed(2, "\xff"), "", "index can't be read"},
		{"Protobuf, a long index", inProtobuf, framed(2, "\xfe\xff\xff\xff\x0f"), "", "index can't be read"},
		{"JSON Schema", inJSON, framed(9, `{"a":1}`), `{"a":1}`, ""},
		{"JSON Schema, no JSON", inJSON, framed(9, `a`), "", "not JSON"},
		{"of another kind", inProtobuf, framed(1, "\x00"), "", "is of kind avro, and not protobuf"},
		{"no header", inAvro, []byte(`{"a":1}`), "", "doesn't begin as"},
		{"a header alone", inJSON, []byte{0, 0, 0, 0}, "", "doesn't begin as"},
		{"an unusable schema", inAvro, framed(4, ""), "", "schema 4: it can't be used"},
		{"an unknown schema", inAvro, framed(7, ""), "", "schema 7: the registry has no such schema"},
	} {
		got, err := decode(t, tt.codec, tt.raw)
		if got != tt.want && err == nil || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %s, %v; want %s %s", tt.name, got, err, tt.want, tt.err)
		}
	}
	if _, err := decode(t, inAvro, framed(7, "")); !errors.Is(err, ErrUnknown) || errors.Is(err, ErrPending) {
		t.Errorf("an unknown schema: %v", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.asked["/api/v7/schemas/ids/7"]; n != 1 {
		t.Errorf("an unknown schema was asked for %d times", n)
	}
	for _, auth := range f.auth {
		if auth != "u:p" {
			t.Errorf("asked as %q", auth)
		}
	}
}

// What is known survives an outage, and what isn't known waits for its end.
func TestARegistryThatIsAway(t *testing.T) {
	t.Parallel()
	f := newFakeRegistry(t)
	f.set("/schemas/ids/1", answer{Schema: `"string"`})
	f.set("/schemas/ids/2", answer{Schema: `"long"`})
	r := newRegistry(t, Config{URL: f.URL + "/api/v7"})
	c := newCodec(t, Avro, r)
	if got, err := decode(t, c, framed(1, "\x04hi")); got != `"hi"` || err != nil {
		t.Fatal(got, err)
	}
	f.setDown(true)
	if got, err := decode(t, c, framed(1, "\x02x")); got != `"x"` || err != nil {
		t.Errorf("a known schema: %s, %v", got, err)
	}
	_, err := decode(t, c, framed(2, "\x02"))
	if !errors.Is(err, ErrPending) || errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "it answers 503") {
		t.Errorf("another: %v", err)
	}
	f.setDown(false)
	if err := c.Wait(t.Context(), framed(2, "\x02")); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Append(nil, framed(2, "\x02"), 100); string(got) != "1" || err != nil {
		t.Errorf("afterwards: %s, %v", got, err)
	}
}

// Its query may have a key.
func TestNothingShowsWhatTheRegistrysURLHasInIt(t *testing.T) {
	const secret = "s3cret"
	f := newFakeRegistry(t)
	f.Close()
	var log syncedLog
	r, err := NewRegistry(Config{URL: f.URL + "/api/v7?key=" + secret}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	_, err = decode(t, newCodec(t, Avro, r), framed(1, ""))
	if text := log.String(); !strings.Contains(text, "doesn't answer") || strings.Contains(text+err.Error(), secret) {
		t.Errorf("%v\n%s", err, text)
	}
}

// syncedLog is a log that can be read while it is written.
type syncedLog struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *syncedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *syncedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A web server's page for what isn't there says nothing of a schema.
func TestAWrongAddressIsNoUnknownSchema(t *testing.T) {
	f := newFakeRegistry(t)
	c := newCodec(t, Avro, newRegistry(t, Config{URL: f.URL + "/wrong"}))
	if _, err := decode(t, c, framed(1, "")); errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "schema_registry.url") {
		t.Error(err)
	}
}

func TestTheRegistrysPasswordIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFakeRegistry(t)
	c := newCodec(t, Avro, newRegistry(t, Config{URL: f.URL + "/api/v7", Username: "u", PasswordFile: file}))
	if _, err := decode(t, c, framed(1, "")); err == nil {
		t.Fatal("there is a schema")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.auth[0] != "u:one" {
		t.Errorf("asked as %q", f.auth[0])
	}
}

func TestNewRegistryNamesTheKey(t *testing.T) {
	for _, cfg := range []Config{{URL: "localhost:8081"}, {URL: "ftp://x"}, {URL: "http://u:secret@x"}, {URL: "http://x", PasswordFile: "nowhere"}, {URL: "http://x", TokenFile: "nowhere"}, {URL: "https://x", TLS: TLS{CAFile: "nowhere"}}, {URL: "https://x", TLS: TLS{CertFile: "nowhere", KeyFile: "nowhere"}}, {URL: "https://x", TLS: TLS{KeyFile: "nowhere"}}} {
		if _, err := NewRegistry(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), "schema_registry") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := New(Avro, nil); err == nil {
		t.Error("Avro needs no registry")
	}
}

func TestLargeAnswersAreCutOff(t *testing.T) {
	f := newFakeRegistry(t)
	f.set("/schemas/ids/1", answer{Schema: strings.Repeat(" ", maxReplySize)})
	f.set("/schemas/ids/2", answer{Schema: strings.Repeat(" ", maxSchema+1)})
	f.set("/schemas/ids/3", answer{Schema: `"string"`, References: []map[string]any{{"name": "a", "subject": "a", "version": 1}}})
	f.set("/subjects/a/versions/1", answer{Schema: `"string"`, References: []map[string]any{{"name": "b", "subject": "a", "version": 1}, {"name": "a", "subject": "a", "version": 1}}})
	c := newCodec(t, Avro, newRegistry(t, Config{URL: f.URL + "/api/v7"}))
	if _, err := decode(t, c, framed(1, "")); !errors.Is(err, ErrPending) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("an answer too large: %v", err)
	}
	if _, err := decode(t, c, framed(2, "")); err == nil || errors.Is(err, ErrPending) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a schema too large: %v", err)
	}
	if got, err := decode(t, c, framed(3, "\x02x")); got != `"x"` || err != nil {
		t.Errorf("references in a circle: %s, %v", got, err)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	c := newCache(3, 100)
	for id := range 5 {
		c.put(id, &parsed{id: id, size: 10})
	}
	if c.get(1) != nil || c.get(2) == nil || c.get(4) == nil {
		t.Error("the newest three are not those that are kept")
	}
	c.get(2)
	c.put(9, &parsed{id: 9, size: 85})
	if c.get(2) == nil || c.get(4) != nil || c.bytes != 95 {
		t.Errorf("%d bytes are kept", c.bytes)
	}
}

func TestSchemasFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	avro := write("order.avsc", `{"type":"record","name":"o","fields":[{"name":"a","type":["null","string"]},{"name":"n","type":"int"}]}`)
	write("common/customer.proto", `syntax = "proto3"; message Customer { string id = 1; }`)
	buf := write("order.proto", `syntax = "proto3"; package shop; import "common/customer.proto"; message First {} message Order { Customer c = 1; }`)
	for _, tt := range []struct {
		name, file, message string
		kind                Kind
		raw, want           string
	}{
		{"Avro", avro, "", Avro, "\x02\x04hi\x06", `{"a":"hi","n":3}`},
		{"Avro, framed", avro, "", Avro, "\x00\x00\x00\x00\x01\x02\x04hi\x06", `{"a":"hi","n":3}`},
		{"Avro that begins with zeros", avro, "", Avro, "\x00\x00", `{"a":null,"n":0}`},
		{"Protobuf", buf, "shop.Order", Protobuf, "\x0a\x03\x0a\x01x", `{"c":{"id":"x"}}`},
		{"Protobuf, framed", buf, "shop.Order", Protobuf, "\x00\x00\x00\x00\x01\x02\x02\x0a\x03\x0a\x01x", `{"c":{"id":"x"}}`},
		{"Protobuf, the first message", buf, "", Protobuf, "", `{}`},
	} {
		c, err := FromFile(tt.kind, tt.file, tt.message)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got, err := c.Append(nil, []byte(tt.raw), 100); string(got) != tt.want || err != nil {
			t.Errorf("%s: %s, %v; want %s", tt.name, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		kind          Kind
		file, message string
		want          string
	}{
		{Avro, filepath.Join(dir, "nowhere"), "", "no such file"},
		{Avro, buf, "", "order.proto: "},
		{Protobuf, buf, "shop.Nothing", "has no message shop.Nothing"},
		{JSON, buf, "", "needs no schema"},
		{Avro, avro, "shop.Order", "Avro has none"},
	} {
		if _, err := FromFile(tt.kind, tt.file, tt.message); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v; want %s", tt.kind, tt.file, err, tt.want)
		}
	}
}
