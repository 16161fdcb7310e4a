package schema

import (
	"encoding/binary"
	"errors"
	"fmt"

	"sluice/broker/document"
)

// The Confluent wire format: a zero byte, the schema's id in four bytes, then the data.
// For Protobuf the path to the message within its file comes before the data.
const (
	magic      = 0
	headerSize = 5
)

// IsFramed reports whether bytes begin as the Confluent wire format does. No JSON does.
func IsFramed(raw []byte) bool { return len(raw) >= headerSize && raw[0] == magic }

var errNoHeader = errors.New("it doesn't begin as the Confluent wire format does (a zero byte and a schema's id)")

func splitHeader(raw []byte) (id int, body []byte, err error) {
	if !IsFramed(raw) {
		return 0, nil, errNoHeader
	}
	return int(binary.BigEndian.Uint32(raw[1:])), raw[headerSize:], nil
}

// splitIndex reads the path to a message: how many steps, and the index of each. A
// single zero byte is short for the first message.
func splitIndex(raw []byte) (index []int, body []byte, err error) {
	n, size := binary.Varint(raw)
	if size <= 0 || n < 0 || n > maxDepth {
		return nil, nil, errors.New("its Protobuf message index can't be read")
	}
	if raw = raw[size:]; n == 0 {
		return []int{0}, raw, nil
	}
	index = make([]int, n)
	for i := range index {
		step, size := binary.Varint(raw)
		if size <= 0 || step < 0 || step > 1<<20 {
			return nil, nil, errors.New("its Protobuf message index can't be read")
		}
		index[i], raw = int(step), raw[size:]
	}
	return index, raw, nil
}

// appendJSON appends what is JSON already: JSON Schema describes it, and isn't needed
// to read it.
func appendJSON(dst, body []byte, limit int) ([]byte, error) {
	switch {
	case len(body) > limit:
		return dst, errTooLarge
	case !isJSON(body):
		return dst, errors.New("after the schema's id it is not JSON")
	}
	return append(dst, body...), nil
}

func isJSON(body []byte) bool {
	_, ok := document.Parse(body)
	return ok
}

func errID(id int, err error) error { return fmt.Errorf("schema %d: %w", id, err) }
