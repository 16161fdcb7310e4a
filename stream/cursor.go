package stream

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
)

// A cursor's text is the SSE id. Its grammar, with nothing optional about how a
// position is written, so that equal positions in one form are equal strings:
//
//	id       = segment *63( "~" segment )            ; one stream once, at most MaxID characters
//	segment  = stream "@" epoch ":" ( offsets / packed ) [ "*" mark ]
//	stream   = a name as ValidName has it
//	epoch    = 1*22( base64url character )
//	offsets  = [ decimal *( "." decimal ) ]          ; next offset of partition 0, 1, …
//	packed   = "_" base64url without padding of the offsets as uvarints
//	mark     = 6( base64url character )              ; FilterMark of a filtered connection
//
// A sealed segment is another: see [Sealer]. No character of either needs escaping in a query. Offsets fit int64. An id of MaxID characters
// holds fewer than 3,000 partitions, which is what bounds a hostile one.
const (
	maxIDText = 1000 // characters; a longer id is written in the packed form
	MaxID     = 4000 // characters; a longer id is refused, and proxies cut headers not far above it
)

const (
	maxName     = 64
	maxEpoch    = 22 // a whole topic id, 16 bytes, in base64url
	maxSegments = 64
	markLen     = 6
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
	filter  string  // the mark of the filter it was taken under; "" for none
	key     string  // that sealed it; "" for plain text
	text    string  // the segment as it came, to be carried through unchanged
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
// partitions (stream name to number of partitions), each filtered. It takes 7 bytes for an offset, which is
// enough for 2^49 records a partition (17 years at a million a second), and 6 characters for an epoch.
// A configuration is sound when the result is at most [MaxID].
func MaxIDLen(partitions map[string]int) int {
	const epoch, offset = 6, 7
	n := 0
	for name, count := range partitions {
		n += len(name) + len("@") + epoch + len(":_") +
			base64.RawURLEncoding.EncodedLen(offset*count) + len("*") + markLen + len("~")
	}
	return max(0, n-len("~"))
}

// appendSegment appends one stream's part of an id, without a filter's mark. The arguments
// are taken as valid: offsets are not negative.
func appendSegment(dst []byte, stream, epoch string, offsets []int64, packed bool) []byte {
	dst = append(dst, stream...)
	dst = append(dst, '@')
	dst = append(dst, epoch...)
	dst = append(dst, ':')
	if packed {
		var scratch [512]byte // on the stack: some 70 partitions without allocating
		raw := scratch[:0]
		for _, o := range offsets {
			raw = binary.AppendUvarint(raw, uint64(o))
		}
		return cursorBase64.AppendEncode(append(dst, '_'), raw)
	}
	for p, o := range offsets {
		if p > 0 {
			dst = append(dst, '.')
		}
		dst = strconv.AppendInt(dst, o, 10)
	}
	return dst
}

// The ways a segment can be wrong. They quote none of it: an id is long, and not ours.
var (
	errSegmentStream = errors.New("no valid stream name before an @")
	errSegmentEpoch  = errors.New("no valid epoch between @ and :")
	errSegmentMark   = errors.New("the filter's mark is not 6 base64url characters")
	errSegmentOffset = errors.New("offsets are not decimals joined by dots")
	errSegmentPacked = errors.New("packed offsets are not the base64url of uvarints")
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
	if packed, ok := strings.CutPrefix(offsets, "_"); ok {
		s.offsets, err = parsePackedOffsets(packed)
	} else if offsets != "" {
		s.offsets, err = parseTextOffsets(offsets)
	}
	return s, err
}

func parseTextOffsets(text string) ([]int64, error) {
	offsets := make([]int64, 0, strings.Count(text, ".")+1)
	for decimal := range strings.SplitSeq(text, ".") {
		o, err := strconv.ParseUint(decimal, 10, 63) // takes no sign
		if err != nil || decimal[0] == '0' && decimal != "0" {
			return nil, errSegmentOffset
		}
		offsets = append(offsets, int64(o))
	}
	return offsets, nil
}

func parsePackedOffsets(text string) ([]int64, error) {
	if !cursorIsBase64(text) { // the decoder skips CR and LF even when strict
		return nil, errSegmentPacked
	}
	raw, err := cursorBase64.DecodeString(text)
	if err != nil {
		return nil, errSegmentPacked
	}
	if len(raw) == 0 {
		return nil, nil
	}
	count := 0
	for _, b := range raw {
		if b < 0x80 { // the last byte of a varint
			count++
		}
	}
	offsets := make([]int64, 0, count)
	for len(raw) > 0 {
		o, n := binary.Uvarint(raw)
		if n <= 0 || int64(o) < 0 || n > 1 && raw[n-1] == 0 { // cut off, beyond int64, or longer than needed
			return nil, errSegmentPacked
		}
		offsets = append(offsets, int64(o))
		raw = raw[n:]
	}
	return offsets, nil
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
