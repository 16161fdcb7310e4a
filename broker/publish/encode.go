package publish

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"sluice/broker/record"
	"sluice/broker/schema"
)

// writer turns JSON into the bytes of a key or a value.
type writer func(raw []byte) ([]byte, error)

// encoder finds the writer to use now. ctx bounds the wait for a schema.
type encoder func(ctx context.Context) (writer, error)

// always is an encoder with one writer.
func always(w writer) encoder {
	return func(context.Context) (writer, error) { return w, nil }
}

// refuse is the encoder of a kind that nothing writes.
func refuse(text string) encoder {
	return func(context.Context) (writer, error) { return nil, because(ErrUnsupported, "%s", text) }
}

func newValueEncoder(s Stream, r *schema.Registry) (encoder, error) {
	switch as := schema.Kind(s.Decode.As); {
	case s.Decode.As == "" || s.Decode.As == record.DecodeJSON:
		return always(asIs), nil
	case s.Decode.As == record.DecodeText:
		return always(text("The value must be a text: the stream's values are.")), nil
	case as == schema.Avro && s.Decode.File != "":
		file, err := schema.EncoderFromFile(s.Decode.File)
		if err != nil {
			return nil, err
		}
		return always(written(file)), nil
	case (as == schema.Avro || as == schema.JSON) && r == nil:
		return refuse("Nothing writes values of the stream's kind without a schema_registry."), nil
	case as == schema.Avro || as == schema.JSON:
		return ofRegistry(r, s.Topic+"-value", as), nil
	}
	return refuse("Nothing writes values of the stream's kind (decode)."), nil
}

func newKeyEncoder(s Stream, r *schema.Registry) encoder {
	switch s.KeyDecode {
	case "", record.KeyText:
		return always(text("The key must be a text: the stream's keys are."))
	case record.KeyJSON:
		return always(compact)
	case record.KeyLong:
		return always(number(8))
	case record.KeyInt:
		return always(number(4))
	case record.KeyUUID:
		return always(uuid)
	case string(schema.Avro):
		return ofRegistry(r, s.Topic+"-key", schema.Avro)
	}
	return refuse("Nothing writes keys of the stream's kind (key_decode).")
}

// ofRegistry encodes by the latest schema of a subject.
func ofRegistry(r *schema.Registry, subject string, kind schema.Kind) encoder {
	return func(ctx context.Context) (writer, error) {
		e, err := r.Latest(ctx, subject)
		switch {
		case errors.Is(err, schema.ErrUnknown):
			return nil, because(ErrUnsupported, "The registry has no schema of the subject %s.", subject)
		case errors.Is(err, schema.ErrPending):
			return nil, because(ErrNotWritten, "The schema registry does not answer.")
		case err != nil:
			return nil, because(ErrUnsupported, "The latest schema of the subject %s can't be used.", subject)
		case e.Kind() != kind:
			return nil, because(ErrUnsupported, "The latest schema of the subject %s is of the kind %s, and the stream is not.", subject, e.Kind())
		}
		return written(e), nil
	}
}

// written writes by a schema. Its errors are in words for the caller.
func written(e *schema.Encoder) writer {
	return func(raw []byte) ([]byte, error) {
		out, err := e.Append(nil, raw)
		if err != nil {
			return nil, because(ErrSchema, "%s", strings.ToUpper(err.Error()[:1])+err.Error()[1:]+".")
		}
		return out, nil
	}
}

func asIs(raw []byte) ([]byte, error) { return raw, nil }

// compact leaves out blanks, so that one key is always the same bytes.
func compact(raw []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, because(ErrMessage, "The key is not JSON.")
	}
	return out.Bytes(), nil
}

// text writes a text without its quotes.
func text(otherwise string) writer {
	return func(raw []byte) ([]byte, error) {
		var s string
		if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
			return nil, because(ErrMessage, "%s", otherwise)
		}
		return append(make([]byte, 0, len(s)), s...), nil // empty, and not nil
	}
}

// number writes what Kafka's LongSerializer and IntegerSerializer write.
func number(size int) writer {
	return func(raw []byte) ([]byte, error) {
		digits := strings.Trim(string(raw), `"`) // a text where JavaScript has no such number
		n, err := strconv.ParseInt(digits, 10, 8*size)
		if err != nil {
			return nil, because(ErrMessage, "The key must be a whole number of %d bytes: the stream's keys are.", size)
		}
		out := binary.BigEndian.AppendUint64(nil, uint64(n))
		return out[8-size:], nil
	}
}

var uuidForm = regexp.MustCompile(`^"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"$`)

// uuid writes what Kafka's UUIDSerializer writes: 36 characters.
func uuid(raw []byte) ([]byte, error) {
	if !uuidForm.Match(raw) {
		return nil, because(ErrMessage, "The key must be a UUID: the stream's keys are.")
	}
	return []byte(strings.ToLower(strings.Trim(string(raw), `"`))), nil
}
