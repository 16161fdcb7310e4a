package sse

import "unicode/utf8"

// appendValid appends line with U+FFFD for each maximal subpart that is not UTF-8.
func appendValid(dst, line []byte) []byte {
	for len(line) > 0 {
		valid, bad := cutInvalid(line)
		dst = append(dst, line[:valid]...)
		if bad > 0 {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		line = line[valid+bad:]
	}
	return dst
}

// validLen is the number of bytes that appendValid appends.
func validLen(line []byte) int {
	n := 0
	for len(line) > 0 {
		valid, bad := cutInvalid(line)
		n += valid
		if bad > 0 {
			n += utf8.RuneLen(utf8.RuneError)
		}
		line = line[valid+bad:]
	}
	return n
}

// cutInvalid returns how many bytes at the start of line are valid UTF-8. bad is how many
// after them are one maximal subpart of an invalid sequence. That is the longest
// beginning of a well-formed one, or else one byte.
func cutInvalid(line []byte) (valid, bad int) {
	if utf8.Valid(line) { // far faster than rune by rune, and it ends at the first bad byte
		return len(line), 0
	}
	for valid < len(line) {
		r, size := utf8.DecodeRune(line[valid:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		valid += size
	}
	for tail := line[valid:]; bad < len(tail); {
		bad++
		// FullRune is false as long as more bytes could make it a rune.
		if bad == len(tail) || utf8.FullRune(tail[:bad+1]) {
			break
		}
	}
	return valid, bad
}
