package ws

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"
)

const (
	finBit = 0x80

	// MaxHeader is the longest header that AppendHeader writes.
	MaxHeader = 10

	maxControl = 125 // bytes of a control frame's payload
	len16      = 126 // says that the length follows in 2 bytes
	len64      = 127 // in 8 bytes
)

// AppendHeader appends the header of an unfragmented frame whose payload has n bytes. A
// server's frames are not masked.
func AppendHeader(dst []byte, op Opcode, n int) []byte {
	dst = append(dst, finBit|byte(op))
	switch {
	case n < len16:
		return append(dst, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, len16), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, len64), uint64(n))
}

// AppendFrame appends an unfragmented frame.
func AppendFrame(dst []byte, op Opcode, payload []byte) []byte {
	return append(AppendHeader(dst, op, len(payload)), payload...)
}

// AppendClose appends a close frame. A reason that is too long for a control frame is
// cut.
func AppendClose(dst []byte, code Code, reason string) []byte {
	if most := maxControl - 2; len(reason) > most {
		reason = strings.ToValidUTF8(reason[:most], "")
	}
	if !utf8.ValidString(reason) {
		reason = ""
	}
	dst = AppendHeader(dst, Close, 2+len(reason))
	return append(binary.BigEndian.AppendUint16(dst, uint16(code)), reason...)
}

// AppendCloseReply appends the answer to a close frame with this payload: the same code
// (section 5.5.1).
func AppendCloseReply(dst, payload []byte) []byte {
	return AppendFrame(dst, Close, payload[:min(2, len(payload))])
}
