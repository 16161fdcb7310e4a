package ssetest

import "strings"

// DecodeUTF8 is the UTF-8 decoder of the WHATWG Encoding standard, step by step, without
// the removal of a BOM: each maximal subpart of an invalid sequence becomes one U+FFFD.
// Go's own conversions differ (one U+FFFD for each byte), so they can't stand in for it.
func DecodeUTF8(b []byte) string {
	var out strings.Builder
	out.Grow(len(b))
	var point rune
	var needed, seen int
	lower, upper := byte(0x80), byte(0xBF)
	for i := 0; i < len(b); i++ {
		c := b[i]
		if needed == 0 {
			switch {
			case c <= 0x7F:
				out.WriteByte(c)
			case 0xC2 <= c && c <= 0xDF:
				needed, point = 1, rune(c&0x1F)
			case 0xE0 <= c && c <= 0xEF:
				if c == 0xE0 {
					lower = 0xA0 // shorter forms exist below
				}
				if c == 0xED {
					upper = 0x9F // surrogates above
				}
				needed, point = 2, rune(c&0x0F)
			case 0xF0 <= c && c <= 0xF4:
				if c == 0xF0 {
					lower = 0x90
				}
				if c == 0xF4 {
					upper = 0x8F // nothing beyond U+10FFFF
				}
				needed, point = 3, rune(c&0x07)
			default:
				out.WriteRune('\uFFFD')
			}
			continue
		}
		if c < lower || c > upper {
			needed, seen = 0, 0
			lower, upper = 0x80, 0xBF
			out.WriteRune('\uFFFD')
			i-- // the byte begins something else
			continue
		}
		lower, upper = 0x80, 0xBF
		point = point<<6 | rune(c&0x3F)
		if seen++; seen == needed {
			out.WriteRune(point)
			needed, seen = 0, 0
		}
	}
	if needed != 0 {
		out.WriteRune('\uFFFD')
	}
	return out.String()
}
