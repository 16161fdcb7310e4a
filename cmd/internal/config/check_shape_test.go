package config

import (
	"reflect"
	"strings"
	"testing"

	"sluice/broker/record"
)

// shaped is a configuration with one stream of these keys, and what else is said.
func shaped(keys, more string) string {
	return `kafka: {brokers: ["localhost:9092"]}
streams: {orders: {topic: t, ` + keys + `}}
auth: {jwt: {secret: ` + goodSecret + `, require_exp: true}}
` + more
}

func TestShapesAreChecked(t *testing.T) {
	registry := "schema_registry: {url: \"http://localhost:8081/apis/ccompat/v7\"}\n"
	t.Chdir(t.TempDir())
	for _, tt := range []struct{ keys, more, key, want string }{
		{"user: key, decode: avro", "", "decode", "avro needs schemas"},
		{"user: key, key_decode: protobuf", "", "key_decode", "protobuf needs schemas"},
		{"user: key, decode: avro, key_decode: protobuf", registry, "", ""},
		{"user: key, decode: xml", "", "decode", `"xml" is unknown`},
		{"user: key, decode: json-schema", "", "", ""},
		{"user: key, decode: {avro: {file: nowhere.avsc}}", "", "decode.avro.file", "no such file"},
		{"user: key, decode: {protobuf: {message: shop.Order}}", "", "decode.protobuf.file", "is missing"},
		{"user: key, decode: {json: {file: x}}", "", "decode.json", "there is no such key"},
		{"user: value:a, decode: text", "", "user", "looks into the value, which is text"},
		{"user: key, decode: text, drop: [a]", "", "decode", "text has no fields"},
		{"user: key, filter: '.a =='", "", "filter", "is not jq"},
		{"user: key, transform: 'now'", "", "transform", "uses now"},
		{"user: key, transform: '.', drop: [a]", "", "transform", "goes with neither"},
		{"user: key, drop: ['a..b']", "", "drop", "has an empty name"},
		{"user: key, keep: ['a.']", "", "keep", "has an empty name"},
		{"user: key, envelope: letter", "", "envelope", `"letter" is unknown`},
		{"user: key, envelope_headers: [b3]", "", "envelope_headers", "does nothing without"},
		{"user: key, on_error: pass, drop: [a]", "", "on_error", "past drop"},
		{"user: key, on_error: pass, filter: .a", "", "on_error", "past filter"},
		{"user: key, on_error: pass", "", "", ""},
		{"user: key, unwrap: maxwell", "", "unwrap", `"maxwell" is unknown`},
		{"user: value:u, subject: value:id, unwrap: debezium", "", "", ""},
		{"user: [header:u, value:u], subject: key", "", "", ""},
		{"user: [header:u, body:u]", "", "user", `a record has no "body"`},
		{"user: key", "schema_registry: {username: u}", "/schema_registry.url", "is missing"},
		{"user: key", "schema_registry: {url: \"localhost:8081\"}", "/schema_registry.url", "is no address"},
		{"user: key", "schema_registry: {url: \"http://u:hunter22@localhost\"}", "/schema_registry.url", "holds a user"},
		{"user: key", "schema_registry: {url: \"http://localhost\", password: hunter22}", "/schema_registry.username", "is missing"},
		{"user: key", "schema_registry: {url: \"http://localhost\", username: u}", "/schema_registry.password", "is missing"},
		{"user: key", "schema_registry: {url: \"http://localhost\", username: u, token: hunter22}", "/schema_registry.token", "one way to log in"},
		{"user: key", "schema_registry: {url: \"http://localhost\", ca_file: ca.pem}", "/schema_registry.url", "without TLS"},
		{"user: key", "schema_registry: {url: \"https://localhost\", ca_file: nowhere.pem}", "/schema_registry.ca_file", "no such file"},
		{"user: key", "schema_registry: {url: \"https://localhost\", cert_file: c.pem}", "/schema_registry.cert_file", "has no key"},
		{"user: key", "schema_registry: {url: \"https://localhost\", timeout: 2m}", "/schema_registry.timeout", "out of bounds"},
		{"user: key", "schema_registry: {url: \"https://localhost\", token: hunter22}", "", ""},
	} {
		_, findings := load(t, shaped(tt.keys, tt.more))
		faults := findings.Faults()
		if tt.key == "" {
			if len(faults) > 0 {
				t.Errorf("%s: %v", tt.keys, faults)
			}
			continue
		}
		key, isTop := strings.CutPrefix(tt.key, "/")
		if !isTop {
			key = "streams.orders." + key
		}
		if len(faults) != 1 || faults[0].Key != key || !strings.Contains(faults[0].Text, tt.want) || strings.Contains(faults.Error(), "hunter22") {
			t.Errorf("%s: %v; want %s: %s", tt.keys, faults, key, tt.want)
		}
	}
}

func TestShapesAreWarnedOf(t *testing.T) {
	for keys, want := range map[string]string{
		"user: key, transform: '[range(.n)]'":       "counts as far as the record says",
		"user: key, filter: '\"x\" * .n | length'":  "beyond max_record_bytes",
		"user: value:u, unwrap: debezium":           "REPLICA IDENTITY FULL",
		"user: [value:u, value:v], subject: value:": "",
	} {
		_, findings := load(t, shaped(keys, ""))
		if len(findings) == 0 || !strings.Contains(findings.Error(), want) {
			t.Errorf("%s: %v; want %s", keys, findings, want)
		}
	}
}

func TestShapesAreToldToTheBroker(t *testing.T) {
	c := mustLoad(t, shaped(`user: [header:ce_user, "value:user"], decode: avro, key_decode: long, unwrap: debezium, filter: .a, transform: .b,
    envelope: metadata, envelope_headers: [b3], on_error: stop`, "schema_registry: {url: http://localhost}\n"), "SLUICE_STREAMS_ORDERS_EVENT=header:type, value:type")
	got := c.Streams[0].Broker().Record
	want := record.Rules{
		User: "header:ce_user, value:user", Event: "header:type, value:type", Decode: record.Decoding{As: "avro"}, KeyDecode: record.KeyLong, Unwrap: record.Debezium,
		Filter: ".a", Transform: ".b", Envelope: "metadata", Headers: []string{"b3"}, OnError: record.OnErrorStop, Names: record.Names{Stream: "orders", Topic: "t"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
	if r, err := c.Registry(nil); r == nil || err != nil {
		t.Errorf("the registry: %v", err)
	}
	file := mustLoad(t, shaped("user: key, drop: [a, b.c]", "")).Streams[0].Broker().Record
	if !reflect.DeepEqual(file.Drop, []string{"a", "b.c"}) {
		t.Errorf("drop: %q", file.Drop)
	}
}
