package stream

import (
	"slices"
	"strings"

	"sluice/stream/cursor"
)

// carry joins the segments of streams that aren't read, to be repeated in every id: the caller may read them
// again on its next connection. Streams that this gateway doesn't know are among them, since a role or a
// configuration may come back. They are written anew, in today's form and sealed with today's key, so that
// an id never outlives the keys and forms of before.
//
// A segment that can't be read, or would make an id too long, has lost its stream's place, which an id that is refused
// would cost all of them. For a stream of this gateway that is kept in its stead, and said once
// the stream is read.
func (h *Hub) carry(others []cursor.Segment, read, readLen int) string {
	var kept []string
	for i := range others {
		if len(kept) == cursor.MaxSegments-read {
			break
		}
		for _, text := range [...]string{h.rewrite(&others[i]), h.lost(others[i].Stream)} {
			if n := len("~") + len(text); text != "" && readLen+n <= cursor.MaxID {
				kept = append(kept, text)
				readLen += n
				break
			}
		}
	}
	return strings.Join(kept, "~")
}

// rewrite writes a segment as this gateway does; "" for one that can't be read. A plain one stays in the form it came in.
func (h *Hub) rewrite(s *cursor.Segment) string {
	if s.Err != nil {
		return ""
	}
	return string(h.ids.Append(nil, *s, s.Packed))
}

// lost is the segment that says that a stream's place is lost; "" for a stream that isn't ours.
func (h *Hub) lost(stream string) string {
	if _, ok := h.Lookup(stream); !ok {
		return ""
	}
	return string(h.ids.Append(nil, cursor.Segment{Stream: stream, Epoch: cursor.Lost}, false))
}

// absent makes segments of streams that can't be read yet and that the cursor doesn't name. Whoever comes
// back with one is told by a reset that events may be missing: there may be some from before
// they came back.
func (h *Hub) absent(streams []int, named []cursor.Segment) (unnamed []cursor.Segment) {
	for _, i := range streams {
		name := h.logs[i].spec.Name
		if !slices.ContainsFunc(named, func(s cursor.Segment) bool { return s.Stream == name }) {
			unnamed = append(unnamed, cursor.Segment{Stream: name, Err: ErrNotWarm})
		}
	}
	return unnamed
}
