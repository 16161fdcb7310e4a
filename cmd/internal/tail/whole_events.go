package tail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/cmd/internal/reach"
	"sluice/stream/sse"
)

// maxEvent bounds what one event may take in memory. A Kafka record of the
// broker's default limit is 1 MiB. Those who raised that rarely passed 16.
const maxEvent = 16 << 20

// errTooLong is returned for an event beyond maxEvent. Trying again would only
// meet the same event again.
var errTooLong = fmt.Errorf("an event is longer than %d MiB", maxEvent>>20)

// firstSilence is how long a server may be silent that has not said how often its heart
// beats.
const firstSilence = time.Minute

// errSilent is returned when the connection was silent for too long, heartbeats
// included: the other side is gone, but no packet has said so.
var errSilent = errors.New("the server has gone silent")

// wholeEvents stands between the network and the r3labs client and hands on whole events
// only: everything up to a blank line, or nothing. The client itself takes a frame that a
// lost connection cut off for a whole one and keeps its id, so the rest of that event
// would never be seen. Package sse reads, and writes the one form that the client reads
// right.
//
// Each Read returns bytes of one event. The client's scanner searches all that it has
// buffered anew for each event, so more would cost the square.
type wholeEvents struct {
	body *timedBody
	in   *sse.Reader

	// lastID is the id of the last whole event. The caller that started the client may read
	// it when the client has returned. By then the client has handed on every event that was
	// read from here.
	lastID string

	frame []byte // the event ready for the client
	rest  []byte // the part of frame not yet read by it
}

func newWholeEvents(body io.ReadCloser, lastID string) *wholeEvents {
	w := &wholeEvents{body: watchSilence(body), lastID: lastID}
	w.in = sse.NewReader(w.body, maxEvent)
	w.in.SetLastID(lastID)
	return w
}

// Read returns bytes of one whole event. It fails with what the network says, io.EOF
// included, whether or not an event had begun; with errSilent; or with errTooLong.
func (w *wholeEvents) Read(p []byte) (int, error) {
	if len(w.rest) == 0 {
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// Close closes the network's side.
func (w *wholeEvents) Close() error { return w.body.Close() }

// retry is the server's last word on when to come back; -1 before the first.
func (w *wholeEvents) retry() time.Duration { return w.in.Retry() }

// next reads an event. A block without data only moves the position: no event, says the
// standard, and the client couldn't tell it from one with empty data.
func (w *wholeEvents) next() error {
	e, err := w.in.Next()
	if id := w.in.LastID(); reach.HeaderValue(id) { // one that no header can carry back is of no use
		w.lastID = id
	}
	switch {
	case errors.Is(err, sse.ErrTooLong):
		return errTooLong
	case err != nil:
		return err
	}
	if e.Name == "sluice.hello" {
		if beat := heartbeat(e.Data); beat > 0 {
			w.body.silence = 3 * beat // two may be late
		}
	}
	w.frame = sse.AppendEvent(w.frame[:0], w.lastID, e.Name, []byte(e.Data))
	w.rest = w.frame
	return nil
}

// timedBody watches over a connection that may have died without a packet saying so. The
// watch is stopped while nothing is being read: a full terminal is not the server's
// silence.
type timedBody struct {
	io.ReadCloser
	timer   *time.Timer   // closes the body when it fires
	silence time.Duration // how long a read may last
}

func watchSilence(body io.ReadCloser) *timedBody {
	return &timedBody{body, time.AfterFunc(firstSilence, func() { body.Close() }), firstSilence}
}

func (w *timedBody) Read(p []byte) (int, error) {
	w.timer.Reset(w.silence)
	n, err := w.ReadCloser.Read(p)
	if fired := !w.timer.Stop(); fired && err != nil {
		err = errSilent
	}
	return n, err
}

func (w *timedBody) Close() error {
	w.timer.Stop()
	return w.ReadCloser.Close()
}

// heartbeat is how often the gateway says that it is there, from the data of its hello; 0
// if it doesn't say.
func heartbeat(data string) time.Duration {
	var hello struct {
		Heartbeat uint32 // milliseconds
	}
	if json.Unmarshal([]byte(data), &hello) != nil {
		return 0
	}
	return time.Duration(hello.Heartbeat) * time.Millisecond
}
