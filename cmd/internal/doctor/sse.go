package doctor

import (
	"compress/gzip"
	"errors"
	"io"
	"time"

	"sluice/stream/sse"
)

// event is one event of a stream.
type event struct {
	id, name, data string
	at             time.Time // it was whole here
}

// timedReader reads events and keeps the time.
type timedReader struct{ in *sse.Reader }

// maxEvent is how long an event may be. A Kafka record is a megabyte at most, unless
// somebody has raised that.
const maxEvent = 2 << 20

var errLarge = errors.New("an event of the stream is larger than two megabytes")

func newTimedReader(r io.Reader) *timedReader { return &timedReader{sse.NewReader(r, maxEvent)} }

// next returns the next event that has data.
func (r *timedReader) next() (event, error) {
	e, err := r.in.Next()
	switch {
	case errors.Is(err, sse.ErrTooLong):
		return event{}, errLarge
	case err != nil:
		return event{}, err
	}
	return event{id: e.ID, name: e.Name, data: e.Data, at: time.Now()}, nil
}

// retry is the reconnection time last said; -1 before.
func (r *timedReader) retry() time.Duration { return r.in.Retry() }

// timedBody is a body that remembers when its bytes came.
type timedBody struct {
	io.Reader
	first, last time.Time // zero: none yet
}

func (c *timedBody) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n > 0 {
		c.last = time.Now()
		if c.first.IsZero() {
			c.first = c.last
		}
	}
	return n, err
}

// gzipText is gzip's text. It reads nothing before it is read, since the first byte may
// be late.
type gzipText struct {
	from io.Reader
	text *gzip.Reader
}

func (u *gzipText) Read(p []byte) (n int, err error) {
	if u.text == nil {
		if u.text, err = gzip.NewReader(u.from); err != nil {
			return 0, err
		}
	}
	return u.text.Read(p)
}
