package record

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// path leads to a value in a JSON document: names in objects, indexes in arrays.
//
// It is not given to gjson as one of its paths, in which *, ?, #, |, @ and ! have a
// meaning. A name from a configuration means itself.
type path []step

type step struct {
	name  string
	index int // name as an array index; -1 where it is none
}

// parsePath reads a PATH. Its errors end a sentence that begins with the text that was
// read.
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

// find returns the value that p leads to. If there is none, the result doesn't exist. Of
// several members with one name the last one counts, as in JSON.parse.
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
