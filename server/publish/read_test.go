package publish

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// read is what a request with these headers turns into, as text, or the status and the
// detail that it is refused with.
func read(body string, headers ...string) string {
	r := httptest.NewRequest(http.MethodPost, "/publish/orders", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	form, refused := FormOf(r)
	if refused != nil {
		return fmt.Sprint(refused.Status)
	}
	m, _, refused := Read(r, form, []byte(body))
	if refused != nil {
		return fmt.Sprintf("%d %s", refused.Status, refused.Detail)
	}
	return fmt.Sprintf("%s %s %v", m.Key, m.Value, m.Headers)
}

func TestMessagesAreRead(t *testing.T) {
	j := []string{"Content-Type", "application/json"}
	ce := []string{"Content-Type", "application/cloudevents+json; charset=utf-8"}
	binary := []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/a%20b", "ce-type", "t", "ce-partitionkey", "alice"}
	for _, tt := range []struct {
		name    string
		body    string
		headers []string
		want    string
	}{
		{"a record", `{"key":"alice","headers":{"b":"2","a":"1"},"value":{"n": 1.50}}`, j, `"alice" {"n": 1.50} [{a 1} {b 2}]`},
		{"only a value", ` {"value" : [1] } `, j, ` [1] []`},
		{"nulls", `{"key":null,"headers":null,"value":false}`, j, ` false []`},
		{"a tombstone", `{"key":"a","value":null}`, j, `"a"  []`},
		{"an idempotency key", `{"value":1}`, append(j, "Idempotency-Key", `"k 1"`), "400 The Idempotency-Key is none: write it once, in 1 to 255 visible characters."},
		{"a quoted one", `{"value":1}`, append(j, "Idempotency-Key", `"k-1"`), ` 1 [{idempotency-key k-1}]`},
		{"two", `{"value":1}`, append(j, "Idempotency-Key", "a", "Idempotency-Key", "a"), "400 The Idempotency-Key is none: write it once, in 1 to 255 visible characters."},
		{"a structured event", `{"specversion":"1.0","id":"1","source":"/a","type":"t","time":"now","n":5,"ok":true,"gone":null,"partitionkey":"alice","data":{"x":1}}`, ce,
			`"alice" {"x":1} [{ce_id 1} {ce_n 5} {ce_ok true} {ce_source /a} {ce_specversion 1.0} {ce_time now} {ce_type t} {content-type application/json}]`},
		{"a binary event", `{"x":1}`, append(binary, "Content-Type", "application/vnd.order+json"),
			`"alice" {"x":1} [{ce_id 1} {ce_source /a b} {ce_specversion 1.0} {ce_type t} {content-type application/vnd.order+json}]`},
		{"a binary event of text", `say "hi"`, append(binary, "Content-Type", "text/plain"),
			`"alice" "say \"hi\"" [{ce_id 1} {ce_source /a b} {ce_specversion 1.0} {ce_type t} {content-type text/plain}]`},
	} {
		if got := read(tt.body, tt.headers...); got != tt.want {
			t.Errorf("%s: %s; want %s", tt.name, got, tt.want)
		}
	}
}

func TestHostileMessagesAreRefused(t *testing.T) {
	j := []string{"Content-Type", "application/json"}
	ce := []string{"Content-Type", "application/cloudevents+json"}
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"h%d":"v"`, i)
		}
		return b.String()[1:]
	}
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, tt := range []struct {
		name    string
		body    string
		headers []string
		want    string // what the answer begins with
	}{
		{"nothing", ``, j, "400 The body is not JSON"},
		{"no object", `[]`, j, "400 The body must be a JSON object."},
		{"null", `null`, j, "400 The body must be a JSON object."},
		{"two documents", `{"value":1}{"value":2}`, j, "400 The body is not JSON"},
		{"a byte order mark", "\xef\xbb\xbf{}", j, "400 The body is not JSON"},
		{"no UTF-8", "{\"value\":\"\xff\"}", j, "400 The body is not UTF-8."},
		{"no value", `{"key":"a"}`, j, "400 The body must be JSON: {"},
		{"another member", `{"value":1,"topic":"secrets"}`, j, "400 The body must be JSON: {"},
		{"another case", `{"Value":1}`, j, "400 The body must be JSON: {"},
		{"two values", `{"value":1,"value":2}`, j, "400 An object in the body has two members of one name."},
		{"two of one name, escaped", `{"value":{"a":1,"\u0061":2}}`, j, "400 An object in the body has two members of one name."},
		{"two deep down", `{"value":[[{"b":{"a":1,"c":[{"a":1}],"a":2}}]]}`, j, "400 An object in the body has two members of one name."},
		{"two headers of one name", `{"headers":{"a":"1","a":"2"},"value":1}`, j, "400 An object in the body has two members of one name."},
		{"deep", `{"value":` + deep(100) + `}`, j, "400 The body nests deeper than 100 levels."},
		{"very deep", `{"value":` + strings.Repeat("[", 1<<20), j, "400 The body is not JSON"},
		{"a number of a billion digits", `{"value":1e1000000000}`, j, "400 A number in the body has an exponent beyond 400."},
		{"a number close to nothing", `{"value":[1E-401]}`, j, "400 A number in the body has an exponent beyond 400."},
		{"a tombstone of nothing", `{"value":null}`, j, "400 A tombstone (a value of null) needs a key."},
		{"headers that are a list", `{"headers":["a"],"value":1}`, j, "400 The headers must be an object of texts."},
		{"a header that is a number", `{"headers":{"a":1},"value":1}`, j, "400 The headers must be an object of texts."},
		{"a header that is null", `{"headers":{"a":null},"value":1}`, j, "400 The headers must be an object of texts."},
		{"many headers", `{"headers":{` + many(65) + `},"value":1}`, j, "400 There may be 64 headers at most."},
		{"a header without a name", `{"headers":{"":"v"},"value":1}`, j, "400 A header's name has 1 to 256 bytes"},
		{"a name of two lines", `{"headers":{"a\nb":"v"},"value":1}`, j, "400 A header's name has 1 to 256 bytes"},
		{"a long name", `{"headers":{"` + strings.Repeat("a", 257) + `":"v"},"value":1}`, j, "400 A header's name has 1 to 256 bytes"},
		{"a long header", `{"headers":{"a":"` + strings.Repeat("a", 16<<10+1) + `"},"value":1}`, j, "400 A header's value has 16384 bytes at most."},
		{"our header", `{"headers":{"Sluice.Redriven":"v"},"value":1}`, j, "400 A header has a name that is reserved"},
		{"our key", `{"headers":{"idempotency-KEY":"v"},"value":1}`, j, "400 A header has a name that is reserved"},
		{"a dead letter's header", `{"headers":{"__connect.errors.topic":"v"},"value":1}`, j, "400 A header has a name that is reserved"},
		{"a key that is no header's text", `{"value":1}`, append(j, "Idempotency-Key", "ü"), "400 The Idempotency-Key is none"},
		{"a long idempotency key", `{"value":1}`, append(j, "Idempotency-Key", strings.Repeat("k", 256)), "400 The Idempotency-Key is none"},
		{"an empty idempotency key", `{"value":1}`, append(j, "Idempotency-Key", `""`), "400 The Idempotency-Key is none"},

		{"no type", `{"value":1}`, nil, "415"},
		{"a form", `value=1`, []string{"Content-Type", "application/x-www-form-urlencoded"}, "415"},
		{"a form with files", `value=1`, []string{"Content-Type", "multipart/form-data; boundary=x"}, "415"},
		{"plain text", `{"value":1}`, []string{"Content-Type", "text/plain"}, "415"},
		{"two types", `{"value":1}`, []string{"Content-Type", "application/json", "Content-Type", "text/plain"}, "415"},
		{"a type that can't be read", `{"value":1}`, []string{"Content-Type", "application/json;;=", "x", "y"}, "415"},
		{"another charset", `{"value":1}`, []string{"Content-Type", "application/json; charset=utf-16"}, "415"},
		{"compressed", `{"value":1}`, append(j, "Content-Encoding", "gzip"), "415"},
		{"a batch of events", `[]`, []string{"Content-Type", "application/cloudevents-batch+json"}, "415"},
		{"binary data", "x", []string{"Content-Type", "application/octet-stream", "ce-specversion", "1.0"}, "415"},

		{"another version", `{"specversion":"0.3","id":"1","source":"/a","type":"t","data":1}`, ce, "400 The CloudEvent's specversion is not 1.0."},
		{"no id", `{"specversion":"1.0","source":"/a","type":"t","data":1}`, ce, "400 The CloudEvent needs an id, a source and a type."},
		{"no data", `{"specversion":"1.0","id":"1","source":"/a","type":"t"}`, ce, "400 The CloudEvent has no data."},
		{"data of null", `{"specversion":"1.0","id":"1","source":"/a","type":"t","partitionkey":"a","data":null}`, ce, "400 The CloudEvent has no data."},
		{"data in base64", `{"specversion":"1.0","id":"1","source":"/a","type":"t","data_base64":"AA=="}`, ce, "415 The CloudEvent has data in base64"},
		{"an attribute that is an object", `{"specversion":"1.0","id":"1","source":"/a","type":"t","x":{},"data":1}`, ce, "400 An attribute of the CloudEvent is neither"},
		{"an attribute of another name", `{"specversion":"1.0","id":"1","source":"/a","type":"t","Sluice":"x","data":1}`, ce, "400 An attribute of the CloudEvent has a name with other characters"},
		{"many attributes", `{"specversion":"1.0","id":"1","source":"/a","type":"t","data":1,` + many(65) + `}`, ce, "400 There may be 64 attributes at most."},
		{"an attribute twice", `1`, append(j, "ce-specversion", "1.0", "ce-id", "1", "ce-id", "2"), "400 A ce- header is there more than once."},
		{"an attribute of bad escapes", `1`, append(j, "ce-specversion", "1.0", "ce-id", "%zz"), "400 A ce- header is not percent-encoded"},
		{"an attribute that is no UTF-8", `1`, append(j, "ce-specversion", "1.0", "ce-id", "%ff", "ce-source", "/a", "ce-type", "t"), "400 An attribute of the CloudEvent is longer than"},
		{"data that is no JSON", `{`, append(j, "ce-specversion", "1.0"), "400 The body is not JSON"},
	} {
		if got := read(tt.body, tt.headers...); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %.200s; want %s", tt.name, got, tt.want)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(`{"key":"a","headers":{"a":"1"},"value":{"n":1}}`, "application/json", "")
	f.Add(`{"specversion":"1.0","id":"1","source":"/a","type":"t","data":1}`, "application/cloudevents+json", "")
	f.Add(`[1]`, "application/json", "1.0")
	f.Fuzz(func(t *testing.T, body, kind, version string) {
		r := httptest.NewRequest(http.MethodPost, "/publish/orders", nil)
		r.Header.Set("Content-Type", kind)
		if version != "" {
			r.Header["Ce-Specversion"], r.Header["Ce-Id"], r.Header["Ce-Source"], r.Header["Ce-Type"] = []string{version}, []string{"1"}, []string{"/"}, []string{"t"}
		}
		form, refused := FormOf(r)
		if refused != nil {
			return
		}
		m, _, refused := Read(r, form, []byte(body))
		if refused == nil && m.Value == nil && m.Key == nil {
			t.Errorf("%q is nothing", body)
		}
		for _, h := range m.Headers {
			if refused == nil && isReserved(h.Name) {
				t.Errorf("%q has %q", body, h.Name)
			}
		}
	})
}
