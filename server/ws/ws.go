// Package ws is the server's side of WebSocket (RFC 6455): the handshake, frames and
// messages. It does no I/O, so that any carrier can use it.
//
//   - [Check] reads a handshake, and [Accept] is the answer's proof.
//   - [Reader] takes what has arrived, in pieces of any size, and gives messages. Between
//     messages it holds no memory.
//   - [AppendHeader], [AppendFrame] and [AppendClose] write. A frame's header stands
//     before bytes that many connections may share.
//
// No extension is negotiated: permessage-deflate would cost each connection a compressor.
//
// The files: ws.go (opcodes and close codes), handshake.go, read.go, utf8.go (UTF-8 that
// comes in pieces) and write.go.
package ws

// Opcode says what a frame is (section 5.2).
type Opcode byte

// The opcodes. Continuation never comes out of a Reader.
const (
	Continuation Opcode = 0
	Text         Opcode = 1
	Binary       Opcode = 2
	Close        Opcode = 8
	Ping         Opcode = 9
	Pong         Opcode = 10
)

func (o Opcode) isControl() bool { return o >= Close }

// Code says why a connection is closed (section 7.4).
type Code uint16

// The codes that this package and its users send. Those from 4000 on are the users' own.
const (
	Normal        Code = 1000
	GoingAway     Code = 1001
	ProtocolError Code = 1002
	Unsupported   Code = 1003
	noStatus      Code = 1005 // a close frame without a code; never sent
	InvalidData   Code = 1007
	Policy        Code = 1008
	TooBig        Code = 1009
	Restart       Code = 1012
	TryLater      Code = 1013
)

// valid reports whether a close frame may have the code (section 7.4.1 and the IANA
// registry). What is reserved for a side that got no frame may not be sent.
func (c Code) valid() bool {
	switch {
	case c >= 3000 && c <= 4999:
		return true
	case c == 1004, c == 1005, c == 1006:
		return false
	}
	return c >= 1000 && c <= 1014
}

// Error is a fault of the other side: the code to close with, and what is wrong.
type Error struct {
	Code   Code
	Reason string
}

func (e *Error) Error() string { return "ws: " + e.Reason }
