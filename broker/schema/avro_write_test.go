package schema

import (
	"math/big"
	"strings"
	"testing"
)

func encodedAs(t *testing.T, schema, value string) ([]byte, error) {
	t.Helper()
	s, err := parseAvro(schema, nil)
	if err != nil {
		t.Fatal(err)
	}
	return (&Encoder{writes: Avro, bare: true, avro: s}).Append(nil, []byte(value))
}

// What is written is read again as it was.
func TestAvroIsWrittenAsItIsShown(t *testing.T) {
	for _, tt := range []struct{ schema, value string }{
		{`"boolean"`, `true`},
		{`"int"`, `-2147483648`},
		{`"long"`, `9007199254740993`},
		{`"float"`, `0.1`},
		{`"double"`, `1e-07`},
		{`"double"`, `"NaN"`},
		{`"float"`, `"-Infinity"`},
		{`"string"`, `"a\"\\\n\t\u0001ü"`},
		{`"bytes"`, `"AP8="`},
		{`{"type":"fixed","name":"f","size":2}`, `"AP8="`},
		{`{"type":"enum","name":"e","symbols":["OPEN","PAID"]}`, `"PAID"`},
		{`{"type":"array","items":"int"}`, `[1,2,3]`},
		{`{"type":"array","items":"int"}`, `[]`},
		{`{"type":"map","values":["null","int"]}`, `{"a":1,"b":null}`},
		{`{"type":"map","values":"int"}`, `{}`},
		{`["null","bytes","string"]`, `"abcd"`},
		{`["null",{"type":"array","items":"string"},"boolean"]`, `true`},
		{`["null","long","double"]`, `1.5`},
		{`["null",{"type":"long","logicalType":"timestamp-millis"}]`, `"2026-01-02T11:58:03.120Z"`},
		{`{"type":"int","logicalType":"date"}`, `"1969-12-31"`},
		{`{"type":"int","logicalType":"date"}`, `2147483647`},
		{`{"type":"int","logicalType":"time-millis"}`, `"12:34:56.789"`},
		{`{"type":"long","logicalType":"time-micros"}`, `"12:34:56.000001"`},
		{`{"type":"long","logicalType":"timestamp-micros"}`, `"1969-12-31T23:59:59.999999Z"`},
		{`{"type":"long","logicalType":"timestamp-nanos"}`, `"1970-01-01T00:00:00.000000001Z"`},
		{`{"type":"long","logicalType":"local-timestamp-millis"}`, `"1970-01-01T00:00:00.000"`},
		{`{"type":"string","logicalType":"uuid"}`, `"0e8dd2a2-7e0f-4f2f-8a0c-6d9f3a4f1a11"`},
		{`{"type":"fixed","name":"u","size":16,"logicalType":"uuid"}`, `"01020000-0000-0000-0000-0000000000ff"`},
		{`{"type":"fixed","name":"d","size":12,"logicalType":"duration"}`, `{"months":1,"days":2,"millis":3}`},
		{`{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}`, `12.34`},
		{`{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}`, `-12.34`},
		{`{"type":"bytes","logicalType":"decimal","precision":20,"scale":2}`, `0.00`},
		{`{"type":"bytes","logicalType":"decimal","precision":20,"scale":0}`, `-128`},
		{`{"type":"fixed","name":"f","size":4,"logicalType":"decimal","precision":9,"scale":3}`, `-12.345`},
		{`{"type":"record","name":"R","fields":[{"name":"id","type":"string"},{"name":"next","type":["null","R"]}]}`, `{"id":"a","next":{"id":"b","next":null}}`},
	} {
		raw, err := encodedAs(t, tt.schema, tt.value)
		if err != nil {
			t.Errorf("%s as %s: %v", tt.value, tt.schema, err)
			continue
		}
		if got, err := fromAvro(t, tt.schema, raw, 1000); err != nil || got != tt.value {
			t.Errorf("%s as %s comes back as %s, %v", tt.value, tt.schema, got, err)
		}
	}
}

// Two ways to write it: as it is shown, and as Avro's own JSON names a union's type.
func TestAvroTakesOtherSpellings(t *testing.T) {
	for _, tt := range []struct{ schema, value, shown string }{
		{`["null","string"]`, `{"string":"x"}`, `"x"`},
		{`["null",{"type":"record","name":"a.R","fields":[{"name":"n","type":"int"}]}]`, `{"a.R":{"n":1}}`, `{"n":1}`},
		{`["null",{"type":"map","values":"int"}]`, `{"int":1}`, `{"int":1}`},
		{`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, `"1.5e1"`, `15.00`},
		{`{"type":"record","name":"R","fields":[{"name":"n","type":"int","default":7},{"name":"s","type":["null","string"],"default":null},{"name":"e","type":{"type":"array","items":"int"},"default":[]}]}`, `{}`, `{"n":7,"s":null,"e":[]}`},
		{`{"type":"long","logicalType":"timestamp-millis"}`, `"1970-01-01T01:00:00.5+01:00"`, `"1970-01-01T00:00:00.500Z"`},
	} {
		raw, err := encodedAs(t, tt.schema, tt.value)
		if err != nil {
			t.Errorf("%s as %s: %v", tt.value, tt.schema, err)
			continue
		}
		if got, err := fromAvro(t, tt.schema, raw, 1000); err != nil || got != tt.shown {
			t.Errorf("%s as %s comes back as %s, %v", tt.value, tt.schema, got, err)
		}
	}
}

func TestAvroRefusesWhatDoesNotFit(t *testing.T) {
	const record = `{"type":"record","name":"R","fields":[{"name":"id","type":"string"},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"L","fields":[{"name":"n","type":"int"}]}}}]}`
	for _, tt := range []struct{ schema, value, says string }{
		{record, `{"id":"a"}`, "lines: it is missing, and has no default"},
		{record, `{"id":"a","lines":[{"n":1},{"n":"secret"}]}`, "lines.[].n: the schema wants a time or a whole number of 32 bits"},
		{record, `{"id":"a","lines":[],"secret":1}`, "an object has members that the schema doesn't have"},
		{record, `[]`, "the schema wants an object"},
		{`"int"`, `2147483648`, "the schema wants a whole number of 32 bits"},
		{`"int"`, `1.0`, "the schema wants a whole number of 32 bits"},
		{`"long"`, `9223372036854775808`, "the schema wants a whole number of 64 bits"},
		{`"float"`, `1e39`, "the schema wants a number of 32 bits"},
		{`"bytes"`, `"?"`, "the schema wants bytes in base64"},
		{`["null","int"]`, `"x"`, "the schema wants one of the union's types"},
		{`{"type":"enum","name":"e","symbols":["A"]}`, `"B"`, "the schema wants one of the enum's symbols"},
		{`{"type":"fixed","name":"f","size":2}`, `"AA=="`, "the schema wants 2 bytes in base64"},
		{`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `123.45`, "the schema wants a number of at most 4 digits, 2 of them after the point"},
		{`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `1.005`, "the schema wants a number of at most 4 digits, 2 of them after the point"},
		{`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `1e999999999`, "the schema wants a number of at most 4 digits, 2 of them after the point"},
		{`{"type":"int","logicalType":"date"}`, `"tomorrow"`, "the schema wants a time or a whole number of 32 bits"},
		{`"int"`, `{"a":`, "it is not JSON"},
	} {
		_, err := encodedAs(t, tt.schema, tt.value)
		if err == nil || err.Error() != tt.says {
			t.Errorf("%s as %s: %v, want %s", tt.value, tt.schema, err, tt.says)
		}
	}
}

// Each level of a value is tried as each type of a union. Together they would be tried
// 2^90 times.
func TestAvroGivesUpOnUnionsThatAreTooLikeEachOther(t *testing.T) {
	const schema = `{"type":"record","name":"N","fields":[{"name":"v","type":["int",
		{"type":"record","name":"A","fields":[{"name":"n","type":"N"}]},
		{"type":"record","name":"B","fields":[{"name":"n","type":"N"}]}]}]}`
	value := strings.Repeat(`{"v":{"n":`, 20) + `{"v":"x"}` + strings.Repeat(`}}`, 20)
	if _, err := encodedAs(t, schema, value); err == nil {
		t.Error("it was written")
	}
}

func TestTwosComplementIsShort(t *testing.T) {
	for n := int64(-70000); n <= 70000; n++ {
		b := twosComplement(big.NewInt(n))
		back := new(big.Int).SetBytes(b)
		if b[0] >= 0x80 {
			back.Sub(back, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
		if short := len(b) > 1 && (b[0] == 0 && b[1] < 0x80 || b[0] == 0xff && b[1] >= 0x80); back.Int64() != n || short {
			t.Fatalf("%d is %x", n, b)
		}
	}
}
