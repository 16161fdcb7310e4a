package stream

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const maxEventName = 200 // bytes; the name is repeated in every frame

// EventName returns the SSE event name that a record's own name becomes. ok is false where the event goes
// unnamed instead, which the caller counts: a name that is empty, longer than 200 bytes, not UTF-8, that holds
// CR, LF or NUL, or that a page couldn't tell from something else: error and open (an EventSource's
// own events), message (what the unnamed ones are), and sluice.… (the gateway's).
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

// AppendFrame appends one whole SSE event, its empty line included. Without an id it has no id
// line, without a name no event line. id and name are the gateway's own or have been
// checked (a cursor, [EventName]): they go out as they are. data may be anything.
func AppendFrame(dst []byte, id, name string, data []byte) []byte {
	if id != "" {
		dst = append(dst, "id: "...)
		dst = append(dst, id...)
		dst = append(dst, '\n')
	}
	return appendBody(dst, name, data)
}

// AppendRetry appends a block that sets the reconnection time, in milliseconds, and
// dispatches no event.
func AppendRetry(dst []byte, d time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, max(0, d.Milliseconds()), 10)
	return append(dst, "\n\n"...)
}

// appendBody appends what follows the id line: it is the same for every connection, so it is made once
// and shared. Each line of data, ended by LF, CR or CRLF, gets a data field of its own; a reader joins them
// with LF, so the end of the last line survives too. The space after each colon is the one that
// readers remove, and keeps a leading space of the payload. Empty data is one empty data field: by the
// standard that is an event with empty data, since the field's own LF makes the buffer non-empty.
//
// Invalid UTF-8 becomes U+FFFD by the rule of the WHATWG decoder, one for each maximal subpart (Go's conversions
// write one for each byte): what a browser would have made of it, for every other reader as well.
func appendBody(dst []byte, name string, data []byte) []byte {
	if name != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, name...)
		dst = append(dst, '\n')
	}
	if frameIsPlain(data) {
		dst = append(dst, "data: "...)
		dst = append(dst, data...)
		return append(dst, "\n\n"...)
	}
	for {
		line, rest, more := frameCutLine(data)
		dst = append(dst, "data: "...)
		dst = frameAppendValid(dst, line)
		dst = append(dst, '\n')
		if !more {
			return append(dst, '\n')
		}
		data = rest
	}
}

// frameSize is the number of bytes that appendBody appends, exactly.
func frameSize(name string, data []byte) int {
	size := len("\n")
	if name != "" {
		size += len("event: ") + len(name) + len("\n")
	}
	const field = len("data: ") + len("\n")
	if frameIsPlain(data) {
		return size + field + len(data)
	}
	for {
		line, rest, more := frameCutLine(data)
		size += field + frameValidLen(line)
		if !more {
			return size
		}
		data = rest
	}
}

// frameIsPlain reports whether data is one line of valid UTF-8: nearly every payload, which is copied as it is.
func frameIsPlain(data []byte) bool {
	return bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0 && utf8.Valid(data)
}

// frameCutLine cuts data around its first LF, CR or CRLF. more is false when there is none.
func frameCutLine(data []byte) (line, rest []byte, more bool) {
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

// frameAppendValid appends line with U+FFFD for each maximal subpart that is not UTF-8.
func frameAppendValid(dst, line []byte) []byte {
	for len(line) > 0 {
		valid, bad := frameCutInvalid(line)
		dst = append(dst, line[:valid]...)
		if bad > 0 {
			dst = utf8.AppendRune(dst, utf8.RuneError)
		}
		line = line[valid+bad:]
	}
	return dst
}

// frameValidLen is the number of bytes that frameAppendValid appends.
func frameValidLen(line []byte) int {
	n := 0
	for len(line) > 0 {
		valid, bad := frameCutInvalid(line)
		n += valid
		if bad > 0 {
			n += utf8.RuneLen(utf8.RuneError)
		}
		line = line[valid+bad:]
	}
	return n
}

// frameCutInvalid returns how many bytes at the start of line are valid UTF-8, and how many after
// them are one maximal subpart of an invalid sequence: the longest beginning of a well-formed one, or else one byte.
func frameCutInvalid(line []byte) (valid, bad int) {
	if utf8.Valid(line) { // far faster than rune by rune, and it ends at the first bad byte
		return len(line), 0
	}
	for valid < len(line) {
		r, size := utf8.DecodeRune(line[valid:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		valid += size
	}
	for tail := line[valid:]; bad < len(tail); {
		bad++
		// FullRune is false as long as more bytes could make it a rune.
		if bad == len(tail) || utf8.FullRune(tail[:bad+1]) {
			break
		}
	}
	return valid, bad
}
