package schema

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/hamba/avro/v2"
)

// whole reads an int or a long: a whole number, or the text that its logical type has.
func whole(s *avro.PrimitiveSchema, v any) (int64, error) {
	bits, what := 64, "a whole number"
	if s.Type() == avro.Int {
		bits = 32
	}
	var n int64
	var err error
	switch v := v.(type) {
	case json.Number:
		n, err = strconv.ParseInt(string(v), 10, bits)
	case string:
		what = "a time or a whole number"
		n, err = timeNumber(logicalOf(s), v)
	default:
		err = errors.New("neither")
	}
	if err != nil || bits == 32 && n != int64(int32(n)) {
		return 0, wanted(fmt.Sprintf("%s of %d bits", what, bits))
	}
	return n, nil
}

// logicalOf is the logical type of a primitive one. Hamba knows some; the others are in
// the schema's properties.
func logicalOf(s *avro.PrimitiveSchema) string {
	if l := s.Logical(); l != nil {
		return string(l.Type())
	}
	name, _ := s.Prop("logicalType").(string)
	return name
}

// timeNumber is the number of a date or a time.
func timeNumber(logical, text string) (int64, error) {
	zone := time.RFC3339Nano
	logical, local := strings.CutPrefix(logical, "local-")
	if local {
		zone = layoutDay + "T" + layoutTime
	}
	layout := map[string]string{
		"date": layoutDay, "time-millis": layoutTime, "time-micros": layoutTime,
		"timestamp-millis": zone, "timestamp-micros": zone, "timestamp-nanos": zone,
	}[logical]
	if layout == "" {
		return 0, errors.New("no time")
	}
	at, err := time.Parse(layout, text)
	if err != nil {
		return 0, err
	}
	day := func(t time.Time) time.Duration {
		return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
	}
	switch logical {
	case "date":
		return at.Unix() / 86400, nil // midnight, so that it is exact
	case "time-millis":
		return day(at).Milliseconds(), nil
	case "time-micros":
		return day(at).Microseconds(), nil
	case "timestamp-millis":
		return at.UnixMilli(), nil
	case "timestamp-micros":
		return at.UnixMicro(), nil
	}
	if at.Year() < 1678 || at.Year() > 2261 { // what 64 bits of nanoseconds have
		return 0, errors.New("out of range")
	}
	return at.UnixNano(), nil
}

const maxDigits = 1024 // of a decimal that is written

// decimal is a number in two's complement, of which the last scale digits stand after the
// point. A number that the schema can't hold exactly is none.
func decimal(v any, s *avro.DecimalLogicalSchema) ([]byte, error) {
	text, ok := v.(string)
	if n, isNumber := v.(json.Number); isNumber {
		text, ok = string(n), true
	}
	bad := wanted(fmt.Sprintf("a number of at most %d digits, %d of them after the point", s.Precision(), s.Scale()))
	if !ok || len(text) > maxDigits || s.Scale() > maxDigits {
		return nil, bad
	}
	if _, exponent, has := strings.Cut(strings.ToLower(text), "e"); has {
		if n, err := strconv.Atoi(exponent); err != nil || n > maxDigits || n < -maxDigits {
			return nil, bad
		}
	}
	if strings.Trim(text, "0123456789.eE+-") != "" {
		return nil, bad
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, bad
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s.Scale())), nil)))
	if !r.IsInt() || len(new(big.Int).Abs(r.Num()).String()) > s.Precision() {
		return nil, bad
	}
	return twosComplement(r.Num()), nil
}

// twosComplement is a number in as few bytes as it takes, its sign included.
func twosComplement(n *big.Int) []byte {
	if n.Sign() >= 0 {
		return n.FillBytes(make([]byte, n.BitLen()/8+1))
	}
	size := new(big.Int).Not(n).BitLen()/8 + 1
	return new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size))).FillBytes(make([]byte, size))
}

func (w *avroWriter) fixed(s *avro.FixedSchema, v any) error {
	b, err := fixedBytes(s, v)
	if err != nil {
		return err
	}
	if len(b) != s.Size() {
		return wanted(fmt.Sprintf("%d bytes in base64", s.Size()))
	}
	w.out = append(w.out, b...)
	return nil
}

func fixedBytes(s *avro.FixedSchema, v any) ([]byte, error) {
	switch logical := s.Logical().(type) {
	case *avro.DecimalLogicalSchema:
		b, err := decimal(v, logical)
		if err != nil || len(b) > s.Size() {
			return nil, wanted("a number that its bytes can hold")
		}
		fill := byte(0)
		if len(b) > 0 && b[0] >= 0x80 {
			fill = 0xff
		}
		out := make([]byte, s.Size())
		for i := range out {
			out[i] = fill
		}
		copy(out[len(out)-len(b):], b)
		return out, nil
	case *avro.PrimitiveLogicalSchema:
		if members, ok := v.(map[string]any); ok && logical.Type() == avro.Duration && s.Size() == 12 {
			return duration(members)
		}
	}
	if text, ok := v.(string); ok && s.Prop("logicalType") == string(avro.UUID) && s.Size() == 16 {
		if b, err := hex.DecodeString(strings.ReplaceAll(text, "-", "")); err == nil && len(text) == 36 {
			return b, nil
		}
	}
	return base64Bytes(v)
}

// duration is {"months":…,"days":…,"millis":…} in twelve bytes.
func duration(members map[string]any) (out []byte, err error) {
	for _, name := range []string{"months", "days", "millis"} {
		digits, _ := members[name].(json.Number)
		n, err := strconv.ParseUint(string(digits), 10, 32)
		if err != nil || len(members) != 3 || n > math.MaxUint32 {
			return nil, wanted("months, days and millis")
		}
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	return out, nil
}
