package record

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"sluice/broker/document"
	"sluice/broker/schema"
)

// keyDecoder returns a key as JSON.
type keyDecoder func(raw []byte) ([]byte, error)

// newKeyDecoder returns the decoder of a word of Rules.KeyDecode, nil for text, and the
// codec that it uses, if it does.
func newKeyDecoder(word string, r *schema.Registry, limit int) (keyDecoder, *schema.Codec, error) {
	switch word {
	case "", KeyText:
		return nil, nil, nil
	case KeyJSON:
		return jsonKey, nil, nil
	case KeyLong:
		return keyNumber(8), nil, nil
	case KeyInt:
		return keyNumber(4), nil, nil
	case KeyUUID:
		return uuidKey, nil, nil
	case string(schema.Avro), string(schema.Protobuf):
		codec, err := schema.New(schema.Kind(word), r)
		if err != nil {
			return nil, nil, errors.New(word + " needs schema_registry")
		}
		return func(raw []byte) ([]byte, error) { return codec.Append(nil, raw, limit) }, codec, nil
	}
	return nil, nil, fmt.Errorf("%q is unknown: there are text, json, long, int, uuid, avro, protobuf", word)
}

func jsonKey(raw []byte) ([]byte, error) {
	if _, ok := document.Parse(raw); !ok {
		return nil, errors.New("the key is not JSON")
	}
	return raw, nil
}

// keyNumber reads what Kafka's LongSerializer and IntegerSerializer write.
func keyNumber(size int) keyDecoder {
	return func(raw []byte) ([]byte, error) {
		if len(raw) != size {
			return nil, fmt.Errorf("the key has %d bytes, and not the %d of such a number", len(raw), size)
		}
		n := int64(binary.BigEndian.Uint64(append(make([]byte, 8-size), raw...)))
		if size == 4 {
			n = int64(int32(n))
		}
		return strconv.AppendInt(nil, n, 10), nil
	}
}

// uuidKey reads a UUID as Kafka's UUIDSerializer writes it, in 36 characters, or in 16
// bytes.
func uuidKey(raw []byte) ([]byte, error) {
	if len(raw) == 16 {
		return append(schema.AppendUUID([]byte{'"'}, raw), '"'), nil
	}
	if len(raw) == 36 && raw[8] == '-' && raw[13] == '-' && raw[18] == '-' && raw[23] == '-' {
		digits := append(append(append(append(append([]byte{}, raw[:8]...), raw[9:13]...), raw[14:18]...), raw[19:23]...), raw[24:]...)
		if b, err := hex.DecodeString(string(digits)); err == nil {
			return append(schema.AppendUUID([]byte{'"'}, b), '"'), nil
		}
	}
	return nil, errors.New("the key is no UUID of 16 bytes or 36 characters")
}

// textOf returns what the selector key selects of a key in JSON: a string without its
// quotes, and anything else as it is written.
func textOf(json []byte) []byte {
	doc, ok := document.Parse(json)
	if !ok {
		return json
	}
	if text := document.Scalar(doc); text != nil {
		return text
	}
	return json
}

// quoted returns text as a JSON string.
func quoted(text []byte) []byte { return document.AppendString(nil, text) }
