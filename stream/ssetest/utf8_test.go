package ssetest

import (
	"testing"
	"unicode/utf8"
)

// The tables are those of the Unicode Standard, chapter 3, "U+FFFD Substitution of
// Maximal Subparts", which the Encoding standard's decoder follows.
func TestDecodeUTF8(t *testing.T) {
	const r = "\ufffd"
	for _, tt := range []struct{ name, in, want string }{
		{"valid", "a\x00é€😀\ufeff\ufffd", "a\x00é€😀\ufeff\ufffd"},
		{"3-8: non-shortest forms", "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82A", r + r + r + r + r + r + r + r + "A"},
		{"3-9: surrogates", "\xed\xa0\x80\xed\xbf\xbf\xed\xafA", r + r + r + r + r + r + r + r + "A"},
		{"3-10: other ill-formed", "\xf4\x91\x92\x93\xffA\x80\xbfB", r + r + r + r + r + "A" + r + r + "B"},
		{"3-11: truncated", "\xe1\x80\xe2\xf0\x91\x92\xf1\xbfA", r + r + r + r + "A"},
		{"ends early", "a\xf0\x9f\x98", "a" + r},
		{"ends after a lead", "\xc3", r},
		{"a lead before a whole rune", "\xe2é", r + "é"},
	} {
		if got := DecodeUTF8([]byte(tt.in)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzDecodeUTF8(f *testing.F) {
	f.Add([]byte("a\xe2\x82é\xf4\x91"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got := DecodeUTF8(b)
		if !utf8.ValidString(got) {
			t.Errorf("%q decodes to invalid %q", b, got)
		}
		if utf8.Valid(b) && got != string(b) {
			t.Errorf("valid %q became %q", b, got)
		}
	})
}
