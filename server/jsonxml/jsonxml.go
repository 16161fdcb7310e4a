// Package jsonxml writes JSON values as XML, for callers that read nothing else.
//
//   - A value of an object's key is an element of the key's name. Where the key is no XML
//     name, the element is <entry key="…">.
//   - An array's values are <item> elements.
//   - null is an element with xsi:nil="true". Strings, numbers and booleans are text, and
//     a number keeps its digits.
//   - XML 1.0 can't hold every character, not even as a reference. An element with such a
//     character in its text or its key has escaped="true". In its text and its key such
//     characters are \uXXXX (UTF-16, as in JSON), and a backslash is \u005c.
//
// The JSON comes from outside and may be anything. XML takes at most [Growth] times the
// bytes. [Fits] tells what is nested too deeply for the XML parsers that callers have.
//
// The files: jsonxml.go walks JSON, text.go writes text and attributes, and name.go knows
// XML's names.
package jsonxml

import "bytes"

// Namespaces are the attributes that an element around all others needs.
const Namespaces = `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`

const (
	// Growth is how many bytes of XML one byte of JSON becomes at most: [1,1,…] does.
	Growth = 7

	// MaxDepth is how many levels of objects and arrays fit. libxml2 reads 256 levels of
	// elements, and some are around the value.
	MaxDepth = 200
)

// Fits reports whether a valid JSON value is nested no deeper than [MaxDepth].
func Fits(value []byte) bool {
	depth := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '"':
			i += len(rawString(value[i:])) - 1
		case '{', '[':
			if depth++; depth > MaxDepth {
				return false
			}
		case '}', ']':
			depth--
		}
	}
	return true
}

// AppendElement appends a JSON value as an element of this name, which is an XML name.
// The
// value is valid JSON that fits.
func AppendElement(dst []byte, name string, value []byte) []byte {
	w := writer{dst: dst, src: value}
	w.element(tag{name: []byte(name)})
	return w.dst
}

// AppendMembers appends what is in a JSON object, without an element around it. The
// object is valid JSON that fits.
func AppendMembers(dst, object []byte) []byte {
	w := writer{dst: dst, src: object}
	w.next()
	w.members()
	return w.dst
}

// writer reads src and writes dst.
type writer struct{ dst, src []byte }

// tag is how an element begins and ends: by its name, or as an entry of a key.
type tag struct {
	name  []byte
	entry bool
	key   []byte // of an entry: a JSON string without its quotes
}

var itemTag = tag{name: []byte("item")}

// tagOf is the tag of an object's key.
func tagOf(key []byte) tag {
	if name := unescape(key); isName(name) {
		return tag{name: name}
	}
	return tag{name: []byte("entry"), entry: true, key: key}
}

// next passes over white space, and the punctuation between values, to the next token.
func (w *writer) next() byte {
	w.src = bytes.TrimLeft(w.src, " \t\r\n,:")
	return w.src[0]
}

// element writes the next value.
func (w *writer) element(t tag) {
	switch w.next() {
	case '{':
		w.open(t, "", false)
		w.members()
		w.close(t)
	case '[':
		w.open(t, "", false)
		w.items()
		w.close(t)
	case '"':
		w.text(t, w.string())
	case 'n':
		w.word()
		w.open(t, ` xsi:nil="true"`, false)
		w.close(t)
	default:
		word := w.word()
		w.open(t, "", false)
		w.dst = append(w.dst, word...)
		w.close(t)
	}
}

// members writes what is in an object. Its brace is next.
func (w *writer) members() {
	w.src = w.src[1:]
	for w.next() != '}' {
		key := w.string()
		w.element(tagOf(key))
	}
	w.src = w.src[1:]
}

// items writes what is in an array. Its bracket is next.
func (w *writer) items() {
	w.src = w.src[1:]
	for w.next() != ']' {
		w.element(itemTag)
	}
	w.src = w.src[1:]
}

// text writes an element of text, which is a JSON string without its quotes.
func (w *writer) text(t tag, text []byte) {
	escape := needsEscape(text) || t.entry && needsEscape(t.key)
	w.open(t, "", escape)
	w.dst = appendText(w.dst, text, escape, false)
	w.close(t)
}

// open writes a start tag. escape has the text be written with escapes, and the key.
func (w *writer) open(t tag, attributes string, escape bool) {
	w.dst = append(append(w.dst, '<'), t.name...)
	if t.entry {
		escape = escape || needsEscape(t.key)
		w.dst = appendText(append(w.dst, ` key="`...), t.key, escape, true)
		w.dst = append(w.dst, '"')
	}
	if escape {
		w.dst = append(w.dst, ` escaped="true"`...)
	}
	w.dst = append(append(w.dst, attributes...), '>')
}

func (w *writer) close(t tag) {
	w.dst = append(append(append(w.dst, "</"...), t.name...), '>')
}

// string takes a string, and returns it without its quotes.
func (w *writer) string() []byte {
	raw := rawString(w.src)
	w.src = w.src[len(raw):]
	return raw[1 : len(raw)-1]
}

// word takes a number, a boolean or null.
func (w *writer) word() []byte {
	n := bytes.IndexAny(w.src, " \t\r\n,]}")
	if n < 0 {
		n = len(w.src)
	}
	word := w.src[:n]
	w.src = w.src[n:]
	return word
}

// rawString is the JSON string that src begins with, quotes included.
func rawString(src []byte) []byte {
	for i := 1; ; i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return src[:i+1]
		}
	}
}
