package cursor

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// Plain writes offsets as they are. FORMAT.md has its grammar.
var Plain Codec = plainText{}

type plainText struct{}

// Sealed says that offsets may be seen.
func (plainText) Sealed() bool { return false }

// MaxLen counts packed ids. A partition takes 6 bytes, its leader epoch included, and a
// topic's epoch 6 characters. No id is longer whose offsets are below 2^48. That is 8
// years at a million records a second and partition.
func (plainText) MaxLen(widths map[string]Width) int {
	const epoch = 6
	n := 0
	for name, w := range widths {
		if w.Topics != nil {
			n += len("@"+Several+"_.") + base64.RawURLEncoding.EncodedLen(maxPackedTopics(w.Topics))
		} else {
			n += len("@") + epoch + len(":_.") + base64.RawURLEncoding.EncodedLen(maxPackedLen(w.Partitions))
		}
		n += len(name) + len("*") + markLen + len("~")
	}
	return max(0, n-len("~"))
}

// Append writes the text form, or the packed one.
func (plainText) Append(dst []byte, s Segment, packed bool) []byte {
	dst = append(dst, s.Stream...)
	dst = append(dst, '@')
	switch {
	case s.Epoch == Several:
		dst = appendTopics(dst, s, packed)
	case packed && len(s.Offsets) > 0:
		var scratch [512]byte // on the stack: some 80 partitions without allocating
		dst = append(append(dst, s.Epoch...), ":_."...)
		dst = cursorBase64.AppendEncode(dst, appendPacked(scratch[:0], s.Offsets, s.Leaders))
	default:
		dst = append(append(dst, s.Epoch...), ':')
		dst = appendText(dst, s.Offsets, s.Leaders)
	}
	if s.Filter != "" {
		dst = append(append(dst, '*'), s.Filter...)
	}
	return dst
}

func appendText(dst []byte, offsets []int64, leaders []int32) []byte {
	said := int32(UnknownLeader)
	for p, o := range offsets {
		if p > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendInt(dst, o, 10)
		if leaders == nil || o == 0 {
			continue
		}
		if leader := LeaderAt(leaders, p); leader != said {
			dst = append(dst, '-')
			if leader != UnknownLeader {
				dst = strconv.AppendInt(dst, int64(leader), 10)
			}
			said = leader
		}
	}
	return dst
}

// The ways a segment can be wrong. They quote none of it: an id is long, and not ours.
var (
	errSegmentStream = errors.New("no valid stream name before an @")
	errSegmentEpoch  = errors.New("no valid epoch between @ and :")
	errSegmentMark   = errors.New("the filter's mark is not 6 base64url characters")
	errSegmentOffset = errors.New("offsets are not decimals joined by dots")
	errSegmentLeader = errors.New("a leader epoch after a - is not a decimal of 31 bits")
	errSegmentTwice  = errors.New("its stream is named twice")
	errSegmentMany   = errors.New("too many partitions in all")
	errSegmentKey    = errors.New("its topics are not keys that ascend, each with offsets")
	errSegmentPacked = errors.New("packed offsets are not what a gateway writes")
)

// Parse reads both forms, and the packed form of before leader epochs.
func (plainText) Parse(text string) (Segment, error) {
	var s Segment
	var rest, offsets string
	var ok bool
	if s.Stream, rest, ok = strings.Cut(text, "@"); !ok || !ValidName(s.Stream) {
		return s, errSegmentStream
	}
	if topics, several := strings.CutPrefix(rest, Several); several {
		s.Epoch = Several
		topics, s.Filter, ok = strings.Cut(topics, "*")
		if ok && !validMark(s.Filter) {
			return s, errSegmentMark
		}
		return s, parseTopics(&s, topics)
	}
	if s.Epoch, rest, ok = strings.Cut(rest, ":"); !ok || s.Epoch == "" || len(s.Epoch) > maxEpoch || !isBase64(s.Epoch) {
		return s, errSegmentEpoch
	}
	if offsets, s.Filter, ok = strings.Cut(rest, "*"); ok && !validMark(s.Filter) {
		return s, errSegmentMark
	}
	var err error
	switch {
	case offsets == "":
	case strings.HasPrefix(offsets, "_."):
		s.Packed = true
		s.Offsets, s.Leaders, err = parsePacked(offsets[len("_."):])
	case offsets[0] == '_':
		s.Packed = true
		s.Offsets, err = parseFormerPacked(offsets[len("_"):])
	default:
		s.Offsets, s.Leaders, err = parseText(offsets)
	}
	return s, err
}

func validMark(mark string) bool { return len(mark) == markLen && isBase64(mark) }

func parseText(text string) (offsets []int64, leaders []int32, err error) {
	n := strings.Count(text, ".") + 1
	offsets = make([]int64, 0, n)
	if strings.Contains(text, "-") {
		leaders = make([]int32, 0, n)
	}
	known, said := false, int32(UnknownLeader)
	for next := range strings.SplitSeq(text, ".") {
		decimal, leader, ok := strings.Cut(next, "-")
		o, err := parseDecimal(decimal, 63)
		if err != nil {
			return nil, nil, errSegmentOffset
		}
		offsets = append(offsets, int64(o))
		if leaders == nil {
			continue
		}
		if ok {
			said = UnknownLeader
			if leader != "" {
				epoch, err := parseDecimal(leader, 31)
				if err != nil {
					return nil, nil, errSegmentLeader
				}
				said = int32(epoch)
			}
		}
		if o == 0 {
			leaders = append(leaders, UnknownLeader)
			continue
		}
		leaders, known = append(leaders, said), known || said != UnknownLeader
	}
	if !known {
		leaders = nil
	}
	return offsets, leaders, nil
}

// parseDecimal reads a number as it is written: without a sign and without zeros before
// it.
func parseDecimal(s string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, bits) // takes no sign
	if err == nil && s[0] == '0' && s != "0" {
		err = strconv.ErrSyntax
	}
	return n, err
}
