package jsonxml

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// jsonValue is a JSON value as a test reads it: with objects' keys in their order,
// numbers as they are written, and strings as UTF-16.
type jsonValue struct {
	kind   byte // the first of its characters
	word   string
	units  []uint16
	keys   [][]uint16
	values []*jsonValue
}

func readJSON(src []byte) (*jsonValue, []byte) {
	trim := func() { src = []byte(strings.TrimLeft(string(src), " \t\r\n,:")) }
	trim()
	v := &jsonValue{kind: src[0]}
	switch v.kind {
	case '{', '[':
		src = src[1:]
		for trim(); src[0] != v.kind+2; trim() {
			if v.kind == '{' {
				var key *jsonValue
				key, src = readJSON(src)
				v.keys = append(v.keys, key.units)
			}
			var value *jsonValue
			value, src = readJSON(src)
			v.values = append(v.values, value)
		}
		return v, src[1:]
	case '"':
		v.units, src = readString(string(src[1:]))
		return v, src
	}
	end := strings.IndexAny(string(src)+" ", " \t\r\n,]}")
	v.word = string(src[:end])
	return v, src[end:]
}

func readString(src string) (units []uint16, rest []byte) {
	for src[0] != '"' {
		if src[0] != '\\' {
			r := []rune(src)[0]
			units, src = utf16.AppendRune(units, r), src[len(string(r)):]
			continue
		}
		if src[1] == 'u' {
			u, err := strconv.ParseUint(src[2:6], 16, 16)
			if err != nil {
				panic(err)
			}
			units, src = append(units, uint16(u)), src[6:]
			continue
		}
		c := map[byte]uint16{'b': 8, 'f': 12, 'n': 10, 'r': 13, 't': 9}[src[1]]
		if c == 0 {
			c = uint16(src[1])
		}
		units, src = append(units, c), src[2:]
	}
	return units, []byte(src[1:])
}

// json writes it as node.json does.
func (v *jsonValue) json(dst []byte) []byte {
	switch v.kind {
	case '{', '[':
		dst = append(dst, v.kind)
		for i, value := range v.values {
			if v.kind == '{' {
				dst = appendUnits(dst, v.keys[i])
			}
			dst = value.json(dst)
		}
		return append(dst, v.kind+2)
	case '"':
		return appendUnits(dst, v.units)
	}
	return fmt.Appendf(dst, "%s,", v.word)
}
