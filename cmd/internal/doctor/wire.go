package doctor

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// event is one event of a stream, or a block that only sets the retry time.
type event struct {
	id, name, data string
	at             time.Time // it was whole here
}

// reader reads events and keeps the time.
type reader struct {
	in    *bufio.Reader
	retry time.Duration // last said; -1 before
}

// maxEvent is how long an event may be: a Kafka record is a megabyte at most, unless somebody has raised that.
const maxEvent = 2 << 20

var errLarge = errors.New("an event of the stream is larger than two megabytes")

func newReader(r io.Reader) *reader { return &reader{in: bufio.NewReaderSize(r, maxEvent), retry: -1} }

// next returns the next event that has data.
func (r *reader) next() (event, error) {
	var e event
	var data []string
	size := 0
	for {
		line, err := r.in.ReadSlice('\n')
		if size += len(line); err == bufio.ErrBufferFull || size > maxEvent {
			err = errLarge
		}
		if err != nil {
			return event{}, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		name, value, _ := strings.Cut(text, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case text == "" && data != nil:
			e.data, e.at = strings.Join(data, "\n"), time.Now()
			return e, nil
		case text == "": // a block without data
			e.name = ""
		case name == "data":
			data = append(data, value)
		case name == "event":
			e.name = value
		case name == "id":
			e.id = value
		case name == "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				r.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

// clocked is a body that remembers when its bytes came.
type clocked struct {
	io.Reader
	first, last time.Time // zero: none yet
}

func (c *clocked) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n > 0 {
		c.last = time.Now()
		if c.first.IsZero() {
			c.first = c.last
		}
	}
	return n, err
}

// unzipped is gzip's text. It reads nothing before it is read, since the first byte may be late.
type unzipped struct {
	from io.Reader
	text *gzip.Reader
}

func (u *unzipped) Read(p []byte) (n int, err error) {
	if u.text == nil {
		if u.text, err = gzip.NewReader(u.from); err != nil {
			return 0, err
		}
	}
	return u.text.Read(p)
}
