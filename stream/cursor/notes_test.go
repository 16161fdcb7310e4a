package cursor

import (
	"slices"
	"strings"
	"testing"
)

func TestNotesComeOffAnID(t *testing.T) {
	long := "." + strings.Repeat("x", maxNote)
	for _, tt := range []struct {
		id, position string
		notes        []string
	}{
		{"", "", nil},
		{"orders@e:5", "orders@e:5", nil},
		{"orders@.c2VhbGVk", "orders@.c2VhbGVk", nil},
		{"orders@e:5.0.4~.abc", "orders@e:5.0.4", []string{".abc"}},
		{"orders@e:5~stock@e:1~.a~.b", "orders@e:5~stock@e:1", []string{".b", ".a"}},
		{".abc", "", []string{".abc"}},
		{"~.abc", "", []string{".abc"}},
		{".a~orders@e:5", ".a~orders@e:5", nil},
		{"orders@e:5~" + long, "orders@e:5~" + long, nil},
		{"x~.1~.2~.3~.4~.5", "x~.1", []string{".5", ".4", ".3", ".2"}},
	} {
		if position, notes := SplitNotes(tt.id); position != tt.position || !slices.Equal(notes, tt.notes) {
			t.Errorf("%q: %q %q", tt.id, position, notes)
		}
	}
	if AddNote("", ".a") != ".a" || AddNote("x", "") != "x" || AddNote("x", ".a") != "x~.a" {
		t.Error("a note is added elsewhere")
	}
}
