package cursor

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"strings"
)

const (
	// Several is the epoch of a segment whose stream has several topics. No topic has it.
	Several = "!"

	// KeyLen is how many characters a topic's key has.
	KeyLen = 8

	keyName  = 2 // characters of a key that come from the topic's name
	keyBytes = 6 // of a packed key
)

// Topic is one of a stream's several topics in a [Segment].
type Topic struct {
	Key        string // which topic it is: see TopicKey
	Partitions int
}

// TopicPosition is what a [Segment] says of one of its topics.
type TopicPosition struct {
	Key     string
	Offsets []int64
	Leaders []int32 // as in Segment; nil: none is known
}

// ByTopic returns what the segment says of each of its topics, in their order.
func (s *Segment) ByTopic() iter.Seq[TopicPosition] {
	return func(yield func(TopicPosition) bool) {
		first := 0
		for _, t := range s.Topics {
			end := first + t.Partitions
			p := TopicPosition{Key: t.Key, Offsets: s.Offsets[first:end]}
			if s.Leaders != nil {
				p.Leaders = s.Leaders[min(first, len(s.Leaders)):min(end, len(s.Leaders))]
			}
			if !yield(p) {
				return
			}
			first = end
		}
	}
}

// TopicKey names a topic in the ids of a stream of several: 2 base64url characters of the
// SHA-256 of its name, then its epoch. All gateways agree on both, in whatever order they
// find topics. Without topic ids (epoch "0") the hash goes on instead.
//
// A topic that was created anew has another key, which begins alike.
func TopicKey(name, epoch string) string {
	sum := sha256.Sum256([]byte(name))
	hash := base64.RawURLEncoding.EncodeToString(sum[:])
	if len(epoch) != KeyLen-keyName {
		return hash[:KeyLen]
	}
	return hash[:keyName] + epoch
}

// SameName reports whether two keys may be of topics of one name. One of 4,096 others
// has the same first characters by chance.
func SameName(a, b string) bool {
	return len(a) == KeyLen && len(b) == KeyLen && a[:keyName] == b[:keyName]
}

// IsKeyOf reports whether a key is that of the topic of this epoch, whatever its name.
func IsKeyOf(key, epoch string) bool {
	return len(key) == KeyLen && key[keyName:] == epoch
}

func validKey(key string) bool { return len(key) == KeyLen && isBase64(key) }

// appendTopics appends what stands after the @ of a segment of several topics: the text
// form, or the packed one.
func appendTopics(dst []byte, s Segment, packed bool) []byte {
	dst = append(dst, Several...)
	if packed && len(s.Topics) > 0 {
		var scratch [512]byte
		return cursorBase64.AppendEncode(append(dst, "_."...), appendPackedTopics(scratch[:0], s))
	}
	start := len(dst)
	for t := range s.ByTopic() {
		if len(dst) > start {
			dst = append(dst, '!')
		}
		dst = append(append(dst, t.Key...), ':')
		dst = appendText(dst, t.Offsets, t.Leaders)
	}
	return dst
}

// parseTopics reads what appendTopics wrote after Several.
func parseTopics(s *Segment, text string) error {
	if packed, ok := strings.CutPrefix(text, "_."); ok {
		s.Packed = true
		return parsePackedTopics(s, packed)
	}
	if text == "" {
		return nil
	}
	var known bool
	var all []int32
	for group := range strings.SplitSeq(text, "!") {
		key, next, ok := strings.Cut(group, ":")
		if !ok || !validKey(key) {
			return errSegmentKey
		}
		if n := len(s.Topics); n > 0 && s.Topics[n-1].Key >= key {
			return errSegmentKey
		}
		offsets, leaders, err := parseText(next)
		if err != nil {
			return err
		}
		s.Topics = append(s.Topics, Topic{key, len(offsets)})
		s.Offsets = append(s.Offsets, offsets...)
		known = known || leaders != nil
		for p := range offsets {
			all = append(all, LeaderAt(leaders, p))
		}
	}
	if known {
		s.Leaders = all
	}
	return nil
}

// appendPackedTopics appends the packed form before base64: the number of topics, their
// keys, a column of their numbers of partitions, and the position of all their
// partitions.
func appendPackedTopics(dst []byte, s Segment) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s.Topics)))
	dst, counts := appendKeys(dst, s.Topics)
	dst = columnOf(counts).append(dst, counts)
	return appendPacked(dst, s.Offsets, s.Leaders)
}

func appendKeys(dst []byte, topics []Topic) ([]byte, []int64) {
	counts := make([]int64, len(topics))
	for i, t := range topics {
		var key [keyBytes]byte
		_, _ = base64.RawURLEncoding.Decode(key[:], []byte(t.Key)) // 8 characters are 6 bytes
		dst = append(dst, key[:]...)
		counts[i] = int64(t.Partitions)
	}
	return dst, counts
}

// parsePackedTopics reads what appendPackedTopics wrote, and nothing else.
func parsePackedTopics(s *Segment, text string) error {
	raw, err := decodePacked(text)
	if err != nil {
		return err
	}
	count, n := binary.Uvarint(raw)
	if n <= 0 || count == 0 || count > maxPartitions || uint64(len(raw)-n) < count*keyBytes {
		return errSegmentPacked
	}
	keys, rest := raw[n:n+int(count)*keyBytes], raw[n+int(count)*keyBytes:]
	counts, rest, ok := parseColumn(rest, int(count), maxPartitions)
	if !ok || !s.setTopics(keys, counts) {
		return errSegmentPacked
	}
	if s.Offsets, s.Leaders, err = parsePackedPosition(rest); err != nil {
		return err
	}
	var scratch [512]byte
	if s.partitions() != len(s.Offsets) || string(raw) != string(appendPackedTopics(scratch[:0], *s)) {
		return errSegmentPacked
	}
	return nil
}

// setTopics takes the topics from their keys as bytes, and their numbers of partitions.
// Keys ascend as text.
func (s *Segment) setTopics(keys []byte, counts []int64) bool {
	s.Topics = make([]Topic, len(counts))
	for i, n := range counts {
		key := base64.RawURLEncoding.EncodeToString(keys[i*keyBytes : (i+1)*keyBytes])
		if n < 1 || i > 0 && s.Topics[i-1].Key >= key {
			return false
		}
		s.Topics[i] = Topic{key, int(n)}
	}
	return true
}

// partitions is how many partitions the topics have.
func (s *Segment) partitions() (n int) {
	for _, t := range s.Topics {
		n += t.Partitions
	}
	return n
}

// appendSealedTopics appends the topics as the sealed form has them, where the epoch of
// one topic stands otherwise: the number of topics, then key and partitions of each.
func appendSealedTopics(dst []byte, topics []Topic) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(topics)))
	dst, counts := appendKeys(dst, topics)
	for _, n := range counts {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return dst
}

// parseSealedTopics reads what appendSealedTopics wrote, and returns what comes after it.
func parseSealedTopics(s *Segment, b []byte) (rest []byte, err error) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count > maxPartitions || uint64(len(b)-n) < count*keyBytes {
		return nil, errSealed
	}
	keys, b := b[n:n+int(count)*keyBytes], b[n+int(count)*keyBytes:]
	counts := make([]int64, count)
	for i := range counts {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > maxPartitions {
			return nil, errSealed
		}
		counts[i], b = int64(v), b[n:]
	}
	if !s.setTopics(keys, counts) {
		return nil, errSealed
	}
	return b, nil
}

// maxPackedTopics is the most bytes that appendPackedTopics appends for topics of so many
// partitions, or for some of them.
func maxPackedTopics(partitions []int) int {
	counts, all := make([]int64, len(partitions)), 0
	for i, n := range partitions {
		counts[i] = int64(n)
		all += n
	}
	const base = 1 // the smallest of some may be larger than the smallest of all
	column := len(columnOf(counts).append(nil, counts)) + base
	return uvarintLen(uint64(len(partitions))) + keyBytes*len(partitions) + column + maxPackedLen(all)
}
