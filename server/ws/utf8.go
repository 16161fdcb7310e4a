package ws

import "unicode/utf8"

// checkUTF8 checks text that comes in pieces. It returns how much of it is valid for
// certain: all but a character at the end that may still be completed. ok is false once
// nothing that follows can make it valid.
func checkUTF8(text []byte) (valid int, ok bool) {
	for valid < len(text) {
		r, n := utf8.DecodeRune(text[valid:])
		if r == utf8.RuneError && n == 1 {
			return valid, startsRune(text[valid:])
		}
		valid += n
	}
	return valid, true
}

// startsRune reports whether some bytes are the beginning of a character. So that an
// error is found with the byte that makes it one, a second byte has its bounds.
func startsRune(b []byte) bool {
	low, high, length := byte(0x80), byte(0xBF), 0
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		length = 2
	case c >= 0xE0 && c <= 0xEF:
		length = 3
	case c >= 0xF0 && c <= 0xF4:
		length = 4
	}
	switch b[0] {
	case 0xE0: // else it could be shorter
		low = 0xA0
	case 0xED: // half of a surrogate pair
		high = 0x9F
	case 0xF0:
		low = 0x90
	case 0xF4: // beyond Unicode
		high = 0x8F
	}
	if len(b) >= length {
		return false // it is there in full, and invalid
	}
	for i, c := range b[1:] {
		if c < low || c > high {
			return false
		}
		if i == 0 {
			low, high = 0x80, 0xBF
		}
	}
	return true
}
