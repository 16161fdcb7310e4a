package stream

import (
	"fmt"
	"slices"
	"testing"

	"sluice/stream/cursor"
)

// A request with a note finds it at the end of every id, and each id is the position that
// it is without.
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
		position, notes := cursor.SplitNotes(id)
		if !slices.Equal(notes, []string{".mine"}) {
			t.Fatalf("id %q ends with %q", id, notes)
		}
		if rest := r.resume(position).begins(OutcomeResumed).take(); !slices.Equal(rest, all[min(n, len(all)):]) {
			t.Errorf("after %q: %q", id, rest)
		}
		if places, err := cursor.Positions(cursor.Plain, id); err != nil || len(places) != 2 {
			t.Errorf("%q: %v, %v", id, places, err)
		}
	}
	if rest := r.resume(p.id).begins(OutcomeResumed).take(); len(rest) != 0 { // as a gateway without notes reads it
		t.Errorf("with the note still there: %q", rest)
	}
}
