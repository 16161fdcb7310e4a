package shape

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"unsafe"

	"sluice/broker/document"
)

var (
	errLarge = errors.New("what the program returns is larger than max_record_bytes")
	errDeep  = errors.New("what the program returns nests too deep")
)

// appendJSON appends what a program returned, at most limit bytes. gojq's own encoder
// has no limit, and a value that holds itself twice, and that twice again, is small in
// memory.
func appendJSON(dst []byte, v any, limit int) ([]byte, error) {
	e := encoder{out: dst, end: len(dst) + limit}
	if err := e.value(v, 0); err != nil {
		return dst, err
	}
	return e.out, nil
}

type encoder struct {
	out []byte
	end int
}

func (e *encoder) value(v any, depth int) error {
	if depth > document.MaxDepth {
		return errDeep
	}
	switch v := v.(type) {
	case nil:
		e.out = append(e.out, "null"...)
	case bool:
		e.out = strconv.AppendBool(e.out, v)
	case int:
		e.out = strconv.AppendInt(e.out, int64(v), 10)
	case float64:
		e.float(v)
	case *big.Int:
		if v.BitLen()/4 > e.end-len(e.out) {
			return errLarge
		}
		e.out = v.Append(e.out, 10)
	case json.Number:
		e.out = append(e.out, v...)
	case string:
		if len(v) > e.end-len(e.out) {
			return errLarge
		}
		e.out = document.AppendString(e.out, unsafe.Slice(unsafe.StringData(v), len(v)))
	case []any:
		return e.array(v, depth)
	case map[string]any:
		return e.object(v, depth)
	default:
		return fmt.Errorf("the program returns a %T", v)
	}
	return e.fits()
}

func (e *encoder) fits() error {
	if len(e.out) > e.end {
		return errLarge
	}
	return nil
}

// float appends a number that the program has calculated. As in jq, what JSON has no
// number for is null.
func (e *encoder) float(f float64) {
	if f != f || f-f != 0 {
		e.out = append(e.out, "null"...)
		return
	}
	e.out = document.AppendFloat(e.out, f, 64)
}

func (e *encoder) array(v []any, depth int) error {
	e.out = append(e.out, '[')
	for i, item := range v {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if err := e.value(item, depth+1); err != nil {
			return err
		}
	}
	e.out = append(e.out, ']')
	return e.fits()
}

func (e *encoder) object(v map[string]any, depth int) error {
	e.out = append(e.out, '{')
	for i, key := range slices.Sorted(maps.Keys(v)) {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if err := e.value(key, depth+1); err != nil {
			return err
		}
		e.out = append(e.out, ':')
		if err := e.value(v[key], depth+1); err != nil {
			return err
		}
	}
	e.out = append(e.out, '}')
	return e.fits()
}
