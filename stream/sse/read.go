package sse

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// ErrTooLong says that an event is longer than its reader takes.
var ErrTooLong = errors.New("sse: the event is too long")

// Event is one event that was read.
type Event struct {
	ID   string // the last id by then; it may come from an earlier block
	Name string // "" where it has none: a browser's "message"
	Data string
}

// Reader reads the events of one connection as the WHATWG HTML standard says
// ("Interpreting an event stream"). A line ends with CR, LF or CRLF. A byte order mark
// may stand before the first. What is not UTF-8 becomes U+FFFD. An event counts once its
// empty line has come. What a lost connection cut off is no event, and its id is not
// kept.
//
// It may read ahead of the event that it returns, but never waits for what comes after
// it. It is not safe for concurrent use.
type Reader struct {
	in       *bufio.Reader
	maxEvent int

	begun   bool // the first line has been read, so no byte order mark can follow
	afterCR bool // the last line ended in CR: an LF right after it belongs to it
	line    []byte

	// The standard's buffers. They are of one block, but for id.
	data  []byte // the lines, each with an LF
	size  int    // bytes of the block's data lines as they came
	name  string
	id    string        // becomes last at the end of a block
	delay time.Duration // what Retry says

	last string // what LastID says
}

// NewReader returns a reader of r. It fails with [ErrTooLong] at an event that takes more
// than maxEvent bytes.
func NewReader(r io.Reader, maxEvent int) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 32<<10), maxEvent: maxEvent, delay: -1}
}

// LastID is what a browser would send as Last-Event-ID if the connection broke here: the
// id at the end of the last whole block. A block without data is no event, and sets it
// too.
func (r *Reader) LastID() string { return r.last }

// SetLastID says what the id was before the connection, for events that have none.
func (r *Reader) SetLastID(id string) { r.last, r.id = id, id }

// Retry is the reconnection time last said; -1: none was. Unlike an id it counts as soon
// as its line has been read.
func (r *Reader) Retry() time.Duration { return r.delay }

// Next returns the next event. It fails with [io.EOF] at the end, with [ErrTooLong], or
// with the underlying reader's error.
func (r *Reader) Next() (Event, error) {
	for {
		if err := r.readLine(); err != nil {
			return Event{}, err
		}
		if len(r.line) > 0 {
			r.field()
			continue
		}
		r.last = r.id
		e := Event{ID: r.last, Name: r.name, Data: string(bytes.TrimSuffix(r.data, []byte{'\n'}))}
		isEvent := len(r.data) > 0
		r.data, r.size, r.name = r.data[:0], 0, ""
		if isEvent {
			return e, nil
		}
	}
}

// readLine reads one line, without its end, into r.line. A CR ends it at once: to wait
// for an LF would hold an event back until the next one.
func (r *Reader) readLine() error {
	r.line = r.line[:0]
	for {
		if _, err := r.in.Peek(1); err != nil {
			return err
		}
		chunk, _ := r.in.Peek(r.in.Buffered())
		if r.afterCR {
			r.afterCR = false
			if chunk[0] == '\n' {
				_, _ = r.in.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(chunk, "\r\n")
		whole := end >= 0
		if !whole {
			end = len(chunk)
		}
		if r.size+len(r.line)+end > r.maxEvent {
			return ErrTooLong
		}
		r.line = append(r.line, chunk[:end]...)
		if !whole {
			_, _ = r.in.Discard(end)
			continue
		}
		r.afterCR = chunk[end] == '\r'
		_, _ = r.in.Discard(end + 1)
		if !r.begun {
			r.begun = true
			r.line = bytes.TrimPrefix(r.line, []byte("\xef\xbb\xbf"))
		}
		return nil
	}
}

// field is "process the field" of the standard. A comment is a field without a name.
func (r *Reader) field() {
	name, value, _ := bytes.Cut(r.line, []byte{':'})
	value = bytes.TrimPrefix(value, []byte{' '})
	switch string(name) {
	case "data":
		r.size += len(r.line)
		r.data = append(appendValid(r.data, value), '\n')
	case "event":
		r.name = string(appendValid(nil, value))
	case "id":
		if !bytes.Contains(value, []byte{0}) {
			r.id = string(appendValid(nil, value))
		}
	case "retry":
		if d, ok := milliseconds(string(value)); ok {
			r.delay = d
		}
	}
}

// milliseconds reads a value of ASCII digits only. The standard sets no bound. What a
// Duration can't hold becomes the longest one.
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
