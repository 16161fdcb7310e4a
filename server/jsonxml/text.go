package jsonxml

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// char is a character of a JSON string: one that is written there, or one by its escape.
// Half of a surrogate pair is one too, since JSON can have it alone.
type char struct {
	r      rune
	length int // in the JSON string
}

// charAt reads the first character of a JSON string without its quotes.
func charAt(text []byte) char {
	if text[0] != '\\' {
		r, n := utf8.DecodeRune(text)
		return char{r, n}
	}
	switch c := text[1]; c {
	case 'b':
		return char{'\b', 2}
	case 'f':
		return char{'\f', 2}
	case 'n':
		return char{'\n', 2}
	case 'r':
		return char{'\r', 2}
	case 't':
		return char{'\t', 2}
	case 'u':
		return escaped(text)
	default: // a quote, a slash or a backslash
		return char{rune(c), 2}
	}
}

const escapeLen = len(`\uXXXX`)

// escaped reads \uXXXX, or two of them that are a pair.
func escaped(text []byte) char {
	r, _ := unit(text)
	if utf16.IsSurrogate(r) && len(text) >= 2*escapeLen {
		if low, ok := unit(text[escapeLen:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return char{pair, 2 * escapeLen}
			}
		}
	}
	return char{r, escapeLen}
}

// unit reads one \uXXXX; false: there is none.
func unit(text []byte) (rune, bool) {
	if text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:escapeLen]), 16, 16)
	return rune(n), err == nil
}

// holds reports whether XML 1.0 can hold a character (section 2.2).
func holds(r rune) bool {
	switch {
	case r < ' ':
		return r == '\t' || r == '\n' || r == '\r'
	case utf16.IsSurrogate(r), r == 0xFFFE, r == 0xFFFF:
		return false
	}
	return true
}

// needsEscape reports whether XML can't hold a JSON string.
func needsEscape(text []byte) bool {
	for len(text) > 0 {
		if c := text[0]; c != '\\' && c < utf8.RuneSelf { // JSON has no control characters as they are
			text = text[1:]
			continue
		}
		c := charAt(text)
		if !holds(c.r) {
			return true
		}
		text = text[c.length:]
	}
	return false
}

// unescape returns what a JSON string is. What UTF-8 can't hold becomes U+FFFD.
func unescape(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	plain := make([]byte, 0, len(text))
	for len(text) > 0 {
		c := charAt(text)
		text = text[c.length:]
		plain = utf8.AppendRune(plain, c.r)
	}
	return plain
}

// appendText appends a JSON string as text, or as an attribute's value. A parser reads
// back what the string is: line ends and tabs that it would normalize are references.
func appendText(dst, text []byte, escape, attribute bool) []byte {
	for len(text) > 0 {
		c := charAt(text)
		text = text[c.length:]
		switch {
		case escape && (c.r == '\\' || !holds(c.r)):
			dst = appendEscape(dst, c.r)
		case c.r == '&':
			dst = append(dst, "&amp;"...)
		case c.r == '<':
			dst = append(dst, "&lt;"...)
		case c.r == '>':
			dst = append(dst, "&gt;"...)
		case c.r == '\r':
			dst = append(dst, "&#13;"...)
		case attribute && c.r == '"':
			dst = append(dst, "&quot;"...)
		case attribute && c.r == '\t':
			dst = append(dst, "&#9;"...)
		case attribute && c.r == '\n':
			dst = append(dst, "&#10;"...)
		default:
			dst = utf8.AppendRune(dst, c.r)
		}
	}
	return dst
}

func appendEscape(dst []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
