package stream

import (
	"fmt"
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

// Whoever has a note finds it at the end of every id, and each id is the position that it is without.
func TestEveryIDOfARequestWithANoteEndsWithIt(t *testing.T) {
	r := newRig(t, 2, orders, stock)
	p := r.open(Request{Note: ".mine"})
	for i := range 20 {
		r.put(0, i%2, "alice", fmt.Sprint(i))
		r.put(1, i%2, "bob", "bob's")
	}
	r.readAll()
	all := p.take()
	if len(all) != 20 || len(p.ids) != 21 {
		t.Fatalf("%d events, %d ids", len(all), len(p.ids))
	}
	for n, id := range append(p.ids, string(p.sub.AppendID(nil))) {
		position, notes := SplitNotes(id)
		if !slices.Equal(notes, []string{".mine"}) {
			t.Fatalf("id %q ends with %q", id, notes)
		}
		if rest := r.resume(position).begins(OutcomeResumed).take(); !slices.Equal(rest, all[min(n, len(all)):]) {
			t.Errorf("after %q: %q", id, rest)
		}
		if places, err := ReadID(PlainIDs, id); err != nil || len(places) != 2 {
			t.Errorf("%q: %v, %v", id, places, err)
		}
	}
	if rest := r.resume(p.id).begins(OutcomeResumed).take(); len(rest) != 0 { // as a gateway without notes reads it
		t.Errorf("with the note still there: %q", rest)
	}
}
