package cursor

import "strings"

// Notes at the end of an id say nothing of the position: FORMAT.md has their grammar.
// They are for those who gave them (see stream.Request.Note), who take them off before an
// id is resumed at. An id that is all notes stands where there is no position yet.
const (
	noteMark = "."
	maxNote  = 44 // characters, the dot included
	maxNotes = 4  // of one id, more than anybody adds
)

// SplitNotes takes the notes off an id, which may be anything. What is too long for a
// note, or one too many, stays.
func SplitNotes(id string) (position string, notes []string) {
	for len(notes) < maxNotes {
		at := strings.LastIndexByte(id, '~')
		note := id[at+1:]
		if !strings.HasPrefix(note, noteMark) || len(note) > maxNote {
			break
		}
		notes = append(notes, note)
		id = id[:max(at, 0)]
	}
	return id, notes
}

// AddNote returns an id with a note at its end.
func AddNote(id, note string) string {
	if id == "" || note == "" {
		return id + note
	}
	return id + "~" + note
}
