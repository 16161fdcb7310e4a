package stream

import "strings"

// An id may end with notes, which say nothing of the position:
//
//	noted = id *( "~" note ) / note *( "~" note )
//	note  = "." 1*43( base64url character )
//
// They are for those who gave them (see [Request].Note), who take them off before an id is
// resumed at. One without anything before it stands where there is no position yet. No stream has
// such a name, so a gateway that doesn't know notes passes over them.
const (
	noteMark = "."
	maxNote  = 44 // characters, the dot included
	maxNotes = 4  // of one id, more than anybody adds
)

// SplitNotes takes the notes off an id, whatever it may be. What is too long for one, or one too many, stays.
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
