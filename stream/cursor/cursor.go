// Package cursor writes positions as the SSE ids of events, and reads them again.
//
// A cursor says, for each stream that a connection reads, which topic it is and the next
// offset of each partition. It is all that a client needs to resume, at any gateway and
// at any time. FORMAT.md in this directory writes the format down: fields, sizes, byte
// order and versions. The types:
//
//   - [Segment] is one stream's part of a cursor.
//   - [Codec] writes segments and reads them. [Plain] writes them as text, and [Sealer]
//     seals them with a key, so that nobody else can read or make one.
//   - [Read] reads an id from outside. A segment that can't be read costs only itself.
//   - [TooWide] says which streams have too many partitions for an id.
//
// Equal positions are equal text. The frames that connections share rely on it.
//
// The files: cursor.go has these types, plain.go the text, packed.go its shorter form,
// and seal.go the sealed form. topics.go has streams of several topics, notes.go what may
// follow a position, and fit.go what has room in an id.
package cursor

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	// MaxID is how many characters an id may have. A longer one is refused. Proxies cut
	// headers and queries not far above it.
	MaxID = 7500

	// MaxText is how many characters an id may have in the text form. A longer one is
	// written packed.
	MaxText = 1000

	// MaxSegments is how many streams an id may name.
	MaxSegments = 64

	// UnknownLeader stands for a leader epoch that isn't known.
	UnknownLeader = -1

	// Lost is the epoch of a segment whose position is lost. No topic has it.
	Lost = "-"
)

const (
	maxName  = 64
	maxEpoch = 22 // a whole topic id, 16 bytes, in base64url
	markLen  = 6

	// maxPartitions bounds the memory that a hostile id costs: the packed form may name
	// many in a few bytes. In text no more than MaxID/2 fit.
	maxPartitions = 4096
)

// ErrInvalid is wrapped by every error of [Read] and [Positions].
var ErrInvalid = errors.New("stream: invalid cursor")

// Segment is one stream's part of a cursor.
type Segment struct {
	Stream  string
	Epoch   string  // which topic it is, or Several
	Topics  []Topic // with Epoch Several its topics, by key; their partitions follow one another below
	Offsets []int64 // next offset, by partition; nil for none
	Leaders []int32 // leader epoch of the last record before each; UnknownLeader; nil: none is known
	Filter  string  // the mark of the filter it was taken under; "" for none

	// A codec doesn't write these. They say how a segment was read.
	Key    string // the name of the key that sealed it; "" for plain text
	Packed bool   // it came in a packed form
	Err    error  // why it can't be read; then only Stream may be set
}

// IsLost reports whether a segment no longer says a position.
func (s *Segment) IsLost() bool { return s.Err != nil || s.Epoch == Lost }

// Codec writes positions as the segments of an id, and reads them. There is [Plain] text,
// and [Sealer]. Gateways behind one load balancer must all use the same.
type Codec interface {
	// MaxLen is the longest id, in characters, of a connection that reads all these
	// streams, by name, each filtered. A configuration is sound when that is at most
	// [MaxID].
	MaxLen(widths map[string]Width) int

	// Append appends a segment. Equal segments give equal text, which lets connections at
	// one position share it. packed asks for the shorter form, where there are two. The
	// segment is taken as valid: offsets are not negative. Leaders may be shorter than
	// Offsets; what is missing is unknown.
	Append(dst []byte, s Segment, packed bool) []byte

	// Parse reads what Append wrote, and nothing else. Its errors quote nothing of text.
	Parse(text string) (Segment, error)

	// Sealed reports whether clients may not learn offsets, from resets either.
	Sealed() bool
}

// Read reads an id, segment by segment. An id is input from outside, so the result says
// what was asked for and not what the caller may have. Its memory is bounded, whatever
// the id.
//
// A segment that can't be read costs only itself: its Err says why, and its Stream is set
// where the name can be told. Keys are dropped, and forms change, while pages are away.
// Two segments of a stream are one that can't be read. The whole id is invalid when it is
// too long, has too many segments, or none that can be read.
func Read(c Codec, id string) ([]Segment, error) {
	if len(id) > MaxID {
		return nil, fmt.Errorf("%w: %d characters, at most %d", ErrInvalid, len(id), MaxID)
	}
	count := strings.Count(id, "~") + 1
	if count > MaxSegments {
		return nil, fmt.Errorf("%w: %d segments, at most %d", ErrInvalid, count, MaxSegments)
	}
	segments := make([]Segment, 0, count)
	partitions := 0
	for text := range strings.SplitSeq(id, "~") {
		s, err := c.Parse(text)
		if err == nil && partitions+len(s.Offsets) > maxPartitions {
			err = errSegmentMany
		}
		if err != nil {
			name, _, _ := strings.Cut(text, "@")
			s = Segment{Err: err}
			if ValidName(name) {
				s.Stream = name
			}
		}
		partitions += len(s.Offsets)
		twice := slices.IndexFunc(segments, func(earlier Segment) bool {
			return s.Stream != "" && earlier.Stream == s.Stream
		})
		if twice >= 0 {
			segments[twice] = Segment{Stream: s.Stream, Err: errSegmentTwice}
			continue
		}
		segments = append(segments, s)
	}
	if !slices.ContainsFunc(segments, func(s Segment) bool { return s.Err == nil }) {
		return nil, fmt.Errorf("%w: segment 1: %w", ErrInvalid, segments[0].Err)
	}
	return segments, nil
}

// Positions returns the segments of an id that can be read, whether or not it has notes.
// The error tells of the others.
func Positions(c Codec, id string) ([]Segment, error) {
	id, _ = SplitNotes(id)
	segments, err := Read(c, id)
	if err != nil {
		return nil, err
	}
	var unreadable []error
	for i, s := range segments {
		if s.Err != nil {
			unreadable = append(unreadable, fmt.Errorf("%w: segment %d: %w", ErrInvalid, i+1, s.Err))
		}
	}
	segments = slices.DeleteFunc(segments, func(s Segment) bool { return s.Err != nil })
	return segments, errors.Join(unreadable...)
}

// Join appends an id of n segments, which segment appends one at a time. They are packed
// if the id would otherwise be longer than [MaxText]. It is small enough to be inlined
// with segment into its caller, once for each event of each connection.
func Join(dst []byte, n int, segment func(dst []byte, i int, packed bool) []byte) []byte {
	start := len(dst)
	for _, packed := range []bool{false, true} {
		dst = dst[:start]
		for i := range n {
			if i > 0 {
				dst = append(dst, '~')
			}
			dst = segment(dst, i, packed)
		}
		if len(dst)-start <= MaxText {
			break
		}
	}
	return dst
}

// ValidName reports whether s can name a stream: [a-z][a-z0-9-]*, at most 64 characters.
func ValidName(s string) bool {
	if s == "" || len(s) > maxName || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// FilterMark is the mark that a connection filtered to subject puts at the end of its
// segments: 6 base64url characters of the subject's SHA-256. It tells filters apart and
// keeps nothing secret. Each request decides anew whether the caller may see the subject.
func FilterMark(subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:markLen]
}

// LeaderAt is the leader epoch of a partition, unknown beyond those that are there.
func LeaderAt(leaders []int32, partition int) int32 {
	if partition < len(leaders) {
		return max(leaders[partition], UnknownLeader)
	}
	return UnknownLeader
}

// cursorBase64 refuses trailing bits that are not zero: one text for each position.
var cursorBase64 = base64.RawURLEncoding.Strict()

// isBase64 reports whether s has only characters of the base64url alphabet.
func isBase64(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
