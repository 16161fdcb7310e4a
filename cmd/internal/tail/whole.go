package tail

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"sluice/cmd/internal/reach"
)

// maxEvent bounds what one event may take in memory. A Kafka record of the
// broker's default limit is 1 MiB; whoever raised that rarely passes 16.
const maxEvent = 16 << 20

// errTooLong is returned for an event beyond maxEvent. Trying again would only
// meet the same event again.
var errTooLong = fmt.Errorf("an event is longer than %d MiB", maxEvent>>20)

// firstSilence is how long a server may be silent that has not said how often its heart beats.
const firstSilence = time.Minute

// errSilent is returned when the connection was silent for too long, heartbeats
// included: the other side is gone, but no packet has said so.
var errSilent = errors.New("nothing was heard from the server any more")

// wholeEvents stands between the network and the r3labs client and hands on
// whole events only: everything up to a blank line, or nothing. The client
// itself takes a frame that a lost connection cut off for a whole one and
// keeps its id, so that the rest of that event would never be seen.
//
// It reads as the standard says (CR, LF and CRLF; a byte order mark; comments;
// fields without a colon) and writes the one form that the client reads right:
//
//	id: LAST
//	event: NAME
//	data: LINE
//
// Each Read returns bytes of one event. The client's scanner searches all that
// it has buffered anew for each event, so more would cost the square.
type wholeEvents struct {
	body io.Closer
	in   *bufio.Reader

	// The watch over a connection that died without a packet saying so. It is
	// stopped while nothing is being read: a full terminal is not the server's silence.
	watch   *time.Timer   // closes body when it fires
	silence time.Duration // how long a read may last

	// The position and the pace, as the standard keeps them. Whoever started
	// the client may read them when it has returned: the client has then
	// handed on every event that was read from here.
	lastID string        // id of the last whole event
	retry  time.Duration // the server's last word on when to come back; -1 before the first

	// One event while it is read.
	started bool // the first line, which may carry a byte order mark, has been read
	afterCR bool // the last line ended in CR: an LF right after it belongs to it
	line    []byte
	data    []byte // "data: …\n" for each data line
	name    []byte
	id      string // becomes lastID when the event is whole

	frame []byte // the event ready for the client
	rest  []byte // the part of frame not yet read by it
}

func newWholeEvents(body io.ReadCloser, lastID string) *wholeEvents {
	w := &wholeEvents{
		body: body, in: bufio.NewReaderSize(body, 32<<10), silence: firstSilence,
		retry: -1, lastID: lastID, id: lastID,
	}
	w.watch = time.AfterFunc(firstSilence, func() { body.Close() })
	return w
}

// Read returns bytes of one whole event. It fails with what the network says,
// io.EOF included, whether or not an event had begun; with errSilent; or with errTooLong.
func (w *wholeEvents) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// Close closes the network's side.
func (w *wholeEvents) Close() error {
	w.watch.Stop()
	return w.body.Close()
}

// next reads lines up to a blank one. An event without data only moves the position:
// no event, says the standard, and the client couldn't tell it from one with empty data.
func (w *wholeEvents) next() error {
	w.data, w.name = w.data[:0], w.name[:0]
	for {
		if err := w.readLine(); err != nil {
			return err
		}
		if len(w.line) == 0 {
			break
		}
		w.field()
	}
	w.lastID = w.id
	if len(w.data) == 0 {
		return nil
	}
	w.frame = w.frame[:0]
	if string(w.name) == "sluice.hello" {
		if beat := heartbeat(w.data); beat > 0 {
			w.silence = 3 * beat // two may be late
		}
	}
	if w.lastID != "" {
		w.frame = fmt.Appendf(w.frame, "id: %s\n", w.lastID)
	}
	if len(w.name) > 0 {
		w.frame = fmt.Appendf(w.frame, "event: %s\n", w.name)
	}
	w.frame = append(append(w.frame, w.data...), '\n')
	w.rest = w.frame
	return nil
}

// readLine reads one line, without its end, into w.line.
func (w *wholeEvents) readLine() error {
	w.line = w.line[:0]
	for {
		if err := w.wait(); err != nil {
			return err
		}
		chunk, _ := w.in.Peek(w.in.Buffered())
		if w.afterCR {
			w.afterCR = false
			if chunk[0] == '\n' {
				w.in.Discard(1)
				continue
			}
		}
		end := bytes.IndexAny(chunk, "\r\n")
		if end < 0 {
			end = len(chunk)
		}
		if len(w.data)+len(w.line)+end > maxEvent {
			return errTooLong
		}
		w.line = append(w.line, chunk[:end]...)
		if end == len(chunk) {
			w.in.Discard(end)
			continue
		}
		w.afterCR = chunk[end] == '\r'
		w.in.Discard(end + 1)
		if !w.started {
			w.started = true
			w.line = bytes.TrimPrefix(w.line, []byte("\xef\xbb\xbf"))
		}
		return nil
	}
}

// wait returns when at least one byte is buffered.
func (w *wholeEvents) wait() error {
	if w.in.Buffered() > 0 {
		return nil
	}
	w.watch.Reset(w.silence)
	_, err := w.in.Peek(1)
	if fired := !w.watch.Stop(); fired && err != nil {
		return errSilent
	}
	return err
}

// field takes one line of an event in.
func (w *wholeEvents) field() {
	name, value, _ := bytes.Cut(w.line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		w.data = append(append(append(w.data, "data: "...), value...), '\n')
	case "event":
		w.name = append(w.name[:0], value...)
	case "id":
		// The standard ignores an id with NUL. One that no header can
		// carry back is of as little use.
		if id := string(value); reach.HeaderValue(id) {
			w.id = id
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(value), 10, 63); err == nil {
			w.retry = time.Duration(min(ms, math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond
		}
	}
}

// heartbeat is how often the gateway says that it is there, from the data line of its hello; 0 if it doesn't say.
func heartbeat(line []byte) time.Duration {
	var hello struct {
		Heartbeat uint32 // milliseconds
	}
	if json.Unmarshal(bytes.TrimPrefix(line, []byte("data: ")), &hello) != nil {
		return 0
	}
	return time.Duration(hello.Heartbeat) * time.Millisecond
}
