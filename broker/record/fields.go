package record

import (
	"unsafe"

	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kgo"
)

// fields is what selectors find values in: a record's headers, key and value.
type fields struct {
	headers    []kgo.RecordHeader
	key, value document
}

// fieldsOf returns the fields of a record as they came.
func fieldsOf(rec *kgo.Record) fields {
	return fields{headers: rec.Headers, key: document{raw: rec.Key}, value: document{raw: rec.Value}}
}

// header returns the value of the last header with that name, as Headers.lastHeader of
// Kafka's own clients does. nil: there is none.
func (f *fields) header(name string) []byte {
	for i := len(f.headers) - 1; i >= 0; i-- {
		if f.headers[i].Key == name {
			return f.headers[i].Value
		}
	}
	return nil
}

// document is a key or a value. It is parsed as JSON when it is first asked for.
type document struct {
	raw    []byte
	parsed bool
	isJSON bool
	root   gjson.Result
}

// json returns the parsed document. ok: it is JSON.
func (d *document) json() (root gjson.Result, ok bool) {
	if !d.parsed {
		d.parsed = true
		d.isJSON = (len(d.raw) <= maxDepth || isShallow(d.raw)) && gjson.ValidBytes(d.raw)
		if d.isJSON {
			d.root = gjson.Parse(stringOf(d.raw))
		}
	}
	return d.root, d.isJSON
}

// maxDepth bounds how deep JSON may nest. gjson validates by recursion. A record of
// nothing but brackets must not exhaust a goroutine's stack.
const maxDepth = 1000

// isShallow reports whether raw nests no deeper than maxDepth. It need not be JSON. Text
// of at most maxDepth bytes is always shallow, so most records are not searched for it.
func isShallow(raw []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++ // outside a string it is no JSON anyway
		case '[', '{':
			if !quoted {
				if depth++; depth > maxDepth {
					return false
				}
			}
		case ']', '}':
			if !quoted {
				depth--
			}
		}
	}
	return true
}

// scalar returns a string's bytes, unescaped, or a number's literal text. An empty string
// is empty and not nil. nil: it is something else.
func scalar(v gjson.Result) []byte {
	switch v.Type {
	case gjson.String:
		return bytesOf(v.Str)
	case gjson.Number:
		return bytesOf(v.Raw)
	}
	return nil
}

// stringOf and bytesOf return the same memory as the other type, which saves a copy for
// each record. Nobody writes to the bytes of a fetched record, or to those of an event.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
func bytesOf(s string) []byte  { return unsafe.Slice(unsafe.StringData(s), len(s)) }
