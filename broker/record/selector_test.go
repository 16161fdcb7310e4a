package record

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/document"
)

func TestParseSelectorSaysWhatIsWrong(t *testing.T) {
	for in, want := range map[string]string{
		"key": "", "": "", "header:user-id": "", "header:a:b": "", "value:customer.id": "", "key:0": "", "value:lines.0.sku": "",
		"Key":      "is not one of",
		"header:":  "names no header",
		"header":   "names no header",
		"value":    "has no path",
		"value:":   "has no path",
		"key:":     "has no path",
		"value:a.": "empty name",
		"value:.":  "empty name",
		"body:x":   `a record has no "body"`,
	} {
		_, err := ParseSelector(in)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSelector(%q) = %v; want %q", in, err, want)
		}
	}
}

func TestSelectorFindsExactlyWhatItNames(t *testing.T) {
	for _, tt := range []struct {
		path, json, want string
	}{
		{"id", `{"id":"u"}`, "u"},
		{"id", ` {"id" : "u" } `, "u"},
		{"id", `{"id":"a","id":"b"}`, "b"}, // as JSON.parse
		{"id", `{"\u0069d":"u"}`, "u"},
		{"id", `{"id":"\u00fc\n\"x"}`, "ü\n\"x"},
		{"id", `{"id":" "}`, " "},
		{"id", `{"id":10000000}`, "10000000"},
		{"id", `{"id":1e7}`, "1e7"},
		{"id", `{"id":12345678901234567890123}`, "12345678901234567890123"},
		{"id", `{"id":-0.50}`, "-0.50"},
		{"customer.id", `{"customer":{"id":"u"},"customer.id":"no"}`, "u"},
		{"customer.id", `{"customer.id":"no"}`, ""},
		{"lines.0.sku", `{"lines":[{"sku":"s"},{"sku":"t"}]}`, "s"},
		{"lines.1.sku", `{"lines":[{"sku":"s"},{"sku":"t"}]}`, "t"},
		{"lines.2.sku", `{"lines":[{"sku":"s"},{"sku":"t"}]}`, ""},
		{"lines.01.sku", `{"lines":[{"sku":"s"},{"sku":"t"}]}`, ""},
		{"lines.-1.sku", `{"lines":[{"sku":"s"}]}`, ""},
		{"lines.0", `{"lines":{"0":"named"}}`, "named"},
		{"0", `["u"]`, "u"},
		// gjson's own syntax never acts
		{"*", `{"a":"no","*":"u"}`, "u"},
		{"a?", `{"ab":"no"}`, ""},
		{"lines.#", `{"lines":["a","b"]}`, ""},
		{"#", `{"#":"u"}`, "u"},
		{"@this", `{"a":1}`, ""},
		{"@this", `{"@this":"u"}`, "u"},
		{"a|b", `{"a":{"b":"no"},"a|b":"u"}`, "u"},
		{"!x", `{"a":1}`, ""},
		{`a\`, `{"a":"no","a\\":"u"}`, "u"},
		// not found
		{"id", `{"id":""}`, ""}, {"id", `{"id":null}`, ""}, {"id", `{"id":true}`, ""}, {"id", `{"id":false}`, ""},
		{"id", `{"id":{"id":"no"}}`, ""}, {"id", `{"id":[]}`, ""}, {"id", `"id"`, ""}, {"id", `7`, ""}, {"id", `null`, ""},
		{"id.x", `{"id":"u"}`, ""},
	} {
		s, err := ParseSelector("value:" + tt.path)
		if err != nil {
			t.Fatal(err)
		}
		f := fieldsOf(&kgo.Record{Value: []byte(tt.json)})
		if got := s.one(&f); string(got) != tt.want {
			t.Errorf("%s in %s = %q; want %q", tt.path, tt.json, got, tt.want)
		}
	}
}

func TestSelectorRefusesWhatIsNotJSON(t *testing.T) {
	s, err := ParseSelector("value:id")
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []string{``, `{`, `{"id":"u"`, `{"id":"u"} x`, `{'id':'u'}`, `{"id":nan}`, "\xef\xbb\xbf{}", "id",
		strings.Repeat("[", 3<<20), strings.Repeat(`{"id":`, 1<<20), strings.Repeat("[", document.MaxDepth+1) + strings.Repeat("]", document.MaxDepth+1)} {
		f := fieldsOf(&kgo.Record{Value: []byte(in)})
		if got := s.one(&f); got != nil || s.each(&f, func(gjson.Result) bool { return true }) {
			t.Errorf("%.20q = %q, and is JSON", in, got)
		}
	}
}

func TestLastHeaderCounts(t *testing.T) {
	f := fieldsOf(&kgo.Record{Headers: []kgo.RecordHeader{{Key: "u", Value: []byte("a")}, {Key: "U", Value: []byte("b")}, {Key: "u", Value: []byte("c")}, {Key: "v"}}})
	if got := f.header("u"); string(got) != "c" {
		t.Errorf("u = %q; want c", got)
	}
	if got := f.header("w"); got != nil {
		t.Errorf("w = %q; want nil", got)
	}
}

func TestSelectorsAreTriedInTheirOrder(t *testing.T) {
	for _, tt := range []struct {
		selectors string
		n         int
		want      string
	}{
		{"header:ce_subject, value:subject", 2, "h"},
		{"header:other,value:subject", 2, "v"},
		{"value:nothing , key", 2, "k"},
		{"value:nothing,key:a", 2, ""},
		{"value:with, comma", 1, "c"},
		{"header:a,b", 1, "ab"},
		{"header:a,b,key", 2, "ab"},
		{`value:dotted\.name`, 1, "d"},
		{"value:list.*.id", 1, "1"},
		{"value:empty,value:list.*.none,value:list.1.id", 3, "2"},
	} {
		all, err := ParseSelectors(tt.selectors)
		if err != nil || len(all) != tt.n {
			t.Errorf("%s: %d, %v", tt.selectors, len(all), err)
			continue
		}
		f := fieldsOf(&kgo.Record{
			Key: []byte("k"), Headers: []kgo.RecordHeader{{Key: "ce_subject", Value: []byte("h")}, {Key: "a,b", Value: []byte("ab")}},
			Value: []byte(`{"subject":"v","with, comma":"c","dotted.name":"d","list":[{"id":1},{"id":2}],"empty":""}`),
		})
		if got := all.one(&f); string(got) != tt.want {
			t.Errorf("%s: %q; want %q", tt.selectors, got, tt.want)
		}
	}
	if _, err := ParseSelectors("key, body:x"); err == nil {
		t.Error("a wrong one in a list is taken")
	}
}
