package stream

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// IDs is how positions are written as the segments of an id, and read again: in plain text ([PlainIDs]), or
// sealed with a key ([*Sealer]). Gateways behind one balancer must all write the same way.
type IDs interface {
	// MaxLen is the longest id, in characters, of a connection that reads all the streams of partitions
	// (stream name to number of partitions), each filtered. A configuration is sound when that is at most [MaxID].
	MaxLen(partitions map[string]int) int

	// appendSegment appends one stream's part of an id. Equal arguments give equal text, which is what lets
	// connections at one place share it. packed asks for the shorter form, where there are two.
	// leaders are the leader epochs of the last records before the offsets, -1 unknown; what is missing is unknown.
	appendSegment(dst []byte, stream, epoch string, offsets []int64, leaders []int32, mark string, packed bool) []byte
	// parseSegment reads what appendSegment wrote, and nothing else. Its errors quote nothing of text.
	parseSegment(text string) (segment, error)
	// secret reports whether offsets are nobody's to know, in resets too.
	secret() bool
}

// PlainIDs writes offsets as they are.
var PlainIDs IDs = plainIDs{}

type plainIDs struct{}

func (plainIDs) MaxLen(partitions map[string]int) int { return MaxIDLen(partitions) }

func (plainIDs) appendSegment(dst []byte, stream, epoch string, offsets []int64, leaders []int32, mark string, packed bool) []byte {
	dst = appendSegment(dst, stream, epoch, offsets, leaders, packed)
	if mark != "" {
		dst = append(append(dst, '*'), mark...)
	}
	return dst
}

func (plainIDs) parseSegment(text string) (segment, error) { return parseSegment(text) }

func (plainIDs) secret() bool { return false }

// readID reads an id of which every segment can be read.
func readID(ids IDs, id string) ([]segment, error) {
	segments, err := readSegments(ids, id)
	if err != nil {
		return nil, err
	}
	for i := range segments {
		if err := segments[i].err; err != nil {
			return nil, fmt.Errorf("%w: segment %d: %w", errInvalidCursor, i+1, err)
		}
	}
	return segments, nil
}

// readSegments reads an id, segment by segment, and nothing beyond its grammar. An id is input from outside, so the
// result says what was asked for and not what the caller may have. Its memory is bounded by MaxID and maxPartitions.
//
// A segment that can't be read costs only itself: its err says why, and its stream is set where the name can be told.
// Keys are dropped, and forms change, while pages are away. Two segments of a stream are one that can't be read.
// The whole id is invalid when it is too long, has too many segments, or none that can be read.
func readSegments(ids IDs, id string) ([]segment, error) {
	if len(id) > MaxID {
		return nil, fmt.Errorf("%w: %d characters, at most %d", errInvalidCursor, len(id), MaxID)
	}
	count := strings.Count(id, "~") + 1
	if count > maxSegments {
		return nil, fmt.Errorf("%w: %d segments, at most %d", errInvalidCursor, count, maxSegments)
	}
	segments := make([]segment, 0, count)
	partitions := 0
	for text := range strings.SplitSeq(id, "~") {
		s, err := ids.parseSegment(text)
		if err == nil && partitions+len(s.offsets) > maxPartitions {
			err = errSegmentMany
		}
		if err != nil {
			name, _, _ := strings.Cut(text, "@")
			s = segment{err: err}
			if ValidName(name) {
				s.stream = name
			}
		}
		partitions += len(s.offsets)
		twice := slices.IndexFunc(segments, func(earlier segment) bool { return s.stream != "" && earlier.stream == s.stream })
		if twice >= 0 {
			segments[twice] = segment{stream: s.stream, err: errSegmentTwice}
			continue
		}
		segments = append(segments, s)
	}
	if !slices.ContainsFunc(segments, func(s segment) bool { return s.err == nil }) {
		return nil, fmt.Errorf("%w: segment 1: %w", errInvalidCursor, segments[0].err)
	}
	return segments, nil
}

// Place is what one segment of an id says, for those who look into one.
type Place struct {
	Stream  string
	Epoch   string
	Offsets []int64 // next offset, by partition
	Leaders []int32 // leader epoch of the last record before each; -1 unknown; nil: none is known
	Filter  string  // the mark of the filter it was taken under; "" none
	Key     string  // the name of the key that sealed it; "" for plain text
}

// ReadID says what an id stands for. The error tells of segments that can't be read; those that can are returned as well.
func ReadID(ids IDs, id string) ([]Place, error) {
	id, _ = SplitNotes(id)
	segments, err := readSegments(ids, id)
	if err != nil {
		return nil, err
	}
	var places []Place
	var unreadable []error
	for i, s := range segments {
		if s.err != nil {
			unreadable = append(unreadable, fmt.Errorf("%w: segment %d: %w", errInvalidCursor, i+1, s.err))
			continue
		}
		places = append(places, Place{Stream: s.stream, Epoch: s.epoch, Offsets: s.offsets, Leaders: s.leaders, Filter: s.filter, Key: s.key})
	}
	return places, errors.Join(unreadable...)
}
