package publish

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep what is published may nest.
const maxDepth = 100

var (
	errNotUTF8  = errors.New("The body is not UTF-8.")
	errNotJSON  = errors.New("The body is not JSON, or goes on after it.")
	errTooDeep  = errors.New("The body nests deeper than 100 levels.")
	errExponent = errors.New("A number in the body has an exponent beyond 400.")
	errTwoNames = errors.New("An object in the body has two members of one name.")
)

// strict fails for JSON that readers may take for different things: of two members of one
// name some take the first, and some the last.
func strict(text []byte) error {
	switch {
	case !utf8.Valid(text):
		return errNotUTF8
	case !json.Valid(text):
		return errNotJSON
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var open []level
	for {
		token, err := d.Token()
		if err != nil {
			return nil //nolint:nilerr // its end: it is valid
		}
		var in *level
		if len(open) > 0 {
			in = &open[len(open)-1]
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if in != nil {
				in.valued()
			}
			if len(open) == maxDepth {
				return errTooDeep
			}
			next := level{}
			if token == json.Delim('{') {
				next.names = make(map[string]struct{})
			}
			open = append(open, next)
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			continue
		}
		if n, is := token.(json.Number); is && exponent(string(n)) > maxExponent {
			return errExponent
		}
		if in == nil {
			continue
		}
		if name, is := token.(string); is && in.names != nil && !in.named {
			if _, twice := in.names[name]; twice {
				return errTwoNames
			}
			in.names[name], in.named = struct{}{}, true
			continue
		}
		in.valued()
	}
}

// maxExponent is more than any floating point number has. What computes with a number
// of a billion digits would take as long.
const maxExponent = 400

// exponent is that of a number, without its sign.
func exponent(number string) int {
	_, digits, has := strings.Cut(strings.ToLower(number), "e")
	if !has {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimLeft(digits, "+-"))
	if err != nil {
		return math.MaxInt
	}
	return n
}

// level is an object or an array that is being read.
type level struct {
	names map[string]struct{} // of an object; nil: it is an array
	named bool                // a member's name was read, and not its value
}

func (l *level) valued() { l.named = false }

// members are those of an object, as they are written. text is strict.
func members(text []byte) (map[string]json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil || all == nil {
		return nil, errors.New("The body must be a JSON object.")
	}
	return all, nil
}

// isNull reports whether a member is missing or null.
func isNull(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }
