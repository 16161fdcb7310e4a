package schema

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"
)

// asAvro is a value as hamba writes it.
func asAvro(t *testing.T, schema string, v any) []byte {
	t.Helper()
	s, err := parseAvro(schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := avro.Marshal(s, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fromAvro(t *testing.T, schema string, b []byte, limit int) (string, error) {
	t.Helper()
	s, err := parseAvro(schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := appendAvro([]byte("before"), s, b, limit)
	return strings.TrimPrefix(string(out), "before"), err
}

func TestAvroIsShownAsJSON(t *testing.T) {
	for _, tt := range []struct {
		name, schema string
		value        any
		want         string
	}{
		{"null", `"null"`, nil, `null`},
		{"boolean", `"boolean"`, true, `true`},
		{"int", `"int"`, math.MinInt32, `-2147483648`},
		{"long keeps its digits", `"long"`, int64(9007199254740993), `9007199254740993`},
		{"the least long", `"long"`, int64(math.MinInt64), `-9223372036854775808`},
		{"float", `"float"`, float32(0.1), `0.1`},
		{"double", `"double"`, 1e-7, `1e-07`},
		{"not a number", `"double"`, math.NaN(), `"NaN"`},
		{"infinite", `"float"`, float32(math.Inf(-1)), `"-Infinity"`},
		{"string", `"string"`, "a\"\\\n\t\x01ü\u2028", `"a\"\\\n\t\u0001ü` + "\u2028" + `"`},
		{"bytes are base64", `"bytes"`, []byte{0, 255}, `"AP8="`},
		{"fixed is base64", `{"type":"fixed","name":"f","size":2}`, [2]byte{0, 255}, `"AP8="`},
		{"enum", `{"type":"enum","name":"e","symbols":["OPEN","PAID"]}`, "PAID", `"PAID"`},
		{"array", `{"type":"array","items":"int"}`, []int{1, 2, 3}, `[1,2,3]`},
		{"empty array", `{"type":"array","items":"int"}`, []int{}, `[]`},
		{"map", `{"type":"map","values":"int"}`, map[string]int{"a": 1}, `{"a":1}`},
		{"a union is its value", `["null","string"]`, "x", `"x"`},
		{"a union of null", `["null","string"]`, nil, `null`},
		{"date", `{"type":"int","logicalType":"date"}`, 20783, `"2026-11-26"`},
		{"a date before 1970", `{"type":"int","logicalType":"date"}`, -1, `"1969-12-31"`},
		{"a date of no calendar", `{"type":"int","logicalType":"date"}`, math.MaxInt32, `2147483647`},
		{"time-millis", `{"type":"int","logicalType":"time-millis"}`, 45296789, `"12:34:56.789"`},
		{"time-micros", `{"type":"long","logicalType":"time-micros"}`, int64(45296000001), `"12:34:56.000001"`},
		{"a time of no day", `{"type":"int","logicalType":"time-millis"}`, 86400000, `86400000`},
		{"timestamp-millis", `{"type":"long","logicalType":"timestamp-millis"}`, int64(1767355083120), `"2026-01-02T11:58:03.120Z"`},
		{"timestamp-micros", `{"type":"long","logicalType":"timestamp-micros"}`, int64(-1), `"1969-12-31T23:59:59.999999Z"`},
		{"timestamp-nanos", `{"type":"long","logicalType":"timestamp-nanos"}`, int64(1), `"1970-01-01T00:00:00.000000001Z"`},
		{"local-timestamp-millis", `{"type":"long","logicalType":"local-timestamp-millis"}`, int64(0), `"1970-01-01T00:00:00.000"`},
		{"a timestamp of no calendar", `{"type":"long","logicalType":"timestamp-millis"}`, int64(math.MaxInt64), `9223372036854775807`},
		{"uuid", `{"type":"string","logicalType":"uuid"}`, "0e8dd2a2-7e0f-4f2f-8a0c-6d9f3a4f1a11", `"0e8dd2a2-7e0f-4f2f-8a0c-6d9f3a4f1a11"`},
		{"a fixed uuid", `{"type":"fixed","name":"u","size":16,"logicalType":"uuid"}`, [16]byte{1, 2, 15: 255}, `"01020000-0000-0000-0000-0000000000ff"`},
		{"duration", `{"type":"fixed","name":"d","size":12,"logicalType":"duration"}`, [12]byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}, `{"months":1,"days":2,"millis":3}`},
		{"an unknown logical type", `{"type":"long","logicalType":"money"}`, int64(5), `5`},
	} {
		// What hamba has a special type for is written without its logical type: the
		// bytes are the same.
		plain := strings.ReplaceAll(tt.schema, `"logicalType"`, `"was"`)
		got, err := fromAvro(t, tt.schema, asAvro(t, plain, tt.value), 1000)
		if err != nil || got != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.name, got, err, tt.want)
		}
		if err == nil && !json.Valid([]byte(got)) {
			t.Errorf("%s: %s is no JSON", tt.name, got)
		}
	}
}

func TestAvroDecimalsKeepTheirDigits(t *testing.T) {
	for _, tt := range []struct {
		bytes []byte
		scale string
		want  string
	}{
		{[]byte{0x04, 0xd2}, "2", "12.34"},
		{[]byte{0xfb, 0x2e}, "2", "-12.34"},
		{[]byte{0x01}, "2", "0.01"},
		{[]byte{0xff}, "2", "-0.01"},
		{[]byte{0x0a}, "1", "1.0"},
		{[]byte{}, "2", "0.00"},
		{[]byte{0x00, 0xff}, "0", "255"},
		{[]byte{0x0d, 0xe0, 0xb6, 0xb3, 0xa7, 0x64, 0x00, 0x01}, "18", "1.000000000000000001"},
	} {
		schema := `{"type":"bytes","logicalType":"decimal","precision":30,"scale":` + tt.scale + `}`
		got, err := fromAvro(t, schema, append([]byte{byte(2 * len(tt.bytes))}, tt.bytes...), 1000)
		if err != nil || got != tt.want {
			t.Errorf("%x with scale %s: %s, %v; want %s", tt.bytes, tt.scale, got, err, tt.want)
		}
	}
	fixed := `{"type":"fixed","name":"f","size":4,"logicalType":"decimal","precision":9,"scale":3}`
	if got, err := fromAvro(t, fixed, []byte{0, 0, 0x30, 0x39}, 100); got != "12.345" || err != nil {
		t.Errorf("a fixed one: %s, %v", got, err)
	}
	if _, err := fromAvro(t, `{"type":"bytes","logicalType":"decimal","precision":1000000000,"scale":1000000000}`, []byte{2, 1}, 1000); err == nil {
		t.Error("a billion zeros after the point are written")
	}
}

const order = `{"type":"record","name":"Order","namespace":"shop","fields":[
	{"name":"id","type":"long"},
	{"name":"customer","type":{"type":"record","name":"Customer","fields":[{"name":"id","type":"string"}]}},
	{"name":"payer","type":["null","Customer"]},
	{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"}]}}}]}`

func TestAvroRecords(t *testing.T) {
	b := asAvro(t, order, map[string]any{
		"id": int64(7), "customer": map[string]any{"id": "alice"}, "payer": map[string]any{"shop.Customer": map[string]any{"id": "bob"}},
		"lines": []any{map[string]any{"sku": "s"}, map[string]any{"sku": "t"}},
	})
	got, err := fromAvro(t, order, b, 1000)
	if want := `{"id":7,"customer":{"id":"alice"},"payer":{"id":"bob"},"lines":[{"sku":"s"},{"sku":"t"}]}`; got != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	for i := range b {
		if _, err := fromAvro(t, order, b[:i], 1000); err == nil {
			t.Errorf("%d of %d bytes are taken", i, len(b))
		}
	}
	if _, err := fromAvro(t, order, append(b, 0), 1000); err == nil {
		t.Error("a byte too many is taken")
	}
	if _, err := fromAvro(t, order, b, 20); err == nil {
		t.Error("more than the limit is written")
	}
}

// Nine bytes name more items than there is memory, each of no byte.
func TestAvroTakesNoBombs(t *testing.T) {
	billions := []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	for name, schema := range map[string]string{
		"nulls":         `{"type":"array","items":"null"}`,
		"empty records": `{"type":"array","items":{"type":"record","name":"r","fields":[]}}`,
		"bytes":         `"bytes"`,
		"a string":      `"string"`,
		"itself":        `{"type":"record","name":"r","fields":[{"name":"r","type":"r"}]}`,
		"itself, twice": `{"type":"record","name":"r","fields":[{"name":"a","type":"r"},{"name":"b","type":"r"}]}`,
	} {
		if got, err := fromAvro(t, schema, billions, 1<<20); err == nil {
			t.Errorf("%s: %.20s", name, got)
		}
	}
	if _, err := parseAvro(strings.Repeat(`{"type":`, 1<<16), nil); err == nil {
		t.Error("a schema that nests deep is parsed")
	}
}

func FuzzAvro(f *testing.F) {
	f.Add(order, []byte{14, 10, 'a', 'l', 'i', 'c', 'e', 0, 0})
	f.Add(`{"type":"map","values":["null",{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}]}`, []byte{2, 2, 'a', 2, 4, 1, 2, 0})
	f.Fuzz(func(t *testing.T, schema string, value []byte) {
		if len(schema) > 1<<12 {
			return
		}
		s, err := parseAvro(schema, nil)
		if err != nil {
			return
		}
		out, err := appendAvro(nil, s, value, 1<<16)
		if err == nil && (!json.Valid(out) || len(out) > 1<<16) {
			t.Fatalf("%d bytes: %.200q", len(out), out)
		}
	})
}
