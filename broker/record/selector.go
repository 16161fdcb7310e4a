package record

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// Selector names a part of a record.
type Selector struct {
	source source
	header string // for fromHeader
	path   path   // for fromValue; for fromKey nil means all of it
}

type source uint8

const (
	fromNothing source = iota
	fromKey
	fromHeader
	fromValue
)

// ParseSelector reads key, header:NAME, value:PATH or key:PATH. PATH is names and array
// indexes joined by dots, as in lines.0.sku. The empty string selects nothing.
func ParseSelector(s string) (Selector, error) {
	kind, rest, has := strings.Cut(s, ":")
	switch {
	case s == "":
		return Selector{}, nil
	case s == "key":
		return Selector{source: fromKey}, nil
	case kind == "header" && rest != "":
		return Selector{source: fromHeader, header: rest}, nil
	case kind == "header":
		return Selector{}, fmt.Errorf("%q names no header; write header:NAME", s)
	case kind == "value" || kind == "key":
		p, err := parsePath(rest)
		if err != nil {
			return Selector{}, fmt.Errorf("%q %w; write %s:PATH as in %s:customer.id", s, err, kind, kind)
		}
		if kind == "key" {
			return Selector{source: fromKey, path: p}, nil
		}
		return Selector{source: fromValue, path: p}, nil
	case has:
		return Selector{}, fmt.Errorf("%q: a record has no %q; use key, header:NAME, value:PATH or key:PATH", s, kind)
	}
	return Selector{}, fmt.Errorf("%q is not one of key, header:NAME, value:PATH, key:PATH", s)
}

// IsZero reports whether the selector selects nothing.
func (s Selector) IsZero() bool { return s.source == fromNothing }

// UsesValue reports whether the selector looks into a record's value. A tombstone has
// none.
func (s Selector) UsesValue() bool { return s.source == fromValue }

// one returns the string or number that s selects; nil: there is none. bad: s looks into
// JSON, and the text isn't JSON. The bytes may be the record's own.
func (s Selector) one(f *fields) (found []byte, bad bool) {
	switch {
	case s.source == fromHeader:
		return f.header(s.header), false
	case s.source == fromKey && s.path == nil:
		return f.key.raw, false
	case s.source == fromNothing:
		return nil, false
	}
	v, ok := s.find(f)
	return scalar(v), !ok
}

// find returns the JSON value that the path of s leads to. ok: the text is JSON.
func (s Selector) find(f *fields) (v gjson.Result, ok bool) {
	doc := &f.value
	if s.source == fromKey {
		doc = &f.key
	}
	root, ok := doc.json()
	if !ok {
		return gjson.Result{}, false
	}
	return s.path.find(root), true
}
