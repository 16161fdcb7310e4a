package schema

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

const orderProto = `syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "google/protobuf/any.proto";
import "google/protobuf/wrappers.proto";
message Order {
  int64 order_id = 1;
  Status status = 2;
  Customer customer = 3;
  repeated Line lines = 4;
  map<string, int32> counts = 5;
  google.protobuf.Timestamp at = 6;
  bytes raw = 7;
  double total = 8;
  optional string note = 9;
  google.protobuf.Any extra = 10;
  google.protobuf.StringValue hint = 11;
  oneof pay { string card = 12; bool cash = 13; }
  message Line { string sku = 1; uint64 n = 2; }
}
message Customer { string id = 1; }
enum Status { DRAFT = 0; PAID = 1; }
`

func parsedProto(t testing.TB, text string, files map[string]string) *protoFile {
	t.Helper()
	p, err := parseProto(text, files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wire is a message, given as Protobuf's text, in Protobuf's bytes.
func wire(t testing.TB, p *protoFile, d protoreflect.MessageDescriptor, text string) []byte {
	t.Helper()
	m := dynamicpb.NewMessage(d)
	if err := (prototext.UnmarshalOptions{Resolver: p.types}).Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestProtobufIsShownInItsOwnJSON(t *testing.T) {
	p := parsedProto(t, orderProto, nil)
	d, err := p.named("shop.Order")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, text, want string }{
		{"everything", `order_id: 9007199254740993 status: PAID customer {id: "alice"} lines {sku: "s" n: 2} counts {key: "a" value: 1} at {seconds: 1767355083 nanos: 120000000}
			raw: "\x00\xff" total: 0.1 note: "" hint {value: "h"} cash: true extra { [type.googleapis.com/shop.Customer] {id: "bob"} }`,
			`{"orderId":"9007199254740993","status":"PAID","customer":{"id":"alice"},"lines":[{"sku":"s","n":"2"}],"counts":{"a":1},"at":"2026-01-02T11:58:03.120Z","raw":"AP8=","total":0.1,"note":"","extra":{"@type":"type.googleapis.com/shop.Customer","id":"bob"},"hint":"h","cash":true}`},
		{"defaults are there, unless they mean that nothing is", ``, `{"orderId":"0","status":"DRAFT","lines":[],"counts":{},"raw":"","total":0}`},
		{"not a number", `total: nan`, `{"orderId":"0","status":"DRAFT","lines":[],"counts":{},"raw":"","total":"NaN"}`},
	} {
		got, err := p.append([]byte("before"), d, wire(t, p, d, tt.text), 1000)
		if text := strings.TrimPrefix(string(got), "before"); text != tt.want || err != nil {
			t.Errorf("%s: %s, %v; want %s", tt.name, text, err, tt.want)
		}
	}
	if _, err := p.append(nil, d, []byte{0xff}, 1000); err == nil {
		t.Error("broken bytes are taken")
	}
}

// Logs and decisions show the errors, and may not show what a stream drops.
func TestProtobufsErrorsQuoteNoValue(t *testing.T) {
	const secret = "999999999999777"
	p := parsedProto(t, strings.Replace(orderProto, "string note = 9;", "string note = 9; google.protobuf.FieldMask mask = 20;", 1)+"import \"google/protobuf/field_mask.proto\";", nil)
	d, err := p.named("shop.Order")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`at {seconds: ` + secret + `}`:                                                                                   "google.protobuf.Timestamp",
		`mask {paths: "A` + secret + `"}`:                                                                                "google.protobuf.FieldMask",
		`extra {type_url: "x/secret.` + secret + `" value: "a"}`:                                                         "google.protobuf.Any",
		`extra {type_url: "` + secret + `.example/shop.Customer" value: "\x0a\xff"}`:                                     "shop.Customer",
		`extra {type_url: "` + secret + `.example/google.protobuf.Timestamp" value: "\x08\xff\xff\xff\xff\xff\xff\x7f"}`: "google.protobuf.",
	} {
		if _, err := p.append(nil, d, wire(t, p, d, text), 1000); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

func TestProtobufImportsAndDescriptors(t *testing.T) {
	files := map[string]string{
		"common/customer.proto": `syntax = "proto3"; package common; import "confluent/meta.proto"; message Customer { string id = 1 [(confluent.field_meta).doc = "who"]; }`,
	}
	text := `syntax = "proto3"; package shop; import "common/customer.proto"; import "confluent/type/decimal.proto";
		message First {} message Order { message Part { int32 n = 1; } common.Customer c = 1; Part p = 2; confluent.type.Decimal d = 3; string order_id = 4; string user = 5; }`
	p := parsedProto(t, text, files)
	d, err := p.at([]int{1})
	if err != nil {
		t.Fatal(err)
	}
	body := wire(t, p, d, `c {id: "alice"} p {n: 3}`)
	want := `{"c":{"id":"alice"},"p":{"n":3},"orderId":"","user":""}`
	if got, err := p.append(nil, d, body, 100); string(got) != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if part, err := p.at([]int{1, 0}); err != nil || part.FullName() != "shop.Order.Part" {
		t.Errorf("%v, %v", part, err)
	}
	for _, path := range [][]int{{2}, {1, 1}, {0, 0}} {
		if _, err := p.at(path); err == nil {
			t.Errorf("there is a message at %v", path)
		}
	}
	// As confluent-kafka for Python registers it.
	described := func(f protoreflect.FileDescriptor) string {
		d := protodesc.ToFileDescriptorProto(f)
		for _, m := range d.MessageType { // as in generated code
			for _, field := range m.Field {
				field.JsonName = nil
			}
		}
		raw, err := proto.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(raw)
	}
	files["common/customer.proto"] = described(p.file.Imports().Get(0).FileDescriptor)
	p = parsedProto(t, described(p.file), files)
	if d, err = p.named("shop.Order"); err != nil {
		t.Fatal(err)
	}
	if got, err := p.append(nil, d, body, 100); string(got) != want || err != nil {
		t.Errorf("by descriptors: %s, %v", got, err)
	}
	for name, text := range map[string]string{
		"no Protobuf": `{"type":"record"}`, "a missing import": `syntax = "proto3"; import "nowhere.proto";`, "base64 of nothing": "AAAA",
		"itself": `syntax = "proto3"; import "schema.proto";`, "nests deep": `syntax = "proto3";` + strings.Repeat("message a {", 1<<15),
	} {
		if _, err := parseProto(text, nil); err == nil {
			t.Errorf("%s is a schema", name)
		}
	}
}

// Two bytes make a message of many fields, whose defaults JSON shows.
func TestProtobufTakesNoBombs(t *testing.T) {
	var text strings.Builder
	text.WriteString(`syntax = "proto3"; import "google/protobuf/any.proto"; message Wide { repeated Wide more = 1; google.protobuf.Any any = 2;`)
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		text.WriteString("\n string " + strings.Repeat(string(c), 100) + " = " + json.Number([]byte{byte('0' + (c-'a'+10)/10), byte('0' + (c-'a')%10)}).String() + ";")
	}
	text.WriteString("}")
	p := parsedProto(t, text.String(), nil)
	d, err := p.named("")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.append(nil, d, []byte(strings.Repeat("\n\x00", 1<<18)), 1<<20); err == nil {
		t.Errorf("%d bytes", len(got))
	}
	deep := []byte{}
	for range 90 { // as far as the reader lets it
		deep = append(append([]byte{'\n'}, protoLen(len(deep))...), deep...)
	}
	if _, err := p.append(nil, d, deep, 1<<20); err != nil {
		t.Errorf("90 levels: %v", err)
	}
	inner := wire(t, p, d, `any { type_url: "x/Wide" value: "`+strings.Repeat(`\n\000`, 1<<12)+`" }`)
	if got, err := p.append(nil, d, inner, 1<<20); err == nil {
		t.Errorf("within an Any: %d bytes", len(got))
	}
}

func protoLen(n int) []byte {
	if n < 0x80 {
		return []byte{byte(n)}
	}
	return []byte{byte(n&0x7f | 0x80), byte(n >> 7)}
}

func FuzzProtobuf(f *testing.F) {
	p := parsedProto(f, orderProto, nil)
	d, err := p.named("shop.Order")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire(f, p, d, `order_id: 1 extra { [type.googleapis.com/shop.Customer] {id: "bob"} } lines {} at {seconds: 5}`))
	f.Add([]byte("\x22\x00\x22\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := p.append(nil, d, body, 1<<16)
		if err == nil && (!json.Valid(out) || len(out) > 1<<16) {
			t.Fatalf("%d bytes: %.200q", len(out), out)
		}
	})
}
