// Package sse writes server-sent events, and reads them as the standard says.
//
// What it writes can't be misread. Each line of a payload gets a separate data field, so
// no payload forges a field or an event. What it reads may come from anywhere.
//
//   - [AppendEvent] and [AppendRetry] write. [AppendBody] writes what all connections
//     share of an event: all but its id.
//   - [Reader] reads a stream exactly as a browser does, from any server.
//   - [Cut] takes apart in memory what this package wrote, and copies nothing.
//
// Tests judge the writer by ssetest, which shares no code with this package.
//
// The files: write.go, read.go, cut.go, and utf8.go with the decoder that both sides use.
package sse

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const maxEventName = 200 // bytes; the name is repeated in every frame

// EventName returns the event name that a record's own name becomes. Where ok is false
// the event goes unnamed instead, and the caller counts that. A name can't be used that
// is empty, longer than 200 bytes or not UTF-8, or that holds CR, LF or NUL. Nor can one
// that a page couldn't tell from something else: error and open (an EventSource's own
// events), message (what the unnamed ones are), and sluice.… (the gateway's).
func EventName(raw []byte) (name string, ok bool) {
	if len(raw) == 0 || len(raw) > maxEventName || bytes.ContainsAny(raw, "\r\n\x00") || !utf8.Valid(raw) {
		return "", false
	}
	name = string(raw)
	switch {
	case name == "error", name == "open", name == "message", strings.HasPrefix(name, "sluice."):
		return "", false
	}
	return name, true
}

// AppendEvent appends one whole event, its empty line included. Without an id it has no
// id line, without a name no event line. id and name are the gateway's own or have been
// checked (a cursor, [EventName]): they go out as they are. data may be anything.
func AppendEvent(dst []byte, id, name string, data []byte) []byte {
	if id != "" {
		dst = append(dst, "id: "...)
		dst = append(dst, id...)
		dst = append(dst, '\n')
	}
	return AppendBody(dst, name, data)
}

// AppendRetry appends a block that sets the reconnection time, in milliseconds, and
// dispatches no event.
func AppendRetry(dst []byte, d time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, max(0, d.Milliseconds()), 10)
	return append(dst, "\n\n"...)
}

// AppendBody appends what follows the id line. It is the same for every connection, so it
// is made once and shared. Each line of data, ended by LF, CR or CRLF, gets a separate
// data field. A reader joins them with LF, so the end of the last line survives too. The
// space after each colon is the one that readers remove. It keeps a leading space of the
// payload. Empty data is one empty data field. By the standard that is an event with
// empty data, since the field's LF makes the buffer non-empty.
//
// Invalid UTF-8 becomes U+FFFD by the rule of the WHATWG decoder, one for each maximal
// subpart. (Go's conversions write one for each byte.) So every reader gets what a
// browser would have made of it.
func AppendBody(dst []byte, name string, data []byte) []byte {
	if name != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, name...)
		dst = append(dst, '\n')
	}
	if isPlain(data) {
		dst = append(dst, "data: "...)
		dst = append(dst, data...)
		return append(dst, "\n\n"...)
	}
	for {
		line, rest, more := cutLine(data)
		dst = append(dst, "data: "...)
		dst = appendValid(dst, line)
		dst = append(dst, '\n')
		if !more {
			return append(dst, '\n')
		}
		data = rest
	}
}

// BodyLen is the number of bytes that AppendBody appends, exactly.
func BodyLen(name string, data []byte) int {
	size := len("\n")
	if name != "" {
		size += len("event: ") + len(name) + len("\n")
	}
	const field = len("data: ") + len("\n")
	if isPlain(data) {
		return size + field + len(data)
	}
	for {
		line, rest, more := cutLine(data)
		size += field + validLen(line)
		if !more {
			return size
		}
		data = rest
	}
}

// isPlain reports whether data is one line of valid UTF-8: nearly every payload, which is
// copied as it is.
func isPlain(data []byte) bool {
	return bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0 && utf8.Valid(data)
}

// cutLine cuts data around its first LF, CR or CRLF. more is false when there is none.
func cutLine(data []byte) (line, rest []byte, more bool) {
	i := bytes.IndexAny(data, "\r\n")
	if i < 0 {
		return data, nil, false
	}
	line, rest = data[:i], data[i+1:]
	if data[i] == '\r' && len(rest) > 0 && rest[0] == '\n' {
		rest = rest[1:]
	}
	return line, rest, true
}
