package record

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/schema"
	"sluice/broker/shape"
	"sluice/stream"
)

func newDecoder(t testing.TB, rules Rules) *Decoder {
	t.Helper()
	d, err := NewDecoder(rules)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// shown is an event in a line: who gets it, what it is about, its name and its data.
func shown(ev *stream.Event) string {
	return string(bytes.Join(ev.Users, []byte("+"))) + " " + string(ev.Subject) + " " + ev.Name + " " + string(ev.Data)
}

func TestSteps(t *testing.T) {
	avro := filepath.Join(t.TempDir(), "order.avsc")
	if err := os.WriteFile(avro, []byte(`{"type":"record","name":"o","fields":[{"name":"user","type":"string"},{"name":"n","type":"long"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	byUser := Rules{User: "value:user", Subject: "value:id", Event: "value:type"}
	with := func(r Rules, change func(*Rules)) Rules {
		change(&r)
		return r
	}
	inAvro := with(byUser, func(r *Rules) { r.Decode = Decoding{As: "avro", File: avro}; r.Subject, r.Event = "value:n", "" })
	text := with(byUser, func(r *Rules) { r.Decode.As, r.User, r.Subject, r.Event = DecodeText, "key", "", "" })
	const order = `{"user":"alice","id":7,"type":"paid","cost":1.50,"lines":[{"sku":"s","cost":2}]}`
	for _, tt := range []struct {
		name    string
		rules   Rules
		key     string
		value   string // "tombstone": none
		want    string // of an event
		refused Refusal
	}{
		{"Avro", inAvro, "", "\x0aalice\x80\x80\x80\x80\x80\x80\x80\x20", `alice 9007199254740992  {"user":"alice","n":9007199254740992}`, 0},
		{"no Avro", inAvro, "", "\x0aal", "", DecodeError},
		{"no Avro, passed", with(inAvro, func(r *Rules) { r.OnError, r.User, r.Subject = OnErrorPass, "value:user,key", "" }), "bob", "\x0aal", "bob   \x0aal", PassedRaw},
		{"a filter that passes", with(byUser, func(r *Rules) { r.Filter = `.type == "paid"` }), "", order, "alice 7 paid " + order, 0},
		{"a filter that doesn't", with(byUser, func(r *Rules) { r.Filter = `.type == "draft"` }), "", order, "", Filtered},
		{"nothing is left", with(byUser, func(r *Rules) { r.Transform = `empty` }), "", order, "", Filtered},
		{"a program fails", with(byUser, func(r *Rules) { r.Transform = `error` }), "", order, "", ShapeError},
		{"what is dropped says whose it is", with(byUser, func(r *Rules) { r.Drop = []string{"user", "type", "lines.*.cost", "cost"} }), "", order, `alice 7 paid {"id":7,"lines":[{"sku":"s"}]}`, 0},
		{"keep", with(byUser, func(r *Rules) { r.Keep = []string{"id"} }), "", order, `alice 7 paid {"id":7}`, 0},
		{"transform", with(byUser, func(r *Rules) { r.Transform = `{id, cost}` }), "", order, `alice 7 paid {"cost":1.50,"id":7}`, 0},
		{"no user", with(byUser, func(r *Rules) { r.Transform = `error` }), "", `{"id":7}`, "", NoUser},
		{"no JSON to shape", with(byUser, func(r *Rules) { r.Filter, r.User, r.Subject, r.Event = `true`, "key", "", "" }), "bob", `hi`, "", ShapeError},
		{"text", text, "bob", `{"user":1}`, `bob   {"user":1}`, 0},
		{"text, filtered", with(text, func(r *Rules) { r.Filter = `startswith("h")` }), "bob", "hi \"you\"", `bob   hi "you"`, 0},
		{"text, shaped", with(text, func(r *Rules) { r.Transform = `{text: .}` }), "bob", "hi \"you\"", `bob   {"text":"hi \"you\""}`, 0},
		{"text with a zero byte", text, "bob", "\x00\x00\x00\x00\x01", "bob   \x00\x00\x00\x00\x01", 0},
		{"metadata", with(byUser, func(r *Rules) {
			r.Envelope, r.Headers, r.Names.Topic = "metadata", []string{"h"}, "t"
			r.Keep = []string{"id"}
		}), "k", order, `alice 7 paid {"key":"k","headers":{"h":"v"},"timestamp":"1970-01-01T00:00:01.234Z","topic":"t","partition":3,"offset":42,"data":{"id":7}}`, 0},
		{"metadata of no JSON", with(byUser, func(r *Rules) { r.Envelope, r.User, r.IDs.Key = "metadata", "key", []byte("x") }), "k", "hi", `k   {"key":"k","timestamp":"1970-01-01T00:00:01.234Z","text":"hi"}`, NoSubject},
		{"CloudEvents", with(byUser, func(r *Rules) {
			r.Envelope, r.Names = "cloudevents", Names{"orders", "t"}
			r.Keep = []string{"id"}
		}), "k", order, `alice 7 paid {"specversion":"1.0","id":"t/3/42","source":"/streams/orders","type":"paid","subject":"7","time":"1970-01-01T00:00:01.234Z","datacontenttype":"application/json","data":{"id":7}}`, 0},
		{"a tombstone isn't shaped", with(byUser, func(r *Rules) { r.User, r.Filter, r.Subject = "key", `false`, "key" }), "o-7", "tombstone", `o-7 o-7 delete {"subject":"o-7","key":"o-7"}`, 0},
		{"but wrapped", with(byUser, func(r *Rules) { r.User, r.Envelope, r.IDs.Key = "key", "metadata", []byte("x") }), "o-7", "tombstone", `o-7  delete {"key":"o-7","timestamp":"1970-01-01T00:00:01.234Z","data":{"subject":null,"key":"o-7"}}`, 0},
		{"a schema's header on a stream of JSON", byUser, "", "\x00\x00\x00\x00\x01{\"user\":1}", "", Framed},
		{"the same with a shape", with(byUser, func(r *Rules) { r.Filter = "true" }), "", "\x00\x00\x00\x00\x01{\"user\":1}", "", Framed},
		{"the same, passed", with(byUser, func(r *Rules) { r.OnError, r.User, r.Subject, r.Event = OnErrorPass, "key", "", "" }), "bob", "\x00\x00\x00\x00\x01x", "bob   \x00\x00\x00\x00\x01x", PassedRaw},
		{"JSON Schema", with(byUser, func(r *Rules) { r.Decode.As = "json-schema" }), "", "\x00\x00\x00\x00\x01" + order, "alice 7 paid " + order, 0},
		{"a long", with(text, func(r *Rules) { r.KeyDecode = KeyLong }), "\x00\x00\x00\x00\x00\x00\x04\xd2", "x", "1234   x", 0},
		{"a negative int", with(text, func(r *Rules) { r.KeyDecode = KeyInt }), "\xff\xff\xff\xfe", "x", "-2   x", 0},
		{"no long", with(text, func(r *Rules) { r.KeyDecode = KeyLong }), "1234", "x", "", KeyError},
		{"no long, passed", with(text, func(r *Rules) { r.KeyDecode, r.OnError = KeyLong, OnErrorPass }), "1234", "x", "1234   x", 0},
		{"a UUID in bytes", with(text, func(r *Rules) { r.KeyDecode = KeyUUID }), "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", "x", "01020304-0506-0708-090a-0b0c0d0e0f10   x", 0},
		{"a UUID in text", with(text, func(r *Rules) { r.KeyDecode = KeyUUID }), "01020304-0506-0708-090A-0B0C0D0E0F10", "x", "01020304-0506-0708-090a-0b0c0d0e0f10   x", 0},
		{"no UUID", with(text, func(r *Rules) { r.KeyDecode = KeyUUID }), "01020304-0506-0708-090a-0b0c0d0e0fzz", "x", "", KeyError},
		{"a JSON string", with(text, func(r *Rules) { r.KeyDecode = KeyJSON }), `"al\u0069ce"`, "x", "alice   x", 0},
		{"a JSON number", with(text, func(r *Rules) { r.KeyDecode = KeyJSON }), `12345678901234567890`, "x", "12345678901234567890   x", 0},
		{"a JSON object", with(text, func(r *Rules) { r.KeyDecode = KeyJSON }), `{"a":1}`, "x", `{"a":1}   x`, 0},
		{"a path in it", with(text, func(r *Rules) { r.KeyDecode, r.User = KeyJSON, "key:a" }), `{"a":1}`, "x", `1   x`, 0},
		{"a field uuid", with(text, func(r *Rules) { r.User = "key:uuid" }), `{"uuid":"u"}`, "x", `u   x`, 0},
		{"no JSON key", with(text, func(r *Rules) { r.KeyDecode = KeyJSON }), `alice`, "x", "", KeyError},
		{"every participant", with(byUser, func(r *Rules) { r.User = "value:participants.*.user_id"; r.Subject, r.Event = "", "" }), "", `{"participants":[{"user_id":1},{"user_id":"b"},{},{"user_id":1}]}`, `1+b   {"participants":[{"user_id":1},{"user_id":"b"},{},{"user_id":1}]}`, 0},
		{"text in an envelope", with(text, func(r *Rules) { r.Filter, r.Envelope, r.IDs.Key = `length > 1`, "metadata", []byte("x") }), "alice", "00", `alice   {"key":"alice","timestamp":"1970-01-01T00:00:01.234Z","text":"00"}`, 0},
		{"too large once decoded", with(inAvro, func(r *Rules) { r.MaxBytes = 20 }), "", "\x0aalice\x02", "", DecodeError},
	} {
		rec := kgo.Record{Key: []byte(tt.key), Value: []byte(tt.value), Partition: 3, Offset: 42, Timestamp: time.UnixMilli(1234), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("v")}}}
		if tt.value == "tombstone" {
			rec.Value = nil
		}
		d := newDecoder(t, tt.rules)
		ev := stream.Event{Users: [][]byte{[]byte("someone")}, Former: [][]byte{[]byte("someone")}, Hidden: true}
		refused := d.Decode(&rec, &ev)
		if refused != tt.refused {
			t.Errorf("%s: refused %s (%v); want %s", tt.name, refused, d.Err(), tt.refused)
			continue
		}
		if ev.Hidden == refused.Delivers() || ev.Former != nil {
			t.Errorf("%s: %+v", tt.name, ev)
		}
		if refused.Delivers() && shown(&ev) != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, shown(&ev), tt.want)
		}
	}
}

// CloudEvents in binary mode have their attributes in headers, in structured mode in
// the value.
func TestCloudEventsOfBothModes(t *testing.T) {
	d := newDecoder(t, Rules{User: "header:ce_user, value:user", Subject: "header:ce_subject, value:subject", Event: "header:ce_type, value:type", Transform: `if .specversion then .data else . end`})
	binary := kgo.Record{Value: []byte(`{"orderId":7}`), Headers: []kgo.RecordHeader{{Key: "ce_user", Value: []byte("alice")}, {Key: "ce_subject", Value: []byte("o-7")}, {Key: "ce_type", Value: []byte("paid")}}}
	structured := kgo.Record{Value: []byte(`{"specversion":"1.0","type":"paid","subject":"o-7","user":"alice","data":{"orderId":7}}`)}
	for _, rec := range []kgo.Record{binary, structured} {
		var ev stream.Event
		if refused := d.Decode(&rec, &ev); refused != 0 || shown(&ev) != `alice o-7 paid {"orderId":7}` {
			t.Errorf("%s: %s", refused, shown(&ev))
		}
	}
}

func TestWhatHolds(t *testing.T) {
	broken := kgo.Record{Key: []byte("k"), Value: []byte(`{"a":"secret"}`)}
	var ev stream.Event
	for rules, want := range map[string]bool{OnErrorStop: true, OnErrorDrop: false, "": false} {
		d := newDecoder(t, Rules{User: "key", Transform: `.a | error`, OnError: rules})
		refused := d.Decode(&broken, &ev)
		if refused != ShapeError || d.Holds(refused) != want || d.Stops(refused) != want {
			t.Errorf("%q: %s holds: %v", rules, refused, d.Holds(refused))
		}
		if err := d.Err(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", rules, err)
		}
	}
	d := newDecoder(t, Rules{User: "key", Filter: `.a`, OnError: OnErrorStop})
	if refused := d.Decode(&kgo.Record{Key: []byte("k"), Value: []byte(`{}`)}, &ev); refused != Filtered || d.Holds(refused) {
		t.Errorf("a filtered record: %s holds: %v", refused, d.Holds(refused))
	}
	if refused := d.Decode(&kgo.Record{Value: []byte(`{}`)}, &ev); refused != NoUser || d.Holds(refused) {
		t.Errorf("a record of nobody: %s holds: %v", refused, d.Holds(refused))
	}
}

// A schema that isn't known waits for the registry, and one that doesn't exist doesn't.
func TestSchemasOfARegistryThatIsAway(t *testing.T) {
	var down bool
	asked := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-asked // so that down isn't read while it is written
		switch {
		case down:
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Path == "/schemas/ids/1":
			_, _ = w.Write([]byte(`{"schema":"\"string\""}`))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"error_code":40403}`))
		}
	}))
	defer srv.Close()
	r, err := schema.NewRegistry(schema.Config{URL: srv.URL}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	rules := Rules{User: "key", Decode: Decoding{As: "avro"}, KeyDecode: "avro", Registry: r}
	one := kgo.Record{Key: []byte("\x00\x00\x00\x00\x01\x06bob"), Value: []byte("\x00\x00\x00\x00\x01\x04hi")}
	two := kgo.Record{Key: one.Key, Value: []byte("\x00\x00\x00\x00\x02\x04hi")}
	d := newDecoder(t, rules)
	var ev stream.Event
	if refused := d.Decode(&one, &ev); refused != SchemaPending || !d.Holds(refused) || d.Stops(refused) {
		t.Errorf("before an answer: %s", refused)
	}
	close(asked)
	for _, tt := range []struct {
		rec  *kgo.Record
		want Refusal
	}{{&one, 0}, {&two, SchemaMissing}} {
		refused := d.Decode(tt.rec, &ev)
		for refused == SchemaPending {
			if err := d.Wait(t.Context(), tt.rec); err != nil {
				t.Fatal(err)
			}
			refused = d.Decode(tt.rec, &ev)
		}
		if refused != tt.want || d.Holds(refused) {
			t.Errorf("%s holds: %v; want %s", refused, d.Holds(refused), tt.want)
		}
		if tt.want == 0 && shown(&ev) != `bob   "hi"` {
			t.Errorf("%s", shown(&ev))
		}
	}
}

func TestNewStepsNamesTheKey(t *testing.T) {
	for want, rules := range map[string]Rules{
		"decode: avro needs schema_registry": {User: "key", Decode: Decoding{As: "avro"}},
		"decode: open":                       {User: "key", Decode: Decoding{As: "avro", File: "nowhere"}},
		"key_decode: protobuf needs":         {User: "key", KeyDecode: "protobuf"},
		`key_decode: "float" is unknown`:     {User: "key", KeyDecode: "float"},
		`unwrap: "maxwell" is unknown`:       {User: "key", Unwrap: "maxwell"},
		"filter: is not jq":                  {User: "key", Filter: "." + "=="},
		"transform: uses now":                {User: "key", Transform: "now"},
		`envelope: "letter" is unknown`:      {User: "key", Envelope: "letter"},
	} {
		if _, err := NewDecoder(rules); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	for _, plain := range []Rules{{User: "key"}, {User: "key", KeyDecode: KeyText, Envelope: string(shape.Bare), OnError: OnErrorDrop, Decode: Decoding{As: DecodeJSON}}} {
		if d := newDecoder(t, plain); !d.IsPlain() {
			t.Errorf("%+v has steps", plain)
		}
	}
}

// FuzzSteps: no record breaks the steps, and what comes out keeps the hub's bounds.
func FuzzSteps(f *testing.F) {
	all := []Rules{
		{User: "key:id,value:user_id", Subject: "key:id", Unwrap: Debezium, Filter: `.st != "new"`, Envelope: "metadata", Headers: []string{"h"}},
		{User: "value:u", KeyDecode: KeyJSON, Transform: `{u, s: tostring}`, Envelope: "cloudevents"},
		{User: "key", KeyDecode: KeyUUID, Decode: Decoding{As: "json-schema"}, Drop: []string{"a.*.b"}, OnError: OnErrorPass},
		{User: "key", KeyDecode: KeyLong, Decode: Decoding{As: DecodeText}, Filter: `length > 1`, Envelope: "metadata"},
	}
	f.Add([]byte(`{"id":1}`), []byte(`{"before":{"id":1,"user_id":7},"after":{"id":1,"user_id":8},"op":"u"}`), false)
	f.Add([]byte(`12345678`), []byte("\x00\x00\x00\x00\x01{\"a\":[{\"b\":1}]}"), true)
	f.Add([]byte(`12345678`), []byte("shipped today"), false)
	f.Fuzz(func(t *testing.T, key, value []byte, tombstone bool) {
		rec := &kgo.Record{Key: key, Value: value, Headers: []kgo.RecordHeader{{Key: "h", Value: value}}}
		if tombstone {
			rec.Value = nil
		}
		for _, rules := range all {
			d := newDecoder(t, rules)
			var ev stream.Event
			refused := d.Decode(rec, &ev)
			if refused.Delivers() == ev.Hidden || refused.Delivers() && len(ev.Users) == 0 || ev.Hidden && len(ev.Users) > 0 {
				t.Fatalf("%s: %+v", refused, ev)
			}
			if refused.Delivers() && rules.Envelope != "" && !json.Valid(ev.Data) || len(ev.FormerData) > 0 && !json.Valid(ev.FormerData) {
				t.Fatalf("%q %q", ev.Data, ev.FormerData)
			}
		}
	})
}

// What a filter and a shape cost, compared with a record that is shown as it comes.
func BenchmarkSteps(b *testing.B) {
	value := []byte(`{"id":"o-1","customer":{"id":"user-4711","mail":"a@x"},"status":"paid","total":12.50,"pad":"` + strings.Repeat("x", 180) + `"}`)
	for _, bb := range []struct {
		name  string
		rules Rules
	}{
		{"plain", Rules{}},
		{"drop", Rules{Drop: []string{"customer.mail"}}},
		{"keep", Rules{Keep: []string{"id", "status", "total"}}},
		{"filter", Rules{Filter: `.status != "draft"`}},
		{"transform", Rules{Transform: `{id, status, total}`}},
		{"metadata", Rules{Envelope: "metadata"}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			bb.rules.User = "value:customer.id"
			d := newDecoder(b, bb.rules)
			rec := &kgo.Record{Key: []byte("user-4711"), Value: value}
			var ev stream.Event
			for b.Loop() {
				if refused := d.Decode(rec, &ev); refused != 0 {
					b.Fatal(refused)
				}
			}
		})
	}
}
