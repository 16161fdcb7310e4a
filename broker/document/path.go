package document

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// Path leads to values in a JSON document: names in objects, indexes in arrays, and *
// for every element of an array.
//
// It is walked here and not handed to gjson as one of its paths, in which *, ?, #, |, @
// and ! act: a name from a configuration means itself. In an object * is a name like
// any other.
type Path []step

type step struct {
	name  string
	index int // name as an array index; noIndex, or every
}

const (
	noIndex = -1
	every   = -2 // of an array's elements
)

// ParsePath reads a path: names joined by dots. \. is a dot in a name. Its errors
// finish a sentence that begins with what was read.
func ParsePath(s string) (Path, error) {
	if s == "" {
		return nil, errors.New("has no path")
	}
	var p Path
	for _, name := range split(s) {
		if name == "" {
			return nil, errors.New("has an empty name in its path")
		}
		index, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(index) != name || index < 0 { // +1 and 01 are names
			index = noIndex
		}
		if name == "*" {
			index = every
		}
		p = append(p, step{name, index})
	}
	return p, nil
}

// split cuts a path at its dots, but for those after a backslash.
func split(s string) (names []string) {
	var name strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && s[i+1] == '.':
			i++
			name.WriteByte('.')
		case s[i] == '.':
			names = append(names, name.String())
			name.Reset()
		default:
			name.WriteByte(s[i])
		}
	}
	return append(names, name.String())
}

// Find returns the first value that p leads to; a Result that doesn't exist where it
// leads to nothing. Of several members with one name the last counts, as in JSON.parse.
func (p Path) Find(doc gjson.Result) (found gjson.Result) {
	p.Each(doc, func(v gjson.Result) bool {
		found = v
		return false
	})
	return found
}

// Each calls f with each value that p leads to, until f returns false. It returns false
// then.
func (p Path) Each(doc gjson.Result, f func(gjson.Result) bool) bool {
	for i, s := range p {
		if doc.IsArray() && s.index == every {
			more := true
			doc.ForEach(func(_, v gjson.Result) bool {
				more = p[i+1:].Each(v, f)
				return more
			})
			return more
		}
		if doc = s.from(doc); !doc.Exists() {
			return true
		}
	}
	return f(doc)
}

// from returns the member or element that a step leads to.
func (s step) from(doc gjson.Result) (next gjson.Result) {
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
	return next
}
