package cursor

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"math"
	"strings"
	"sync"
)

// Sealer writes positions so that only those who have the key can read or make one.
// Offsets count a topic's records: somebody who buys twice could otherwise read off how
// much is sold in between. FORMAT.md has the bytes.
//
// It is a synthetic-IV construction (Rogaway and Shrimpton, "Deterministic
// Authenticated-Encryption", 2006). The IV is the first 16 bytes of an HMAC-SHA256 over
// the stream's name and the position. AES-256-CTR encrypts the position under that IV. So
// equal positions have equal text, as the shared frames need, and no nonce can be used
// twice for two positions. The IV authenticates as well. An id shows whether two ids of a
// stream are of one position, and how many partitions there are. Tink's AES-SIV would do
// the same. It is no dependency worth having for a hundred lines of standard library.
//
// A Sealer may be used concurrently.
type Sealer struct{ keys []*sealKey }

// Key is a key for ids. All gateways behind one load balancer share it.
type Key struct {
	Name   string
	Secret []byte // at least 32 random bytes
}

// MinKeyLen is how many bytes a [Key] has at least.
const MinKeyLen = 32

// NewSealer seals with the first key and opens with any. To rotate, give the new key to
// all gateways behind the old one. Then put it first everywhere. Drop the old one when no
// client comes back with its ids any more.
func NewSealer(keys []Key) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	s := &Sealer{}
	for _, k := range keys {
		if len(k.Secret) < MinKeyLen {
			return nil, fmt.Errorf("key %s has %d bytes, at least %d are needed: make one with openssl rand -base64 32", k.Name, len(k.Secret), MinKeyLen)
		}
		sk, err := newSealKey(k)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.Name, err)
		}
		s.keys = append(s.keys, sk)
	}
	return s, nil
}

// RecordKey returns a key for ids of records that tell nothing of offsets either. It
// comes from the first key, so all gateways have the same.
func (s *Sealer) RecordKey() []byte { return s.keys[0].recordKey }

const (
	sealIV    = 16
	sealMark  = "." // after the @: no epoch begins with it, so neither form is taken for the other
	sealWidth = 5   // bytes of an offset unless one is beyond 2^40: the length tells nothing of them

	sealLeaders   = 0x80 // added to the width: leader epochs come after the offsets
	sealEpochBase = 4    // bytes of the base of leader epochs
)

// errSealed says no more: what exactly is wrong with a forged id is nobody's to know.
var errSealed = errors.New("not sealed by a key of this gateway for its stream")

// MaxLen takes what the plain codec does for a partition: 6 bytes.
func (s *Sealer) MaxLen(widths map[string]Width) int {
	const epoch, partition = 6, sealWidth + 1
	n := 0
	for name, w := range widths {
		raw := sealIV + len("\x06") + epoch + len("\x06") + markLen + len("\x05") + sealEpochBase + partition*w.Partitions
		if w.Topics != nil {
			raw += uvarintLen(uint64(len(w.Topics))) - epoch
			for _, count := range w.Topics {
				raw += keyBytes + uvarintLen(uint64(count))
			}
		}
		n += len(name) + len("@"+sealMark) + base64.RawURLEncoding.EncodedLen(raw) + len("~")
	}
	return max(0, n-len("~"))
}

// Sealed says that offsets are nobody's to know.
func (s *Sealer) Sealed() bool { return true }

// Append writes the one form there is.
func (s *Sealer) Append(dst []byte, seg Segment, _ bool) []byte {
	var scratch [512]byte // on the stack: some 90 partitions without allocating
	raw := appendSealed(scratch[:sealIV], seg)
	s.keys[0].seal(seg.Stream, raw)
	dst = append(append(dst, seg.Stream...), "@"+sealMark...)
	return cursorBase64.AppendEncode(dst, raw)
}

// Parse reads what any of the keys sealed.
func (s *Sealer) Parse(text string) (Segment, error) {
	name, sealed, ok := strings.Cut(text, "@"+sealMark)
	if !ok || !ValidName(name) {
		return Segment{}, errSegmentStream
	}
	if !isBase64(sealed) { // the decoder skips CR and LF even when strict
		return Segment{}, errSealed
	}
	raw, err := cursorBase64.DecodeString(sealed)
	if err != nil || len(raw) <= sealIV {
		return Segment{}, errSealed
	}
	for _, k := range s.keys {
		if position, ok := k.open(name, raw); ok {
			seg, err := parseSealed(position)
			seg.Stream, seg.Key = name, k.name
			return seg, err
		}
	}
	return Segment{}, errSealed
}

// appendSealed appends what is encrypted of a segment.
func appendSealed(dst []byte, s Segment) []byte {
	offsets, leaders := s.Offsets, s.Leaders
	width := sealWidth
	for _, o := range offsets {
		for o>>(8*width) > 0 {
			width++
		}
	}
	most := int32(UnknownLeader)
	if width == sealWidth {
		for p := range leaders[:min(len(leaders), len(offsets))] {
			if offsets[p] > 0 {
				most = max(most, leaders[p])
			}
		}
	}
	if s.Epoch == Several {
		dst = append(dst, 0)
	} else {
		dst = append(append(dst, byte(len(s.Epoch))), s.Epoch...)
	}
	dst = append(append(dst, byte(len(s.Filter))), s.Filter...)
	if s.Epoch == Several {
		dst = appendSealedTopics(dst, s.Topics)
	}
	first := byte(width)
	if most != UnknownLeader {
		first |= sealLeaders
	}
	dst = append(dst, first)
	for _, o := range offsets {
		for shift := 8 * (width - 1); shift >= 0; shift -= 8 {
			dst = append(dst, byte(o>>shift))
		}
	}
	if most == UnknownLeader {
		return dst
	}
	base := max(most-254, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(base))
	for p, o := range offsets {
		code := byte(0)
		if leader := LeaderAt(leaders, p); o > 0 && leader >= base {
			code = byte(leader - base + 1)
		}
		dst = append(dst, code)
	}
	return dst
}

// parseSealed reads a position. A key of ours sealed it, but another version may have
// written it.
func parseSealed(b []byte) (s Segment, err error) {
	text := func(most int) string {
		if len(b) == 0 || int(b[0]) > most || len(b) < 1+int(b[0]) {
			err = errSealed
			return ""
		}
		t := string(b[1 : 1+b[0]])
		b = b[1+b[0]:]
		return t
	}
	s.Epoch, s.Filter = text(maxEpoch), text(markLen)
	if err == nil && s.Epoch == "" {
		s.Epoch = Several
		b, err = parseSealedTopics(&s, b)
	}
	if err != nil || len(b) == 0 {
		return s, errSealed
	}
	width, known := int(b[0]&^sealLeaders), b[0]&sealLeaders != 0
	b = b[1:]
	size, base := width, 0 // bytes of a partition, and of what all share
	if known {
		size, base = width+1, sealEpochBase
	}
	if width < 1 || width > 8 || len(b) < base || (len(b)-base)%size != 0 {
		return s, errSealed
	}
	n := (len(b) - base) / size
	if s.Epoch == Several && n != s.partitions() {
		return s, errSealed
	}
	if n == 0 {
		return s, nil
	}
	s.Offsets = make([]int64, n)
	for p := range s.Offsets {
		var o uint64
		for _, c := range b[:width] {
			o = o<<8 | uint64(c)
		}
		if int64(o) < 0 {
			return s, errSealed
		}
		s.Offsets[p], b = int64(o), b[width:]
	}
	if known {
		s.Leaders, err = parseSealedLeaders(b, s.Offsets)
	}
	return s, err
}

// parseSealedLeaders reads the base and a byte for each partition.
func parseSealedLeaders(b []byte, offsets []int64) ([]int32, error) {
	base := int64(binary.BigEndian.Uint32(b))
	leaders, known := make([]int32, len(offsets)), false
	for p, code := range b[sealEpochBase:] {
		leader := base + int64(code) - 1
		if code == 0 || offsets[p] == 0 {
			leader = UnknownLeader
		}
		if leader > math.MaxInt32 {
			return nil, errSealed
		}
		leaders[p], known = int32(leader), known || leader != UnknownLeader
	}
	if !known {
		return nil, nil
	}
	return leaders, nil
}

// sealKey is a key made ready: one part authenticates, the other encrypts.
type sealKey struct {
	name  string
	block cipher.Block
	macs  sync.Pool // of hash.Hash, so that none is made for each id

	recordKey []byte
}

func newSealKey(k Key) (*sealKey, error) {
	const purpose = "sluice ids 1: "
	macKey, err := hkdf.Key(sha256.New, k.Secret, nil, purpose+"authenticate", sha256.Size)
	if err != nil {
		return nil, err
	}
	encKey, err := hkdf.Key(sha256.New, k.Secret, nil, purpose+"encrypt", 32)
	if err != nil {
		return nil, err
	}
	recordKey, err := hkdf.Key(sha256.New, k.Secret, nil, purpose+"records", sha256.Size)
	if err != nil {
		return nil, err
	}
	sk := &sealKey{name: k.Name, recordKey: recordKey}
	sk.macs.New = func() any { return hmac.New(sha256.New, macKey) }
	sk.block, err = aes.NewCipher(encKey)
	return sk, err
}

// seal encrypts raw[sealIV:] in place and puts the IV before it.
func (k *sealKey) seal(stream string, raw []byte) {
	k.iv(raw[:0], stream, raw[sealIV:])
	cipher.NewCTR(k.block, raw[:sealIV]).XORKeyStream(raw[sealIV:], raw[sealIV:])
}

// open returns what was sealed for the stream; raw stays as it is.
func (k *sealKey) open(stream string, raw []byte) ([]byte, bool) {
	position := make([]byte, len(raw)-sealIV)
	cipher.NewCTR(k.block, raw[:sealIV]).XORKeyStream(position, raw[sealIV:])
	var want [sealIV]byte
	k.iv(want[:0], stream, position)
	return position, subtle.ConstantTimeCompare(want[:], raw[:sealIV]) == 1
}

// iv appends the IV of a stream's position. The name comes after its length, so that no
// two pairs are one text.
func (k *sealKey) iv(dst []byte, stream string, position []byte) {
	mac := k.macs.Get().(hash.Hash)
	var scratch [1 + maxName]byte
	mac.Write(append(append(scratch[:0], byte(len(stream))), stream...))
	mac.Write(position)
	var sum [sha256.Size]byte
	copy(dst[:sealIV], mac.Sum(sum[:0]))
	mac.Reset()
	k.macs.Put(mac)
}
