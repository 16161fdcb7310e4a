package stream

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// A cursor's text is the SSE id. Its grammar:
//
//	id       = segment *63( "~" segment )            ; one stream once, at most MaxID characters
//	segment  = stream "@" epoch ":" ( text / packed / former ) [ "*" mark ]
//	stream   = a name as ValidName has it
//	epoch    = 1*22( base64url character )           ; which topic it is: its id, shortened
//	text     = [ next *( "." next ) ]                ; of partition 0, 1, …
//	next     = decimal [ "-" [ decimal ] ]           ; next offset, and the leader epoch of the last record before it
//	packed   = "_." base64url without padding        ; of bytes, see appendPacked
//	former   = "_" base64url without padding         ; of the offsets as uvarints; read, no longer written
//	mark     = 6( base64url character )              ; FilterMark of a filtered connection
//
// The leader epoch (KIP-320) tells a position of one history of a partition from the same
// offset in another. It is left out where it is that of the partition before, and "-"
// alone says that it is unknown. Before partition 0 it is unknown, so a segment without any
// "-" knows none. Before offset 0 there is no record: nothing is written there, and none
// is known.
//
// There is nothing optional about how a position is written: equal positions in one form are equal
// strings. Read is also a leader epoch that need not have been said.
//
// An id may end with notes: see [SplitNotes]. A sealed segment is another: see [Sealer]. No character of either needs escaping in a
// query. Offsets fit int64, leader epochs int32.
const (
	maxIDText = 1000 // characters; a longer id is written in the packed form
	MaxID     = 7500 // characters; a longer id is refused, and proxies cut headers and queries not far above it
)

const (
	maxName     = 64
	maxEpoch    = 22 // a whole topic id, 16 bytes, in base64url
	maxSegments = 64
	markLen     = 6

	// maxPartitions bounds the memory that a hostile id costs: the packed form may name many in a few bytes.
	// In text no more than MaxID/2 fit.
	maxPartitions = 4096

	// lostEpoch is the epoch of a segment whose place is lost: no topic has it.
	lostEpoch = "-"
)

// errInvalidCursor is wrapped by every error of [readID].
var errInvalidCursor = errors.New("stream: invalid cursor")

// cursorBase64 refuses trailing bits that are not zero: one text for each position.
var cursorBase64 = base64.RawURLEncoding.Strict()

// segment is one stream's part of a cursor.
type segment struct {
	stream  string
	epoch   string
	offsets []int64 // next offset per partition; nil for none
	leaders []int32 // leader epoch of the last record before each; -1 unknown; nil: none is known
	filter  string  // the mark of the filter it was taken under; "" for none
	key     string  // that sealed it; "" for plain text
	text    string  // the segment as it came
	err     error   // why it can't be read; then only stream may be set
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
// keeps nothing secret; whether the caller may see the subject is decided anew on every request.
func FilterMark(subject string) string {
	sum := sha256.Sum256([]byte(subject))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:markLen]
}

// MaxIDLen is the longest packed id, in characters, of a connection that reads all the streams of
// partitions (stream name to number of partitions), each filtered. A partition takes 6 bytes, its leader
// epoch included, and a topic's epoch 6 characters. No id is longer whose offsets are below 2^48 (8 years
// at a million records a second and partition). A configuration is sound when the result is at most [MaxID].
func MaxIDLen(partitions map[string]int) int {
	const epoch = 6
	n := 0
	for name, count := range partitions {
		n += len(name) + len("@") + epoch + len(":_.") +
			base64.RawURLEncoding.EncodedLen(maxPackedLen(count)) + len("*") + markLen + len("~")
	}
	return max(0, n-len("~"))
}

// appendSegment appends one stream's part of an id, without a filter's mark. The arguments
// are taken as valid: offsets are not negative. leaders may be nil or shorter than offsets; what is missing is unknown.
func appendSegment(dst []byte, stream, epoch string, offsets []int64, leaders []int32, packed bool) []byte {
	dst = append(dst, stream...)
	dst = append(dst, '@')
	dst = append(dst, epoch...)
	dst = append(dst, ':')
	if packed && len(offsets) > 0 {
		var scratch [512]byte // on the stack: some 80 partitions without allocating
		return cursorBase64.AppendEncode(append(dst, "_."...), appendPacked(scratch[:0], offsets, leaders))
	}
	said := int32(unknownLeader)
	for p, o := range offsets {
		if p > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendInt(dst, o, 10)
		if leaders == nil || o == 0 {
			continue
		}
		if leader := leaderAt(leaders, p); leader != said {
			dst = append(dst, '-')
			if leader != unknownLeader {
				dst = strconv.AppendInt(dst, int64(leader), 10)
			}
			said = leader
		}
	}
	return dst
}

// unknownLeader stands for a leader epoch that isn't known.
const unknownLeader = -1

// leaderAt is the leader epoch of a partition, unknown beyond those that are there.
func leaderAt(leaders []int32, p int) int32 {
	if p < len(leaders) {
		return max(leaders[p], unknownLeader)
	}
	return unknownLeader
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
	errSegmentPacked = errors.New("packed offsets are not what a gateway writes")
)

func parseSegment(text string) (segment, error) {
	s := segment{text: text}
	var rest, offsets string
	var ok bool
	if s.stream, rest, ok = strings.Cut(text, "@"); !ok || !ValidName(s.stream) {
		return s, errSegmentStream
	}
	if s.epoch, rest, ok = strings.Cut(rest, ":"); !ok || s.epoch == "" || len(s.epoch) > maxEpoch || !cursorIsBase64(s.epoch) {
		return s, errSegmentEpoch
	}
	if offsets, s.filter, ok = strings.Cut(rest, "*"); ok && (len(s.filter) != markLen || !cursorIsBase64(s.filter)) {
		return s, errSegmentMark
	}
	var err error
	switch {
	case offsets == "":
	case strings.HasPrefix(offsets, "_."):
		s.offsets, s.leaders, err = parsePacked(offsets[len("_."):])
	case offsets[0] == '_':
		s.offsets, err = parseFormerPacked(offsets[len("_"):])
	default:
		s.offsets, s.leaders, err = parseText(offsets)
	}
	return s, err
}

func parseText(text string) (offsets []int64, leaders []int32, err error) {
	n := strings.Count(text, ".") + 1
	offsets = make([]int64, 0, n)
	if strings.Contains(text, "-") {
		leaders = make([]int32, 0, n)
	}
	known, said := false, int32(unknownLeader)
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
			said = unknownLeader
			if leader != "" {
				epoch, err := parseDecimal(leader, 31)
				if err != nil {
					return nil, nil, errSegmentLeader
				}
				said = int32(epoch)
			}
		}
		if o == 0 {
			leaders = append(leaders, unknownLeader)
			continue
		}
		leaders, known = append(leaders, said), known || said != unknownLeader
	}
	if !known {
		leaders = nil
	}
	return offsets, leaders, nil
}

// parseDecimal reads a number as it is written: without a sign and without zeros before it.
func parseDecimal(s string, bits int) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, bits) // takes no sign
	if err == nil && s[0] == '0' && s != "0" {
		err = strconv.ErrSyntax
	}
	return n, err
}

// cursorIsBase64 reports whether s has only characters of the base64url alphabet.
func cursorIsBase64(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
