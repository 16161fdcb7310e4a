package sse

import (
	"bytes"
	"slices"
)

// Name is the name of the event of a frame without an id, which this package wrote. That
// of an event without a name is message, as a browser has it.
func Name(body []byte) []byte {
	name, named := bytes.CutPrefix(body, []byte("event: "))
	if !named {
		return unnamed
	}
	name, _, _ = bytes.Cut(name, []byte{'\n'})
	return name
}

var unnamed = []byte("message")

// Cut takes apart the first event of b, which this package wrote. It returns its id and
// name, empty where it has none, and its data as a reader would join the lines. rest is
// what follows it. All are within b but data of several lines. ok is false at the end of
// b.
func Cut(b []byte) (id, name, data, rest []byte, ok bool) {
	lines := 0
	for len(b) > 0 {
		line, after, _ := bytes.Cut(b, []byte{'\n'})
		b = after
		field, value, _ := bytes.Cut(line, []byte(": "))
		value = slices.Clip(value) // to append to it makes a copy
		switch string(field) {
		case "":
			return id, name, data, b, true
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			if lines++; lines == 1 {
				data = value
			} else {
				data = append(append(data, '\n'), value...)
			}
		}
	}
	return nil, nil, nil, nil, false
}
