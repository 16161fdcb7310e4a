package document

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

func path(t *testing.T, s string) Path {
	t.Helper()
	p, err := ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAPathFindsExactlyWhatItNames(t *testing.T) {
	for _, tt := range []struct{ path, json, want string }{
		{"id", `{"id":"a","id":"b"}`, "b"},
		{"id", `{"\u0069d":"u"}`, "u"},
		{"customer.id", `{"customer":{"id":"u"},"customer.id":"no"}`, "u"},
		{`customer\.id`, `{"customer":{"id":"no"},"customer.id":"u"}`, "u"},
		{`a\.b.c\.d`, `{"a.b":{"c.d":"u"}}`, "u"},
		{`a\`, `{"a":"no","a\\":"u"}`, "u"},
		{`a\b`, `{"a\\b":"u"}`, "u"},
		{"lines.1.sku", `{"lines":[{"sku":"s"},{"sku":"t"}]}`, "t"},
		{"lines.-1.sku", `{"lines":[{"sku":"s"}]}`, ""},
		{"lines.-2.sku", `{"lines":[{"sku":"s"}]}`, ""},
		{"lines.0", `{"lines":{"0":"named"}}`, "named"},
		{"lines.*.sku", `{"lines":[{"sku":"s"},{},7,{"sku":"t"}]}`, "s t"},
		{"*", `["a",2,"c"]`, "a 2 c"},
		{"*.*", `[["a"],[],["b","c"]]`, "a b c"},
		{"*", `{"a":"no","*":"u"}`, "u"},
		{"a.*.b", `{"a":{"*":{"b":"u"}}}`, "u"},
		{"#", `["a"]`, ""},
	} {
		doc, ok := Parse([]byte(tt.json))
		if !ok {
			t.Fatal(tt.json)
		}
		var got []string
		path(t, tt.path).Each(doc, func(v gjson.Result) bool {
			got = append(got, string(Scalar(v)))
			return true
		})
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s in %s: %q; want %s", tt.path, tt.json, got, tt.want)
		}
		if first, _, _ := strings.Cut(tt.want, " "); string(Scalar(path(t, tt.path).Find(doc))) != first {
			t.Errorf("%s in %s: the first is not %s", tt.path, tt.json, first)
		}
	}
	for _, bad := range []string{"", ".", "a.", "a..b"} {
		if _, err := ParsePath(bad); err == nil {
			t.Errorf("%q is a path", bad)
		}
	}
}

func TestFieldsKeptAndDropped(t *testing.T) {
	const doc = `{"id": 1.50, "customer":{"id":"alice","mail":"a@x"},"lines":[{"sku":"s","cost":1},{"sku":"t","cost":2}],"s\u0065cret":true,"secret":false,"n":[1,2,3]}`
	for _, tt := range []struct {
		paths         string
		kept, dropped string
	}{
		{"id", `{"id":1.50}`, `{"customer":{"id":"alice","mail":"a@x"},"lines":[{"sku":"s","cost":1},{"sku":"t","cost":2}],"s\u0065cret":true,"secret":false,"n":[1,2,3]}`},
		{"secret n", `{"s\u0065cret":true,"secret":false,"n":[1,2,3]}`, `{"id":1.50,"customer":{"id":"alice","mail":"a@x"},"lines":[{"sku":"s","cost":1},{"sku":"t","cost":2}]}`},
		{"customer.mail lines.*.cost secret n id", `{"id":1.50,"customer":{"mail":"a@x"},"lines":[{"cost":1},{"cost":2}],"s\u0065cret":true,"secret":false,"n":[1,2,3]}`, `{"customer":{"id":"alice"},"lines":[{"sku":"s"},{"sku":"t"}]}`},
		{"customer customer.id", `{"customer":{"id":"alice","mail":"a@x"}}`, `{"id":1.50,"lines":[{"sku":"s","cost":1},{"sku":"t","cost":2}],"s\u0065cret":true,"secret":false,"n":[1,2,3]}`},
		{"lines.0.sku lines.*.cost", `{"lines":[{"sku":"s","cost":1},{"cost":2}]}`, `{"id":1.50,"customer":{"id":"alice","mail":"a@x"},"lines":[{},{"sku":"t"}],"s\u0065cret":true,"secret":false,"n":[1,2,3]}`},
		{"n.1 nothing id.x customer.id.x", `{"customer":{},"n":[2]}`, `{"id":1.50,"customer":{"id":"alice","mail":"a@x"},"lines":[{"sku":"s","cost":1},{"sku":"t","cost":2}],"s\u0065cret":true,"secret":false,"n":[1,3]}`},
	} {
		var paths []Path
		for s := range strings.FieldsSeq(tt.paths) {
			paths = append(paths, path(t, s))
		}
		f := NewFields(paths)
		root, _ := Parse([]byte(doc))
		kept, ok := f.AppendKept([]byte("x"), root)
		if string(kept) != "x"+tt.kept || !ok {
			t.Errorf("keep %s: %s; want %s", tt.paths, kept, tt.kept)
		}
		if got := f.AppendWithout(nil, root); string(got) != tt.dropped {
			t.Errorf("drop %s: %s; want %s", tt.paths, got, tt.dropped)
		}
	}
	scalar, _ := Parse([]byte(`7`))
	if _, ok := NewFields([]Path{path(t, "a")}).AppendKept(nil, scalar); ok {
		t.Error("a number has fields")
	}
	deep := NewFields([]Path{path(t, "*.*.a"), path(t, "0.*.b"), path(t, "*.0.c"), path(t, "0.0.d")})
	nested, _ := Parse([]byte(`[[{"a":1,"b":2,"c":3,"d":4,"e":5}]]`))
	if got := deep.AppendWithout(nil, nested); string(got) != `[[{"e":5}]]` {
		t.Errorf("paths that meet: %s", got)
	}
}

func TestParseTakesJSONOnly(t *testing.T) {
	for _, in := range []string{``, `{`, `{"id":"u"} x`, `{'id':'u'}`, "\xef\xbb\xbf{}", strings.Repeat("[", 3<<20), strings.Repeat("[", MaxDepth+1) + strings.Repeat("]", MaxDepth+1)} {
		if _, ok := Parse([]byte(in)); ok {
			t.Errorf("%.20q is JSON", in)
		}
	}
	if _, ok := Parse([]byte(strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth))); !ok {
		t.Error("what nests as deep as it may is not taken")
	}
}

func FuzzFields(f *testing.F) {
	f.Add("a.b", "*.c", `{"a":{"b":[{"c":1}]}}`)
	f.Add("0.*", "*.1", `[[1,[2]],[3]]`)
	f.Fuzz(func(t *testing.T, a, b, text string) {
		doc, ok := Parse([]byte(text))
		if !ok {
			return
		}
		var paths []Path
		for _, s := range []string{a, b} {
			if p, err := ParsePath(s); err == nil {
				paths = append(paths, p)
			}
		}
		fields := NewFields(paths)
		if out := fields.AppendWithout(nil, doc); !json.Valid(out) {
			t.Fatalf("%q", out)
		}
		if out, ok := fields.AppendKept(nil, doc); ok && !json.Valid(out) {
			t.Fatalf("%q", out)
		}
	})
}
