package ws

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// ErrClosed says that the other side has sent its close frame: nothing follows.
var ErrClosed = errors.New("ws: closed by the other side")

// Reader reads a client's frames. Its zero value reads messages of any length. Between
// messages it holds nothing.
type Reader struct {
	Limit     int // bytes of a message; 0: any. A longer one is an [Error] of TooBig.
	Fragments int // frames of a message; 0: any. More are an [Error] of Policy.

	head   [14]byte // of the frame under way, as far as it has arrived
	headed uint8
	left   uint64 // bytes of its payload still to come; it is under way while headed is whole
	masked uint8  // bytes of it unmasked so far, modulo 4

	message Opcode // of the message under way; 0: there is none
	frames  int    // of it, so far
	data    []byte // of it, so far
	checked int    // bytes of data that are valid UTF-8 for certain
	control []byte // payload of a control frame, which may come within a message
	closed  bool
}

// Feed takes what has arrived. It hands each message, and each control frame, to take.
// Its payload is valid during that call only. Feed returns the first error: take's,
// [ErrClosed] after a close frame, or an [*Error] of the other side's. After an error it
// is not to be called again. It may change p.
func (r *Reader) Feed(p []byte, take func(op Opcode, payload []byte) error) error {
	for len(p) > 0 {
		if r.closed {
			return ErrClosed
		}
		need := r.headNeeds()
		if int(r.headed) < need {
			n := copy(r.head[r.headed:need], p)
			r.headed += uint8(n)
			p = p[n:]
			if int(r.headed) < r.headNeeds() {
				continue
			}
			if err := r.begin(); err != nil {
				return err
			}
		}
		n := int(min(uint64(len(p)), r.left))
		if err := r.add(p[:n]); err != nil {
			return err
		}
		p = p[n:]
		if r.left > 0 {
			continue
		}
		if err := r.end(take); err != nil {
			return err
		}
	}
	return nil
}

// IsIdle reports whether nothing is under way.
func (r *Reader) IsIdle() bool { return r.headed == 0 && r.message == 0 && !r.closed }

// headNeeds is how long the frame's header is, as far as that is known.
func (r *Reader) headNeeds() int {
	if r.headed < 2 {
		return 2
	}
	need := 2
	switch r.head[1] & 0x7F {
	case len16:
		need += 2
	case len64:
		need += 8
	}
	if r.head[1]&0x80 != 0 {
		need += 4
	}
	return need
}

func (r *Reader) op() Opcode { return Opcode(r.head[0] & 0x0F) }

func (r *Reader) isFinal() bool { return r.head[0]&finBit != 0 }

// begin begins a frame whose header has arrived.
func (r *Reader) begin() error {
	short := r.head[1] & 0x7F
	switch short {
	case len16:
		r.left = uint64(binary.BigEndian.Uint16(r.head[2:]))
	case len64:
		r.left = binary.BigEndian.Uint64(r.head[2:])
	default:
		r.left = uint64(short)
	}
	r.masked = 0
	op := r.op()
	switch {
	case r.head[0]&0x70 != 0:
		return fault("a reserved bit is set")
	case r.head[1]&0x80 == 0:
		return fault("a frame is not masked")
	case short == len16 && r.left < len16, short == len64 && r.left <= 0xFFFF, r.left>>63 != 0:
		return fault("a length is not as short as it can be")
	case op.isControl() && (!r.isFinal() || r.left > maxControl):
		return fault("a control frame is too long, or fragmented")
	case op > Binary && op < Close, op > Pong:
		return fault("an opcode is unknown")
	case op == Continuation && r.message == 0:
		return fault("there is nothing to continue")
	case (op == Text || op == Binary) && r.message != 0:
		return fault("a message begins within another")
	case !op.isControl() && r.Limit > 0 && uint64(len(r.data))+r.left > uint64(r.Limit):
		return &Error{TooBig, "a message is too long"}
	}
	if op == Text || op == Binary {
		r.message, r.frames = op, 0
	}
	if !op.isControl() {
		r.frames++
	}
	if r.Fragments > 0 && r.frames > r.Fragments {
		return &Error{Policy, "a message has too many fragments"}
	}
	return nil
}

func fault(what string) error { return &Error{ProtocolError, what} }

// add takes some of a frame's payload.
func (r *Reader) add(p []byte) error {
	need := r.headNeeds()
	mask := r.head[need-4 : need]
	for i := range p {
		p[i] ^= mask[(int(r.masked)+i)&3]
	}
	r.masked = uint8((int(r.masked) + len(p)) & 3)
	r.left -= uint64(len(p))
	if r.op().isControl() {
		r.control = append(r.control, p...)
		return nil
	}
	r.data = append(r.data, p...)
	if r.message != Text {
		return nil
	}
	n, ok := checkUTF8(r.data[r.checked:])
	if r.checked += n; !ok {
		return errNotUTF8
	}
	return nil
}

var errNotUTF8 = &Error{InvalidData, "a text is not UTF-8"}

// end ends a frame whose payload has arrived.
func (r *Reader) end(take func(op Opcode, payload []byte) error) error {
	r.headed = 0
	if r.op().isControl() {
		payload := r.control
		r.control = nil
		if r.op() != Close {
			return take(r.op(), payload)
		}
		if err := checkClose(payload); err != nil {
			return err
		}
		r.closed = true
		if err := take(Close, payload); err != nil {
			return err
		}
		return ErrClosed
	}
	if !r.isFinal() {
		return nil
	}
	if r.message == Text && r.checked < len(r.data) {
		return errNotUTF8
	}
	op, data := r.message, r.data
	r.message, r.data, r.checked = 0, nil, 0
	return take(op, data)
}

// checkClose checks a close frame's payload: nothing, or a code and a reason.
func checkClose(payload []byte) error {
	switch {
	case len(payload) == 0:
		return nil
	case len(payload) == 1 || !Code(binary.BigEndian.Uint16(payload)).valid():
		return fault("a close frame has no code that may be sent")
	case !utf8.Valid(payload[2:]):
		return errNotUTF8
	}
	return nil
}

// CloseCode is the code of a close frame's payload.
func CloseCode(payload []byte) Code {
	if len(payload) < 2 {
		return noStatus
	}
	return Code(binary.BigEndian.Uint16(payload))
}
