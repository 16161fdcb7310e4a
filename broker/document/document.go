// Package document looks into JSON documents without making anything of them: where a
// path leads, what a scalar's text is, and how deep brackets nest. It also writes
// JSON's texts.
//
// document.go parses, path.go follows one path, and fields.go takes many paths in one go.
// text.go writes texts.
package document

import (
	"unsafe"

	"github.com/tidwall/gjson"
)

// MaxDepth bounds how deep JSON may nest. gjson validates by recursion, and a record of
// nothing but brackets must not reach the end of a goroutine's stack.
const MaxDepth = 1000

// Parse returns the document that raw is; false: it isn't JSON, or nests too deep. The
// document refers to raw, which must not change.
func Parse(raw []byte) (gjson.Result, bool) {
	if len(raw) > MaxDepth && !Shallow(raw, MaxDepth) || !gjson.ValidBytes(raw) {
		return gjson.Result{}, false
	}
	return gjson.Parse(stringOf(raw)), true
}

// Shallow reports whether the brackets of a text, outside of quotes, nest no deeper
// than depth. It needn't be JSON. Text of at most depth bytes always is, so most
// records need not be looked through for it.
func Shallow(raw []byte, depth int) bool {
	n, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++ // outside a string it is no JSON anyway
		case '[', '{':
			if !quoted {
				if n++; n > depth {
					return false
				}
			}
		case ']', '}':
			if !quoted {
				n--
			}
		}
	}
	return true
}

// Scalar returns a string's bytes, unescaped, or a number's literal text; nil for
// anything else, and empty for an empty string.
func Scalar(v gjson.Result) []byte {
	switch v.Type {
	case gjson.String:
		return bytesOf(v.Str)
	case gjson.Number:
		return bytesOf(v.Raw)
	}
	return nil
}

// Raw returns the document's own text.
func Raw(v gjson.Result) []byte { return bytesOf(v.Raw) }

// stringOf and bytesOf look at the same bytes as the other type, without a copy for each
// record. A record's bytes are never written to after it was fetched.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
func bytesOf(s string) []byte  { return unsafe.Slice(unsafe.StringData(s), len(s)) }
