package stream

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
)

// Sealer writes positions so that only those who have the key can read or make one. Offsets
// count a topic's records, and who buys twice could otherwise read off how much is sold in between.
//
//	segment = stream "@." base64url( iv ciphertext )
//
// It is a synthetic-IV construction (Rogaway and Shrimpton, "Deterministic Authenticated-Encryption", 2006): the IV is
// the first 16 bytes of an HMAC-SHA256 over the stream's name and the position, and the position is encrypted by AES-256-CTR
// under that IV. So equal positions have equal text, as the shared frames need, without a
// nonce that could ever be used twice for two positions; the IV is the authenticator as well. What it
// shows is whether two ids of a stream stand at one position, and how many partitions there are.
// Tink's AES-SIV would do the same; it is no dependency worth having for a hundred lines of standard library.
//
// A Sealer may be used concurrently.
type Sealer struct{ keys []*sealKey }

// SealKey is a key for ids, shared by all gateways behind one balancer.
type SealKey struct {
	Name   string
	Secret []byte // at least 32 random bytes
}

// MinSealKey is how many bytes a [SealKey] has at least.
const MinSealKey = 32

// NewSealer seals with the first key and opens with any. To rotate: give the new key to all gateways behind the old one, then put it
// first everywhere, and drop the old one when nobody comes back with its ids any more.
func NewSealer(keys []SealKey) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("no key")
	}
	s := &Sealer{}
	for _, k := range keys {
		if len(k.Secret) < MinSealKey {
			return nil, fmt.Errorf("key %s has %d bytes, at least %d are needed: make one with openssl rand -base64 32", k.Name, len(k.Secret), MinSealKey)
		}
		sk, err := newSealKey(k)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.Name, err)
		}
		s.keys = append(s.keys, sk)
	}
	return s, nil
}

const (
	sealIV    = 16
	sealMark  = "." // after the @: no epoch begins with it, so neither form is taken for the other
	sealWidth = 5   // bytes of an offset unless one is beyond 2^40: the length tells nothing of them
)

// errSealed says no more: what exactly is wrong with a forged id is nobody's to know.
var errSealed = errors.New("not sealed by a key of this gateway for its stream")

// MaxLen takes 7 bytes for an offset, which is enough for 2^56 records a partition, and 6 characters for an epoch.
func (s *Sealer) MaxLen(partitions map[string]int) int {
	const epoch, offset = 6, 7
	n := 0
	for name, count := range partitions {
		raw := sealIV + len("\x06") + epoch + len("\x06") + markLen + len("\x07") + offset*count
		n += len(name) + len("@"+sealMark) + base64.RawURLEncoding.EncodedLen(raw) + len("~")
	}
	return max(0, n-len("~"))
}

func (s *Sealer) secret() bool { return true }

func (s *Sealer) appendSegment(dst []byte, stream, epoch string, offsets []int64, mark string, _ bool) []byte {
	var scratch [512]byte // on the stack: some 90 partitions without allocating
	raw := appendSealed(scratch[:sealIV], epoch, offsets, mark)
	s.keys[0].seal(stream, raw)
	dst = append(append(dst, stream...), "@"+sealMark...)
	return cursorBase64.AppendEncode(dst, raw)
}

func (s *Sealer) parseSegment(text string) (segment, error) {
	name, sealed, ok := strings.Cut(text, "@"+sealMark)
	if !ok || !ValidName(name) {
		return segment{}, errSegmentStream
	}
	if !cursorIsBase64(sealed) { // the decoder skips CR and LF even when strict
		return segment{}, errSealed
	}
	raw, err := cursorBase64.DecodeString(sealed)
	if err != nil || len(raw) <= sealIV {
		return segment{}, errSealed
	}
	for _, k := range s.keys {
		if position, ok := k.open(name, raw); ok {
			seg, err := parseSealed(position)
			seg.stream, seg.key, seg.text = name, k.name, text
			return seg, err
		}
	}
	return segment{}, errSealed
}

// appendSealed appends a position as it is sealed: epoch and mark after their lengths, then the width of an offset and the
// offsets, big-endian.
func appendSealed(dst []byte, epoch string, offsets []int64, mark string) []byte {
	width := sealWidth
	for _, o := range offsets {
		for o>>(8*width) > 0 {
			width++
		}
	}
	dst = append(append(dst, byte(len(epoch))), epoch...)
	dst = append(append(dst, byte(len(mark))), mark...)
	dst = append(dst, byte(width))
	for _, o := range offsets {
		for shift := 8 * (width - 1); shift >= 0; shift -= 8 {
			dst = append(dst, byte(o>>shift))
		}
	}
	return dst
}

// parseSealed reads a position. That a key of ours sealed it doesn't say that this version wrote it.
func parseSealed(b []byte) (s segment, err error) {
	text := func(most int) string {
		if len(b) == 0 || int(b[0]) > most || len(b) < 1+int(b[0]) {
			err = errSealed
			return ""
		}
		t := string(b[1 : 1+b[0]])
		b = b[1+b[0]:]
		return t
	}
	s.epoch, s.filter = text(maxEpoch), text(markLen)
	if err != nil || s.epoch == "" || len(b) == 0 || b[0] < 1 || b[0] > 8 || (len(b)-1)%int(b[0]) != 0 {
		return s, errSealed
	}
	width := int(b[0])
	for b = b[1:]; len(b) > 0; b = b[width:] {
		var o uint64
		for _, c := range b[:width] {
			o = o<<8 | uint64(c)
		}
		if int64(o) < 0 {
			return s, errSealed
		}
		s.offsets = append(s.offsets, int64(o))
	}
	return s, nil
}

// sealKey is a key made ready: one part authenticates, the other encrypts.
type sealKey struct {
	name  string
	block cipher.Block
	macs  sync.Pool // of hash.Hash, so that none is made for each id
}

func newSealKey(k SealKey) (*sealKey, error) {
	const purpose = "sluice ids 1: "
	macKey, err := hkdf.Key(sha256.New, k.Secret, nil, purpose+"authenticate", sha256.Size)
	if err != nil {
		return nil, err
	}
	encKey, err := hkdf.Key(sha256.New, k.Secret, nil, purpose+"encrypt", 32)
	if err != nil {
		return nil, err
	}
	sk := &sealKey{name: k.Name}
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

// iv appends the IV of a stream's position. The name comes after its length, so that no two pairs are one text.
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
