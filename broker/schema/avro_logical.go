package schema

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/hamba/avro/v2"
)

const (
	maxDecimal = 1024 // bytes of a decimal's number, and digits of its scale
	layoutDay  = "2006-01-02"
	layoutTime = "15:04:05"
)

// number appends an int or a long, as its logical type has it. Hamba knows some of these
// types; the others are in the schema's properties.
func (r *avroReader) number(s *avro.PrimitiveSchema, n int64) {
	if r.err != nil {
		return
	}
	var logical string
	if l := s.Logical(); l != nil {
		logical = string(l.Type())
	} else if name, ok := s.Prop("logicalType").(string); ok {
		logical = name
	}
	layout, unit, local := "", int64(0), strings.HasPrefix(logical, "local-")
	switch strings.TrimPrefix(logical, "local-") {
	case "date":
		layout, unit = layoutDay, 0
	case "time-millis":
		layout, unit = layoutTime+".000", 1e3
	case "time-micros":
		layout, unit = layoutTime+".000000", 1e6
	case "timestamp-millis":
		layout, unit = layoutDay+"T"+layoutTime+".000", 1e3
	case "timestamp-micros":
		layout, unit = layoutDay+"T"+layoutTime+".000000", 1e6
	case "timestamp-nanos":
		layout, unit = layoutDay+"T"+layoutTime+".000000000", 1e9
	}
	switch {
	case layout == "", unit > 0 && strings.HasPrefix(logical, "time-") && (n < 0 || n/unit >= 86400):
		r.out = strconv.AppendInt(r.out, n, 10)
		return
	case !local && strings.HasPrefix(logical, "timestamp-"):
		layout += "Z"
	}
	at := time.Unix(n*86400, 0).UTC()
	if unit > 0 {
		at = time.Unix(n/unit, n%unit*(1e9/unit)).UTC()
	}
	if year := at.Year(); year < 0 || year > 9999 || unit == 0 && n != int64(int32(n)) {
		r.out = strconv.AppendInt(r.out, n, 10) // no calendar has it
		return
	}
	r.out = append(at.AppendFormat(append(r.out, '"'), layout), '"')
}

// decimal appends a number with all its digits: b is a whole number in two's
// complement, of which the last scale digits stand after the point.
func (r *avroReader) decimal(b []byte, scale int) {
	if len(b) > maxDecimal || scale > maxDecimal {
		r.fail(fmt.Errorf("its Avro value has a decimal of more than %d bytes or digits", maxDecimal))
	}
	if r.err != nil {
		return
	}
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if n.Sign() < 0 {
		r.out = append(r.out, '-')
		n.Neg(n)
	}
	digits := n.String()
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	r.out = append(r.out, digits[:len(digits)-scale]...)
	if scale > 0 {
		r.out = append(append(r.out, '.'), digits[len(digits)-scale:]...)
	}
}

// AppendUUID appends the text of a UUID of 16 bytes.
func AppendUUID(dst, b []byte) []byte {
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:16]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
