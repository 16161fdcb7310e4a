package schema

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/hamba/avro/v2"
)

// writeSteps bounds the steps of writing a value, in addition to four for each byte of
// it. Each type of a union is tried, and unions may nest.
const writeSteps = 10_000

// avroWriter writes Avro's binary form of what avroReader would show so. Of a union it
// takes the first type that a value fits, or the one that a value of one member names:
// {"string":"x"}, as Avro's own JSON has it. Errors name fields of the schema.
type avroWriter struct {
	out   []byte
	steps int
}

// whereError is an error with the field that it is about.
type whereError struct {
	path string
	err  error
}

func (e *whereError) Error() string { return e.path + ": " + e.err.Error() }

func (e *whereError) Unwrap() error { return e.err }

// in puts the name of a field before an error.
func in(name string, err error) error {
	var further *whereError
	if errors.As(err, &further) {
		return &whereError{name + "." + further.path, further.err}
	}
	return &whereError{name, err}
}

func wanted(what string) error { return errors.New("the schema wants " + what) }

// errSteps says that trying the types of unions takes too long.
var errSteps = errors.New("the value fits its unions in too many ways")

func (w *avroWriter) value(s avro.Schema, v any, depth int) error {
	if w.steps--; w.steps < 0 {
		return errSteps
	}
	if depth > maxDepth {
		return errors.New("it nests too deep")
	}
	switch s := s.(type) {
	case *avro.RefSchema:
		return w.value(s.Schema(), v, depth+1)
	case *avro.RecordSchema:
		return w.record(s, v, depth)
	case *avro.ArraySchema:
		return w.array(s, v, depth)
	case *avro.MapSchema:
		return w.aMap(s, v, depth)
	case *avro.UnionSchema:
		return w.union(s, v, depth)
	case *avro.EnumSchema:
		symbol, ok := v.(string)
		i := slices.Index(s.Symbols(), symbol)
		if !ok || i < 0 {
			return wanted("one of the enum's symbols")
		}
		w.long(int64(i))
	case *avro.FixedSchema:
		return w.fixed(s, v)
	case *avro.NullSchema:
		if v != nil {
			return wanted("null")
		}
	case *avro.PrimitiveSchema:
		return w.primitive(s, v)
	default:
		return fmt.Errorf("the schema has a type %q that isn't known", s.Type())
	}
	return nil
}

func (w *avroWriter) long(n int64) { w.out = binary.AppendVarint(w.out, n) }

func (w *avroWriter) bytes(b []byte) {
	w.long(int64(len(b)))
	w.out = append(w.out, b...)
}

func (w *avroWriter) record(s *avro.RecordSchema, v any, depth int) error {
	members, ok := v.(map[string]any)
	if !ok {
		return wanted("an object")
	}
	known := 0
	for _, f := range s.Fields() {
		value, given := members[f.Name()]
		switch {
		case given:
			known++
			if err := w.value(f.Type(), value, depth+1); err != nil {
				return in(f.Name(), err)
			}
		case f.HasDefault():
			raw, err := avro.Marshal(f.Type(), f.Default())
			if err != nil {
				return in(f.Name(), errors.New("it is missing, and its default can't be written"))
			}
			w.out = append(w.out, raw...)
		default:
			return in(f.Name(), errors.New("it is missing, and has no default"))
		}
	}
	if known < len(members) {
		return errors.New("an object has members that the schema doesn't have")
	}
	return nil
}

// array and aMap write all items in one block.
func (w *avroWriter) array(s *avro.ArraySchema, v any, depth int) error {
	items, ok := v.([]any)
	if !ok {
		return wanted("an array")
	}
	if len(items) > 0 {
		w.long(int64(len(items)))
	}
	for _, item := range items {
		if err := w.value(s.Items(), item, depth+1); err != nil {
			return in("[]", err)
		}
	}
	w.long(0)
	return nil
}

func (w *avroWriter) aMap(s *avro.MapSchema, v any, depth int) error {
	members, ok := v.(map[string]any)
	if !ok {
		return wanted("an object")
	}
	if len(members) > 0 {
		w.long(int64(len(members)))
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		w.bytes([]byte(name))
		if err := w.value(s.Values(), members[name], depth+1); err != nil {
			return in("{}", err)
		}
	}
	w.long(0)
	return nil
}

// union tries the types of a union: first those that look like the value in JSON, so that
// a text is no bytes where there are texts.
func (w *avroWriter) union(s *avro.UnionSchema, v any, depth int) error {
	before := len(w.out)
	attempt := func(i int, v any) error {
		w.out = w.out[:before]
		w.long(int64(i))
		return w.value(s.Types()[i], v, depth+1)
	}
	for _, natural := range []bool{true, false} {
		for i, t := range s.Types() {
			if looksLike(t, v) != natural {
				continue
			}
			if err := attempt(i, v); err == nil || errors.Is(err, errSteps) {
				return err
			}
		}
	}
	if tagged, ok := v.(map[string]any); ok && len(tagged) == 1 {
		for i, t := range s.Types() {
			if inner, named := tagged[typeName(t)]; named {
				return attempt(i, inner)
			}
		}
	}
	w.out = w.out[:before]
	return wanted("one of the union's types")
}

// typeName is what Avro's JSON calls a type of a union.
func typeName(s avro.Schema) string {
	if ref, ok := s.(*avro.RefSchema); ok {
		return ref.Schema().FullName()
	}
	if named, ok := s.(avro.NamedSchema); ok {
		return named.FullName()
	}
	return string(s.Type())
}

// looksLike reports whether JSON writes a type so.
func looksLike(s avro.Schema, v any) bool {
	if ref, ok := s.(*avro.RefSchema); ok {
		s = ref.Schema()
	}
	switch v.(type) {
	case nil:
		return s.Type() == avro.Null
	case string:
		return s.Type() == avro.String || s.Type() == avro.Enum
	case json.Number:
		return s.Type() == avro.Int || s.Type() == avro.Long || s.Type() == avro.Float || s.Type() == avro.Double
	case bool:
		return s.Type() == avro.Boolean
	case []any:
		return s.Type() == avro.Array
	}
	return s.Type() == avro.Record || s.Type() == avro.Map
}

func (w *avroWriter) primitive(s *avro.PrimitiveSchema, v any) error {
	switch s.Type() {
	case avro.Boolean:
		b, ok := v.(bool)
		if !ok {
			return wanted("true or false")
		}
		n := byte(0)
		if b {
			n = 1
		}
		w.out = append(w.out, n)
	case avro.Int, avro.Long:
		n, err := whole(s, v)
		if err != nil {
			return err
		}
		w.long(n)
	case avro.Float:
		f, err := float(v, 32)
		if err != nil {
			return err
		}
		w.out = binary.LittleEndian.AppendUint32(w.out, math.Float32bits(float32(f)))
	case avro.Double:
		f, err := float(v, 64)
		if err != nil {
			return err
		}
		w.out = binary.LittleEndian.AppendUint64(w.out, math.Float64bits(f))
	case avro.String:
		text, ok := v.(string)
		if !ok {
			return wanted("a text")
		}
		w.bytes([]byte(text))
	case avro.Bytes:
		if d, ok := s.Logical().(*avro.DecimalLogicalSchema); ok {
			b, err := decimal(v, d)
			if err != nil {
				return err
			}
			w.bytes(b)
			return nil
		}
		b, err := base64Bytes(v)
		if err != nil {
			return err
		}
		w.bytes(b)
	default:
		return fmt.Errorf("the schema has a type %q that isn't known", s.Type())
	}
	return nil
}

// float reads a number, or what is no number of JSON's.
func float(v any, bits int) (float64, error) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = string(v)
	case string:
		if v != "NaN" && v != "Infinity" && v != "-Infinity" {
			return 0, wanted("a number")
		}
		text = v
	default:
		return 0, wanted("a number")
	}
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		return 0, wanted(fmt.Sprintf("a number of %d bits", bits))
	}
	return f, nil
}

func base64Bytes(v any) ([]byte, error) {
	text, ok := v.(string)
	b, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil {
		return nil, wanted("bytes in base64")
	}
	return b, nil
}
