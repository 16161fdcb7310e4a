package schema

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/hamba/avro/v2"

	"sluice/broker/document"
)

type avroSchema = avro.Schema

// parseAvro reads a schema, after those that it refers to.
func parseAvro(text string, references []string) (avro.Schema, error) {
	cache := &avro.SchemaCache{} // hamba's own would mix up schemas of one name
	for _, r := range append(references, text) {
		if !document.Shallow([]byte(r), maxDepth) {
			return nil, errors.New("it nests too deep")
		}
	}
	for _, r := range references {
		if _, err := avro.ParseWithCache(r, "", cache); err != nil {
			return nil, err
		}
	}
	return avro.ParseWithCache(text, "", cache)
}

// appendAvro appends a value as JSON. All of body must be the value.
//
// Hamba's own generic reader trusts the counts in what it reads. An array of nulls takes
// no byte an item, so nine bytes could name more of them than there is memory.
func appendAvro(dst []byte, s avro.Schema, body []byte, limit int) ([]byte, error) {
	r := avroReader{in: body, out: dst, end: len(dst) + limit}
	if r.value(s, 0); r.err == nil && len(r.in) > 0 {
		r.err = fmt.Errorf("%d bytes are left over after its Avro value", len(r.in))
	}
	if r.err != nil {
		return dst, r.err
	}
	return r.out, nil
}

// avroReader reads Avro's binary form and writes JSON. After the first error nothing is
// read, and what is written doesn't count.
type avroReader struct {
	in  []byte
	out []byte
	end int // length that out must not exceed
	err error
}

var errAvroShort = errors.New("its Avro value ends too early")

func (r *avroReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *avroReader) long() int64 {
	n, size := binary.Varint(r.in)
	if size <= 0 {
		r.fail(errAvroShort)
		return 0
	}
	r.in = r.in[size:]
	return n
}

func (r *avroReader) int() int64 {
	n := r.long()
	if n != int64(int32(n)) {
		r.fail(errors.New("its Avro value has an int that is none"))
	}
	return n
}

func (r *avroReader) bytes(n int64) []byte {
	if n < 0 || n > int64(len(r.in)) {
		r.fail(errAvroShort)
	}
	if r.err != nil {
		return nil
	}
	b := r.in[:n]
	r.in = r.in[n:]
	return b
}

// value reads one value. Each writes at least a byte, so what may be written bounds the
// time.
func (r *avroReader) value(s avro.Schema, depth int) {
	switch {
	case r.err != nil:
		return
	case depth > maxDepth:
		r.fail(errors.New("its Avro value nests too deep"))
		return
	case len(r.out) > r.end:
		r.fail(errTooLarge)
		return
	}
	switch s := s.(type) {
	case *avro.RefSchema:
		r.value(s.Schema(), depth+1)
	case *avro.RecordSchema:
		r.record(s, depth)
	case *avro.ArraySchema:
		r.blocks('[', ']', func() { r.value(s.Items(), depth+1) })
	case *avro.MapSchema:
		r.blocks('{', '}', func() {
			r.out = append(document.AppendString(r.out, r.bytes(r.long())), ':')
			r.value(s.Values(), depth+1)
		})
	case *avro.UnionSchema:
		types, i := s.Types(), r.long()
		if i < 0 || i >= int64(len(types)) {
			r.fail(errors.New("its Avro value names a type that its union doesn't have"))
			return
		}
		r.value(types[i], depth+1)
	case *avro.EnumSchema:
		symbol, ok := s.Symbol(int(r.int()))
		if !ok {
			r.fail(errors.New("its Avro value names a symbol that its enum doesn't have"))
			return
		}
		r.out = document.AppendString(r.out, []byte(symbol))
	case *avro.FixedSchema:
		r.fixed(s)
	case *avro.NullSchema:
		r.out = append(r.out, "null"...)
	case *avro.PrimitiveSchema:
		r.primitive(s)
	default:
		r.fail(fmt.Errorf("its Avro schema has a type %q that isn't known", s.Type()))
	}
	if len(r.out) > r.end {
		r.fail(errTooLarge)
	}
}

func (r *avroReader) record(s *avro.RecordSchema, depth int) {
	r.out = append(r.out, '{')
	for i, f := range s.Fields() {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		r.out = append(document.AppendString(r.out, []byte(f.Name())), ':')
		if r.value(f.Type(), depth+1); r.err != nil {
			return
		}
	}
	r.out = append(r.out, '}')
}

// blocks reads the blocks of an array or a map: each a count and so many items. A
// negative count has the block's size after it.
func (r *avroReader) blocks(opens, closes byte, item func()) {
	r.out = append(r.out, opens)
	for first := true; ; {
		n := r.long()
		if n < 0 {
			r.long()
			if n = -n; n < 0 {
				r.fail(errAvroShort)
			}
		}
		if n == 0 || r.err != nil {
			break
		}
		for ; n > 0 && r.err == nil; n-- {
			if !first {
				r.out = append(r.out, ',')
			}
			first = false
			item()
		}
	}
	r.out = append(r.out, closes)
}

func (r *avroReader) primitive(s *avro.PrimitiveSchema) {
	switch s.Type() {
	case avro.Boolean:
		b := r.bytes(1)
		if r.err != nil {
			return
		}
		r.out = strconv.AppendBool(r.out, b[0] != 0)
	case avro.Int:
		r.number(s, r.int())
	case avro.Long:
		r.number(s, r.long())
	case avro.Float:
		if b := r.bytes(4); r.err == nil {
			r.out = document.AppendFloat(r.out, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
		}
	case avro.Double:
		if b := r.bytes(8); r.err == nil {
			r.out = document.AppendFloat(r.out, math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
		}
	case avro.String:
		r.out = document.AppendString(r.out, r.bytes(r.long()))
	case avro.Bytes:
		b := r.bytes(r.long())
		if d, ok := s.Logical().(*avro.DecimalLogicalSchema); ok {
			r.decimal(b, d.Scale())
			return
		}
		r.base64(b)
	default:
		r.fail(fmt.Errorf("its Avro schema has a type %q that isn't known", s.Type()))
	}
}

func (r *avroReader) fixed(s *avro.FixedSchema) {
	b := r.bytes(int64(s.Size()))
	if r.err != nil {
		return
	}
	switch logical := s.Logical().(type) {
	case *avro.DecimalLogicalSchema:
		r.decimal(b, logical.Scale())
		return
	case *avro.PrimitiveLogicalSchema:
		if logical.Type() == avro.Duration && len(b) == 12 {
			le := binary.LittleEndian
			r.out = fmt.Appendf(r.out, `{"months":%d,"days":%d,"millis":%d}`, le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:]))
			return
		}
	}
	if s.Prop("logicalType") == string(avro.UUID) && len(b) == 16 {
		r.out = append(AppendUUID(append(r.out, '"'), b), '"')
		return
	}
	r.base64(b)
}

func (r *avroReader) base64(b []byte) {
	r.out = append(base64.StdEncoding.AppendEncode(append(r.out, '"'), b), '"')
}
