package broker

import (
	"errors"
	"strconv"
	"strings"
	"unsafe"

	"github.com/tidwall/gjson"
	"github.com/twmb/franz-go/pkg/kgo"
)

// path leads to a value in a JSON document: names in objects, indexes in arrays.
//
// It is walked here and not handed to gjson as one of its paths, in which *, ?, #, |, @
// and ! act: a name from a configuration means itself.
type path []step

type step struct {
	name  string
	index int // name as an array index; -1 where it is none
}

// parsePath reads a PATH. Its errors finish a sentence that begins with what was read.
func parsePath(s string) (path, error) {
	if s == "" {
		return nil, errors.New("has no path")
	}
	var p path
	for name := range strings.SplitSeq(s, ".") {
		if name == "" {
			return nil, errors.New("has an empty name in its path")
		}
		index, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(index) != name { // +1 and 01 are names
			index = -1
		}
		p = append(p, step{name, index})
	}
	return p, nil
}

// find returns what p leads to; a Result that doesn't exist where it leads to
// nothing. Of several members with one name the last counts, as in JSON.parse.
func (p path) find(doc gjson.Result) gjson.Result {
	for _, s := range p {
		var next gjson.Result
		switch {
		case doc.IsObject():
			doc.ForEach(func(key, value gjson.Result) bool {
				if key.Str == s.name {
					next = value
				}
				return true
			})
		case doc.IsArray() && s.index >= 0:
			i := 0
			doc.ForEach(func(_, value gjson.Result) bool {
				if i == s.index {
					next = value
				}
				i++
				return i <= s.index
			})
		}
		if doc = next; !doc.Exists() {
			break
		}
	}
	return doc
}

// scalar returns a string's bytes, unescaped, or a number's literal text; nil for anything
// else, and empty for an empty string.
func scalar(v gjson.Result) []byte {
	switch v.Type {
	case gjson.String:
		return bytesOf(v.Str)
	case gjson.Number:
		return bytesOf(v.Raw)
	}
	return nil
}

// maxDepth bounds how deep JSON may nest. gjson validates by recursion, and a
// record of nothing but brackets must not reach the end of a goroutine's stack.
const maxDepth = 1000

// documents are a record's value and key as JSON, each parsed when first asked for.
type documents struct {
	value, key document
}

type document struct {
	state uint8 // 0 not looked at, 1 JSON, 2 not JSON
	root  gjson.Result
}

func (d *documents) of(s source, rec *kgo.Record) (root gjson.Result, ok bool) {
	doc, raw := &d.value, rec.Value
	if s == fromKey {
		doc, raw = &d.key, rec.Key
	}
	if doc.state == 0 {
		doc.state = 2
		if (len(raw) <= maxDepth || shallow(raw)) && gjson.ValidBytes(raw) {
			doc.state = 1
			doc.root = gjson.Parse(stringOf(raw))
		}
	}
	return doc.root, doc.state == 1
}

// shallow says that raw nests no deeper than maxDepth. It needn't be JSON. Text of at most
// maxDepth bytes always is, so most records need not be looked through for it.
func shallow(raw []byte) bool {
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

// stringOf and bytesOf look at the same bytes as the other type, without a
// copy for each record. A record's bytes are never written to after it was
// fetched, and neither are an event's.
func stringOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
func bytesOf(s string) []byte  { return unsafe.Slice(unsafe.StringData(s), len(s)) }
