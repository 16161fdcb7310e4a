package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"sluice/stream/cursor"
	"sluice/stream/sse"
)

// MaxFilter is how many subjects a caller may filter by, and how many event names.
const MaxFilter = 50

// UnnamedEvent is what a filter calls events without a name, as a browser does. No event
// has it as its name.
const UnnamedEvent = "message"

// Filter narrows what a connection is sent to events about some subjects, or of some
// names, or both. Both are sets. The zero Filter leaves everything.
type Filter struct {
	subjectSet []string // ascending, each once; empty: any
	nameSet    []string // of events, likewise
}

// NewFilter makes a filter. What is empty, or named twice, doesn't count.
func NewFilter(subjects, names []string) Filter { return Filter{setOf(subjects), setOf(names)} }

// About is the filter by subjects alone.
func About(subjects ...string) Filter { return NewFilter(subjects, nil) }

func setOf(texts []string) []string {
	set := slices.DeleteFunc(slices.Clone(texts), func(s string) bool { return s == "" })
	slices.Sort(set)
	return slices.Clip(slices.Compact(set))
}

// Subjects are those that the filter leaves, ascending; empty: all.
func (f Filter) Subjects() []string { return f.subjectSet }

// Events are the names of the events that the filter leaves, ascending; empty: all.
func (f Filter) Events() []string { return f.nameSet }

// BySubject is the part of the filter that holds for states too.
func (f Filter) BySubject() Filter { return Filter{subjectSet: f.subjectSet} }

// leaves reports whether the filter leaves an event, which has its frame.
func (f *Filter) leaves(subject, frame []byte) bool {
	return f.leavesSubject(subject) && (len(f.nameSet) == 0 || inSet(f.nameSet, sse.Name(frame)))
}

// leavesEvent is leaves for an event that has not been framed.
func (f *Filter) leavesEvent(ev *Event) bool {
	return f.leavesSubject(ev.Subject) && f.leavesName(ev.Name)
}

func (f *Filter) leavesSubject(subject []byte) bool {
	return len(f.subjectSet) == 0 || inSet(f.subjectSet, subject)
}

func (f *Filter) leavesName(name string) bool {
	if name == "" {
		name = UnnamedEvent
	}
	return len(f.nameSet) == 0 || inSet(f.nameSet, []byte(name))
}

func inSet(set []string, text []byte) bool {
	if len(set) == 1 {
		return set[0] == string(text)
	}
	_, found := slices.BinarySearchFunc(set, text, func(one string, text []byte) int { return strings.Compare(one, string(text)) })
	return found
}

// single is the only subject that the filter leaves; "": it leaves several, or all.
func (f *Filter) single() string {
	if len(f.subjectSet) == 1 {
		return f.subjectSet[0]
	}
	return ""
}

// text tells filters apart. It is "" for the one that leaves everything. That of one
// subject is the subject.
func (f *Filter) text() string {
	text := f.single()
	if text == "" && len(f.subjectSet) > 0 {
		text = "\x00subjects\x00" + string(appendSet(nil, f.subjectSet))
	}
	if len(f.nameSet) > 0 {
		text = "\x00events\x00" + string(appendSet(nil, f.nameSet)) + text
	}
	return text
}

// key is text where that is short, else a hash of it: for indexes that bound their bytes.
func (f *Filter) key() string {
	text := f.text()
	if len(text) <= sha256.Size {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	return string(sum[:])
}

func appendSet(dst []byte, set []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(set)))
	for _, one := range set {
		dst = append(binary.AppendUvarint(dst, uint64(len(one))), one...)
	}
	return dst
}

// mark is the filter's in ids; "" for the one that takes all that is a user's. One who
// follows a subject for any user has another mark than a user who follows it: their
// positions cover different events.
func (f Filter) mark(anyUser bool) string {
	text := f.text()
	if anyUser {
		text = "\x00any\x00" + text
	}
	if text == "" {
		return ""
	}
	return cursor.FilterMark(text)
}

// errAnyUser refuses what would show everybody's events, or mean two things.
var errAnyUser = errors.New("stream: AnyUser needs one subject, and no User")

func (r *Request) check() error {
	if r.AnyUser && (r.Filter.single() == "" || r.User != "") {
		return errAnyUser
	}
	return nil
}

// takes reports whether a position of a segment is one of this request's. A position
// taken under a wider filter covers what a narrower one leaves, so it is good there. The
// position of a state is one, since no state is narrowed by names. But what covers one
// user's events is not good for a subscriber that follows those of other users.
func (r *Request) takes(seg *cursor.Segment) bool {
	wider := []Filter{r.Filter, r.Filter.BySubject()}
	if !r.AnyUser {
		wider = append(wider, Filter{nameSet: r.Filter.nameSet}, Filter{})
	}
	return slices.ContainsFunc(wider, func(f Filter) bool { return f.mark(r.AnyUser) == seg.Filter })
}
