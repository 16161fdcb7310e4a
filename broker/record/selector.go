package record

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"sluice/broker/document"
)

// Selector names a part of a record.
type Selector struct {
	source source
	text   string        // as it was written
	header string        // for fromHeader
	path   document.Path // for fromValue; for fromKey nil means all of it
}

type source uint8

const (
	fromNothing source = iota
	fromKey
	fromHeader
	fromValue
)

// Selectors are tried in their order: the first that finds something counts.
type Selectors []Selector

// next is where another selector begins. A comma may be part of a header's name or of a
// path.
var next = regexp.MustCompile(`,\s*(key$|key,|key:|value:|header:)`)

// ParseSelectors reads selectors with commas between them. The empty string selects
// nothing.
func ParseSelectors(s string) (Selectors, error) {
	var all Selectors
	for rest := s; ; {
		one := rest
		at := next.FindStringSubmatchIndex(rest)
		if at != nil {
			one, rest = rest[:at[0]], rest[at[2]:]
		}
		sel, err := ParseSelector(one)
		if err != nil {
			return nil, err
		}
		if !sel.IsZero() {
			all = append(all, sel)
		}
		if at == nil {
			return all, nil
		}
	}
}

// IsZero reports whether nothing is selected.
func (all Selectors) IsZero() bool { return len(all) == 0 }

// UsesValue reports whether all selectors look into a record's value. A tombstone has
// none.
func (all Selectors) UsesValue() bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(s Selector) bool { return !s.UsesValue() })
}

// MayUseValue reports whether one of the selectors looks into a record's value.
func (all Selectors) MayUseValue() bool { return slices.ContainsFunc(all, Selector.UsesValue) }

// one returns the first string or number that one of them selects; nil: there is none.
func (all Selectors) one(f *fields) []byte {
	for i := range all {
		if found := all[i].one(f); len(found) > 0 {
			return found
		}
	}
	return nil
}

// ParseSelector reads key, header:NAME, value:PATH or key:PATH. PATH is names and array
// indexes joined by dots, as in lines.0.sku; * is each element of an array, and \. a
// dot in a name. The empty string selects nothing.
func ParseSelector(s string) (Selector, error) {
	kind, rest, has := strings.Cut(s, ":")
	switch {
	case s == "":
		return Selector{}, nil
	case s == "key":
		return Selector{source: fromKey, text: s}, nil
	case kind == "header" && rest != "":
		return Selector{source: fromHeader, text: s, header: rest}, nil
	case kind == "header":
		return Selector{}, fmt.Errorf("%q names no header; write header:NAME", s)
	case kind == "value" || kind == "key":
		p, err := document.ParsePath(rest)
		if err != nil {
			return Selector{}, fmt.Errorf("%q %w; write %s:PATH as in %s:customer.id", s, err, kind, kind)
		}
		if kind == "key" {
			return Selector{source: fromKey, text: s, path: p}, nil
		}
		return Selector{source: fromValue, text: s, path: p}, nil
	case has:
		return Selector{}, fmt.Errorf("%q: a record has no %q; use key, header:NAME, value:PATH or key:PATH", s, kind)
	}
	return Selector{}, fmt.Errorf("%q is not one of key, header:NAME, value:PATH, key:PATH", s)
}

// String is the selector as it was written.
func (s Selector) String() string { return s.text }

// IsZero reports whether the selector selects nothing.
func (s Selector) IsZero() bool { return s.source == fromNothing }

// UsesValue reports whether the selector looks into a record's value. A tombstone has
// none.
func (s Selector) UsesValue() bool { return s.source == fromValue }

// one returns the first string or number that s selects; nil: there is none. The bytes
// may be the record's own.
func (s Selector) one(f *fields) (found []byte) {
	switch {
	case s.source == fromHeader:
		return f.header(s.header)
	case s.source == fromKey && s.path == nil:
		return f.keyText
	case s.source == fromNothing:
		return nil
	}
	s.each(f, func(v gjson.Result) bool {
		found = document.Scalar(v)
		return len(found) == 0
	})
	return found
}

// each calls visit with each JSON value that the path of s leads to, until visit
// returns false. ok: the text is JSON.
func (s Selector) each(f *fields, visit func(gjson.Result) bool) (ok bool) {
	doc := &f.value
	if s.source == fromKey {
		doc = &f.key
	}
	root, ok := doc.json()
	if ok {
		s.path.Each(root, visit)
	}
	return ok
}
