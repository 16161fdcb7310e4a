// Package ssetest reads text/event-stream exactly as the WHATWG HTML standard says a
// browser does ("Interpreting an event stream"). So tests judge what was written by the
// standard and not by another client's habits. It shares no code with the writing side,
// does not reconnect, and is meant for tests only. utf8.go has its decoder, ssetest.go
// the rest.
package ssetest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// DefaultMaxLine is the longest line in bytes that a [Reader] takes unless told
// otherwise.
const DefaultMaxLine = 64 << 20

// ErrLineTooLong says that a line is longer than [Reader.MaxLine].
var ErrLineTooLong = errors.New("ssetest: line too long")

// Event is one dispatched event.
type Event struct {
	ID   string // the last event id when it was dispatched; it may come from an earlier block
	Name string // "message" where the stream names none
	Data string

	HasID    bool          // its own block set the id
	Retry    time.Duration // the last reconnection time set in its own block
	HasRetry bool
}

// Reader reads the events of one connection. It is not safe for concurrent use.
type Reader struct {
	MaxLine int // bytes; set it before the first Next

	in      *bufio.Reader
	line    []byte // the line being read, as bytes
	begun   bool   // the first line has been read, so no BOM can follow
	afterCR bool   // the last line ended in CR: an LF at once belongs to it

	// The standard's buffers. They live for one block, but for idBuffer.
	data     strings.Builder
	name     string
	idBuffer string // persists; becomes lastID at the end of a block
	block    Event  // HasID, Retry and HasRetry of this block

	lastID    string
	lastRetry time.Duration
	retrySet  bool
}

// NewReader returns a Reader of r, which it may read ahead of the event it returns
// but never waits for beyond it.
func NewReader(r io.Reader) *Reader {
	return &Reader{MaxLine: DefaultMaxLine, in: bufio.NewReader(r)}
}

// LastEventID is what a browser would send as Last-Event-ID if the connection broke here.
// That is the id at the end of the last whole block, whether or not the block dispatched
// an event.
func (r *Reader) LastEventID() string { return r.lastID }

// Retry is the reconnection time last set, and whether one was. Unlike an id it counts as
// soon as its line has been read.
func (r *Reader) Retry() (time.Duration, bool) { return r.lastRetry, r.retrySet }

// Next returns the next event. At the end of the stream it returns [io.EOF], and what was
// not followed by an empty line is discarded; other errors are the underlying reader's or
// wrap [ErrLineTooLong].
func (r *Reader) Next() (Event, error) {
	for {
		line, err := r.nextLine()
		if err != nil {
			return Event{}, err
		}
		if line != "" {
			r.field(line)
			continue
		}
		if event, ok := r.dispatch(); ok {
			return event, nil
		}
	}
}

// nextLine returns the next whole line, decoded, without its end. A CR ends a line at
// once: waiting to see whether an LF follows would hold an event back until the next one.
func (r *Reader) nextLine() (string, error) {
	r.line = r.line[:0]
	for ended := false; !ended; {
		if _, err := r.in.Peek(1); err != nil {
			return "", err
		}
		received, _ := r.in.Peek(r.in.Buffered())
		secondHalf := r.afterCR && received[0] == '\n'
		r.afterCR = false
		if secondHalf {
			r.in.Discard(1)
			continue
		}
		n := bytes.IndexAny(received, "\r\n")
		if ended = n >= 0; !ended {
			n = len(received)
		}
		if len(r.line)+n > r.MaxLine {
			return "", fmt.Errorf("%w: more than %d bytes", ErrLineTooLong, r.MaxLine)
		}
		r.line = append(r.line, received[:n]...)
		if ended {
			r.afterCR = received[n] == '\r'
			n++
		}
		r.in.Discard(n)
	}
	// CR and LF are part of no UTF-8 sequence, so decoding line by line equals decoding
	// the stream.
	line := DecodeUTF8(r.line)
	if !r.begun {
		r.begun = true
		line = strings.TrimPrefix(line, "\ufeff") // one BOM, and only here
	}
	return line, nil
}

// field is "process the field" of the standard, comments included.
func (r *Reader) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name { // "" is a comment
	case "event":
		r.name = value
	case "data":
		r.data.WriteString(value)
		r.data.WriteByte('\n')
	case "id":
		if !strings.Contains(value, "\x00") {
			r.idBuffer = value
			r.block.HasID = true
		}
	case "retry":
		if d, ok := milliseconds(value); ok {
			r.lastRetry, r.retrySet = d, true
			r.block.Retry, r.block.HasRetry = d, true
		}
	}
}

// dispatch is "dispatch the event" of the standard; ok is false for a block without data.
func (r *Reader) dispatch() (event Event, ok bool) {
	r.lastID = r.idBuffer
	event = r.block
	event.ID, event.Name = r.lastID, r.name
	if event.Name == "" {
		event.Name = "message"
	}
	data := r.data.String()
	r.data.Reset()
	r.name, r.block = "", Event{}
	if data == "" {
		return Event{}, false
	}
	event.Data = strings.TrimSuffix(data, "\n")
	return event, true
}

// milliseconds reads a value of ASCII digits only. The standard sets no bound; what a
// Duration can't hold becomes the longest one. An empty value is ignored, as by browsers.
func milliseconds(value string) (time.Duration, bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n > math.MaxInt64/int64(time.Millisecond) {
		return math.MaxInt64, true
	}
	return time.Duration(n) * time.Millisecond, true
}
