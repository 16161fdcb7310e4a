package cursor

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
)

// packedBits is how many bits a partition takes at most in the packed form, offset and
// leader epoch together, while offsets are below 2^packedBits.
const packedBits = 48

// appendPacked appends a position as the packed form has it, before base64. Topics have
// many partitions of similar offsets and of few leader epochs, so a column says once what
// is common. Equal positions are equal bytes, and parsePacked reads nothing else.
// FORMAT.md has the bytes.
//
// Offsets that take w bits leave packedBits-w bits for a leader epoch. Those that are too
// far below the largest to fit are unknown. That happens where epochs are hundreds apart.
// It bounds an id's length (see [Codec.MaxLen]).
func appendPacked(dst []byte, offsets []int64, leaders []int32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(offsets)))
	c := columnOf(offsets)
	dst = c.append(dst, offsets)
	if leaders == nil || c.width >= packedBits {
		return dst
	}
	var scratch [64]int64
	epochs := append(scratch[:0], offsets...)
	var most int64
	for p, o := range offsets {
		epochs[p] = 0
		if o > 0 {
			epochs[p] = int64(LeaderAt(leaders, p)) + 1
			most = max(most, epochs[p])
		}
	}
	if most == 0 {
		return dst
	}
	lowest := most - (1<<(packedBits-c.width) - 1)
	for p, e := range epochs {
		if e <= lowest {
			epochs[p] = 0
		}
	}
	return columnOf(epochs).append(dst, epochs)
}

// maxPackedLen is the most bytes that appendPacked appends for n partitions with offsets
// below 2^packedBits.
func maxPackedLen(n int) int {
	const width, base, epochBase, rounding = 1, 7, 5, 1 // uvarints of packedBits and of 32 bits
	return uvarintLen(uint64(n)) + width + base + width + epochBase + (packedBits*n+7)/8 + rounding
}

// column is how numbers are packed.
type column struct {
	width    int   // bits of a number less the base
	base     int64 // taken off each number that is no hole
	holes    bool  // 0 stands for 0
	uvarints bool  // shorter than all that
}

const (
	asUvarints  = 0x40
	columnHoles = 0x80
)

// columnOf finds the shorter way for numbers, which are not negative.
func columnOf(numbers []int64) column {
	lo, hi, zero, uvarints := int64(math.MaxInt64), int64(0), false, 0
	for _, n := range numbers {
		uvarints += uvarintLen(uint64(n))
		if n == 0 {
			zero = true
			continue
		}
		lo, hi = min(lo, n), max(hi, n)
	}
	var c column
	switch {
	case hi == 0:
		return column{}
	case zero:
		c.base, c.holes = lo-1, true
	default:
		c.base = lo
	}
	c.width = bits.Len64(uint64(hi - c.base))
	c.uvarints = uvarints < uvarintLen(uint64(c.base))+(c.width*len(numbers)+7)/8
	return c
}

func (c column) append(dst []byte, numbers []int64) []byte {
	if c.uvarints {
		dst = append(dst, asUvarints)
		for _, n := range numbers {
			dst = binary.AppendUvarint(dst, uint64(n))
		}
		return dst
	}
	first := byte(c.width)
	if c.holes {
		first |= columnHoles
	}
	dst = binary.AppendUvarint(append(dst, first), uint64(c.base))
	var acc uint64 // the bits not yet written, fewer than 8 before each number
	var have int
	for _, n := range numbers {
		if n > 0 {
			n -= c.base
		}
		width := c.width
		if width > 32 { // so that acc holds them
			width -= 32
			acc, have = acc<<width|uint64(n)>>32, have+width
			for ; have >= 8; have -= 8 {
				dst = append(dst, byte(acc>>(have-8)))
			}
			n, width = n&math.MaxUint32, 32
		}
		acc, have = acc<<width|uint64(n), have+width
		for ; have >= 8; have -= 8 {
			dst = append(dst, byte(acc>>(have-8)))
		}
	}
	if have > 0 {
		dst = append(dst, byte(acc<<(8-have)))
	}
	return dst
}

// parsePacked reads what appendPacked wrote, and nothing else.
func parsePacked(text string) (offsets []int64, leaders []int32, err error) {
	raw, err := decodePacked(text)
	if err != nil {
		return nil, nil, err
	}
	return parsePackedPosition(raw)
}

// parsePackedPosition is parsePacked, without base64.
func parsePackedPosition(raw []byte) (offsets []int64, leaders []int32, err error) {
	count, n := binary.Uvarint(raw)
	if n <= 0 || count == 0 || count > maxPartitions {
		return nil, nil, errSegmentPacked
	}
	offsets, rest, ok := parseColumn(raw[n:], int(count), math.MaxInt64)
	if ok && len(rest) > 0 {
		var epochs []int64
		epochs, rest, ok = parseColumn(rest, int(count), math.MaxInt32+1)
		leaders = make([]int32, len(epochs))
		for p, e := range epochs {
			leaders[p] = int32(e - 1)
		}
	}
	var scratch [512]byte
	if !ok || len(rest) > 0 || !bytes.Equal(raw, appendPacked(scratch[:0], offsets, leaders)) {
		return nil, nil, errSegmentPacked
	}
	return offsets, leaders, nil
}

// parseColumn reads a column of n numbers, none above most, and returns what comes after
// it.
func parseColumn(raw []byte, n int, most uint64) (numbers []int64, rest []byte, ok bool) {
	if len(raw) == 0 {
		return nil, nil, false
	}
	first := raw[0]
	raw = raw[1:]
	if first == asUvarints {
		if len(raw) < n { // before anything is allocated for them
			return nil, nil, false
		}
		numbers = make([]int64, n)
		for i := range numbers {
			v, size := binary.Uvarint(raw)
			if size <= 0 || v > most {
				return nil, nil, false
			}
			numbers[i], raw = int64(v), raw[size:]
		}
		return numbers, raw, true
	}
	width, holes := int(first&^columnHoles), first&columnHoles != 0
	base, size := binary.Uvarint(raw)
	if width > 63 || size <= 0 || base > most {
		return nil, nil, false
	}
	raw = raw[size:]
	length := (n*width + 7) / 8
	if len(raw) < length {
		return nil, nil, false
	}
	numbers = make([]int64, n)
	packed, rest := raw[:length], raw[length:]
	var acc uint64
	var have int
	for i := range numbers {
		var v uint64
		for need := width; need > 0; {
			if have == 0 {
				acc, have, packed = uint64(packed[0]), 8, packed[1:]
			}
			take := min(need, have)
			v = v<<take | acc>>(have-take)&(1<<take-1)
			have, need = have-take, need-take
		}
		if v == 0 && holes {
			continue
		}
		if v += base; v > most { // both below 2^63: no overflow
			return nil, nil, false
		}
		numbers[i] = int64(v)
	}
	return numbers, rest, true
}

// parseFormerPacked reads the packed form of before leader epochs.
func parseFormerPacked(text string) ([]int64, error) {
	raw, err := decodePacked(text)
	if err != nil || len(raw) == 0 {
		return nil, err
	}
	count := 0
	for _, b := range raw {
		if b < 0x80 { // the last byte of a varint
			count++
		}
	}
	offsets := make([]int64, 0, count)
	for len(raw) > 0 {
		o, n := binary.Uvarint(raw)
		if n <= 0 || int64(o) < 0 || n > 1 && raw[n-1] == 0 { // cut off, beyond int64, or longer than needed
			return nil, errSegmentPacked
		}
		offsets = append(offsets, int64(o))
		raw = raw[n:]
	}
	return offsets, nil
}

// decodePacked reads the base64 of a packed form. Its text is one of ours, so there is
// one for the same bytes.
func decodePacked(text string) ([]byte, error) {
	if !isBase64(text) { // the decoder skips CR and LF even when strict
		return nil, errSegmentPacked
	}
	raw, err := cursorBase64.DecodeString(text)
	if err != nil {
		return nil, errSegmentPacked
	}
	return raw, nil
}

// uvarintLen is the number of bytes of v as a uvarint.
func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }
