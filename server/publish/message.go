package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxHeaders is how many headers a message may have.
const MaxHeaders = 64

const (
	maxHeaderName  = 256      // bytes
	maxHeaderValue = 16 << 10 // bytes
)

var errMembers = errors.New(`The body must be JSON: {"value":…}, with "key" and "headers" if wanted. A value of null is a tombstone.`)

// readPlain reads {"key":…,"headers":{…},"value":…}.
func readPlain(body []byte) (m Message, err error) {
	if err := strict(body); err != nil {
		return m, err
	}
	all, err := members(body)
	if err != nil {
		return m, err
	}
	for name := range all {
		if name != "key" && name != "headers" && name != "value" {
			return m, errMembers
		}
	}
	value, given := all["value"]
	if !given {
		return m, errMembers
	}
	if key := all["key"]; !isNull(key) {
		m.Key = key
	}
	if !isNull(value) {
		m.Value = value
	} else if m.Key == nil {
		return m, errors.New("A tombstone (a value of null) needs a key.")
	}
	m.Headers, err = readHeaders(all["headers"])
	return m, err
}

func readHeaders(raw json.RawMessage) (headers []Header, err error) {
	if isNull(raw) {
		return nil, nil
	}
	var all map[string]*string
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, errors.New("The headers must be an object of texts.")
	}
	if len(all) > MaxHeaders {
		return nil, fmt.Errorf("There may be %d headers at most.", MaxHeaders)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := all[name]
		switch {
		case value == nil:
			return nil, errors.New("The headers must be an object of texts.")
		case name == "" || len(name) > maxHeaderName || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return nil, fmt.Errorf("A header's name has 1 to %d bytes, and no control characters.", maxHeaderName)
		case isReserved(name):
			return nil, errors.New("A header has a name that is reserved: sluice.…, __connect.errors.… or idempotency-key.")
		case len(*value) > maxHeaderValue:
			return nil, fmt.Errorf("A header's value has %d bytes at most.", maxHeaderValue)
		}
		headers = append(headers, Header{name, *value})
	}
	return headers, nil
}

// isReserved reports whether a header is one that only the gateway writes. It marks dead
// letters and what was sent again by these, and a caller must not make them up.
func isReserved(name string) bool {
	name = strings.ToLower(name)
	return name == strings.ToLower(IdempotencyKey) || strings.HasPrefix(name, "__connect.errors.") || strings.HasPrefix(name, "sluice.") || strings.HasPrefix(name, "sluice-")
}
