package jsonxml

import (
	"bytes"
	"encoding/xml"
	"unicode/utf8"
)

// maxName is the longest key that becomes an element's name, in bytes. Parsers bound
// names, and a name is written twice.
const maxName = 1000

// isName reports whether a key can be an element's name for every XML parser: a name of
// XML 1.0 without a colon, which would be a namespace's. Names in "xml" are reserved
// (section 2.3).
func isName(key []byte) bool {
	if len(key) == 0 || len(key) > maxName || len(key) >= 3 && bytes.EqualFold(key[:3], []byte("xml")) {
		return false
	}
	ascii := true
	for i, c := range key {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case '0' <= c && c <= '9', c == '-', c == '.':
			if i == 0 {
				return false
			}
		case c >= utf8.RuneSelf:
			ascii = false
		default:
			return false
		}
	}
	return ascii || isUnicodeName(key)
}

// isUnicodeName asks encoding/xml, which has the letters of XML 1.0's fourth edition.
// expat and Java's parsers do as well. The fifth edition takes all of these and more.
func isUnicodeName(key []byte) bool {
	element := append(append([]byte{'<'}, key...), "/>"...)
	token, err := xml.NewDecoder(bytes.NewReader(element)).RawToken()
	if err != nil {
		return false
	}
	start, ok := token.(xml.StartElement)
	return ok && start.Name.Local == string(key)
}
