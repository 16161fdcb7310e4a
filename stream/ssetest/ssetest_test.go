package ssetest

import (
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func message(data string) Event        { return Event{Name: "message", Data: data} }
func named(name, data string) Event    { return Event{Name: name, Data: data} }
func withID(e Event, id string) Event  { e.ID, e.HasID = id, true; return e }
func afterID(e Event, id string) Event { e.ID = id; return e }
func retry(e Event, ms int64) Event {
	e.Retry, e.HasRetry = time.Duration(ms)*time.Millisecond, true
	return e
}
func events(list ...Event) []Event      { return list }
func splitAt(s string, i int) io.Reader { return &pieces{s[:i], s[i:]} }

// pieces is a reader that gives each string in a separate Read.
type pieces []string

func (p *pieces) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	if (*p)[0] = (*p)[0][n:]; (*p)[0] == "" {
		*p = (*p)[1:]
	}
	return n, nil
}

var streams = []struct {
	name, in string
	want     []Event
	lastID   string
}{
	// The examples of the standard.
	{"standard: three lines of data", "data: YHOO\ndata: +2\ndata: 10\n\n", events(message("YHOO\n+2\n10")), ""},
	{"standard: comment, id, id reset, unfinished",
		": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
		events(withID(message("first event"), "1"), withID(message("second event"), "")), ""},
	{"standard: leading space of the third", "data:  third event\n\n", events(message(" third event")), ""},
	{"standard: data without colon", "data\n\ndata\ndata\n\ndata:", events(message(""), message("\n")), ""},
	{"standard: one space after the colon is not data", "data:test\n\ndata: test\n\n", events(message("test"), message("test")), ""},
	{"standard: names", "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
		events(named("add", "73857293"), named("remove", "2153"), named("add", "113411")), ""},

	// As web-platform-tests has them.
	{"wpt: field parsing", "data:\x00\ndata:  2\rData:1\ndata\x00:2\ndata:1\r\x00data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
		events(message("\x00\n 2\n1\n3\n\n4")), ""},
	{"wpt: a BOM", "\ufeffdata:1\n\n\ufeffdata:2\n\ndata:3\n\n", events(message("1"), message("3")), ""},
	{"wpt: two BOMs", "\ufeff\ufeffdata:1\n\ndata:2\n\ndata:3\n\n", events(message("2"), message("3")), ""},
	{"wpt: id with NUL is ignored", "id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\n",
		events(withID(message("a"), "1"), afterID(message("b"), "1")), "1"},

	// Line ends.
	{"LF", "event: a\ndata: b\n\n", events(named("a", "b")), ""},
	{"CR", "event: a\rdata: b\r\r", events(named("a", "b")), ""},
	{"CRLF", "event: a\r\ndata: b\r\n\r\n", events(named("a", "b")), ""},
	{"LF CR is two ends", "data: a\n\rdata: b\n\r", events(message("a"), message("b")), ""},
	{"CRLF then LF", "data: a\r\n\ndata: b\r\n\n", events(message("a"), message("b")), ""},
	{"no other end", "data: a\u2028\u0085\v\fb\n\n", events(message("a\u2028\u0085\v\fb")), ""},

	// Fields.
	{"comments", ":\n: x\ndata: a\n:data: b\n\n", events(message("a")), ""},
	{"unknown fields", "foo: 1\nbar\nDATA: x\n data: y\ndata : z\ndata: a\n\n", events(message("a")), ""},
	{"the last name wins", "event: a\nevent: b\ndata: x\n\n", events(named("b", "x")), ""},
	{"an empty name is none", "event: a\nevent\ndata: x\n\n", events(message("x")), ""},
	{"a name without data is forgotten", "event: a\n\ndata: x\n\n", events(message("x")), ""},
	{"a colon in the value", "data: a: b\n\n", events(message("a: b")), ""},
	{"a leading colon", "data::a\n\n", events(message(":a")), ""},
	{"many empty lines", "\n\n\n\ndata: a\n\n\n\n", events(message("a")), ""},
	{"bad UTF-8", "data: \xe2\x82\ndata: a\xffb\n\n", events(message("\ufffd\na\ufffdb")), ""},

	// Ids.
	{"an id persists", "id: 7\ndata: a\n\ndata: b\n\n", events(withID(message("a"), "7"), afterID(message("b"), "7")), "7"},
	{"an id alone moves the cursor and dispatches nothing", "data: a\n\nid: 9\n\n", events(message("a")), "9"},
	{"an id alone is seen by the next event", "id: 9\n\ndata: a\n\n", events(afterID(message("a"), "9")), "9"},
	{"the id of an unfinished block does not count", "id: 1\ndata: a\n\nid: 2\ndata: b\n", events(withID(message("a"), "1")), "1"},
	{"a cursor as sluice writes it", "id: orders@kZ3fQ1:1.2~a@0:_AQ*abc_-9\ndata: a\n\n",
		events(withID(message("a"), "orders@kZ3fQ1:1.2~a@0:_AQ*abc_-9")), "orders@kZ3fQ1:1.2~a@0:_AQ*abc_-9"},

	// Retry.
	{"retry", "retry: 150\ndata: a\n\n", events(retry(message("a"), 150)), ""},
	{"retry in another block", "retry: 150\n\ndata: a\n\n", events(message("a")), ""},
	{"retry must be digits", "retry: 1.5\nretry: -1\nretry: 1e3\nretry: \nretry: 12 \ndata: a\n\n", events(message("a")), ""},
	{"retry beyond all bounds", "retry: 99999999999999999999999\ndata: a\n\n",
		events(Event{Name: "message", Data: "a", Retry: math.MaxInt64, HasRetry: true}), ""},

	// Ends.
	{"nothing", "", nil, ""},
	{"only a BOM", "\ufeff", nil, ""},
	{"no empty line", "data: a\n", nil, ""},
	{"cut in the line", "data: a\n\ndata: b", events(message("a")), ""},
}

func readAll(t *testing.T, r *Reader) []Event {
	t.Helper()
	var got []Event
	for {
		event, err := r.Next()
		if err == io.EOF {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, event)
	}
}

func TestReader(t *testing.T) {
	for _, tt := range streams {
		t.Run(tt.name, func(t *testing.T) {
			check := func(how string, in io.Reader) {
				t.Helper()
				r := NewReader(in)
				if got := readAll(t, r); !slices.Equal(got, tt.want) {
					t.Errorf("%s: got %+v, want %+v", how, got, tt.want)
				}
				if r.LastEventID() != tt.lastID {
					t.Errorf("%s: last event id %q, want %q", how, r.LastEventID(), tt.lastID)
				}
			}
			for i := range len(tt.in) + 1 {
				check("in two pieces", splitAt(tt.in, i))
			}
			check("byte by byte", iotest.OneByteReader(strings.NewReader(tt.in)))
			check("data with the error", iotest.DataErrReader(strings.NewReader(tt.in)))
		})
	}
}

// An event whose last line ends in CR must not wait for the byte after it.
func TestCRDispatchesAtOnce(t *testing.T) {
	r := NewReader(io.MultiReader(strings.NewReader("data: a\r\r"), iotest.ErrReader(io.ErrClosedPipe)))
	if event, err := r.Next(); err != nil || event != message("a") {
		t.Errorf("got %+v, %v", event, err)
	}
	if _, err := r.Next(); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want the reader's own error", err)
	}
}

// LastEventID stands at the event returned, though later blocks have already been
// received.
func TestLastEventIDDoesNotRunAhead(t *testing.T) {
	r := NewReader(strings.NewReader("id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n"))
	for _, want := range []string{"1", "2"} {
		if event, err := r.Next(); err != nil || event.ID != want || r.LastEventID() != want {
			t.Errorf("got %+v, %v and last event id %q; want %q", event, err, r.LastEventID(), want)
		}
	}
	if _, err := r.Next(); err != io.EOF || r.LastEventID() != "3" {
		t.Errorf("at the end: %v, last event id %q", err, r.LastEventID())
	}
}

func TestRetryCountsAtOnce(t *testing.T) {
	r := NewReader(strings.NewReader("retry: 10\n\nretry: 20"))
	if _, ok := r.Retry(); ok {
		t.Error("a retry before the first byte")
	}
	readAll(t, r)
	if d, ok := r.Retry(); !ok || d != 10*time.Millisecond {
		t.Errorf("got %v, %v; want 10ms: the second line was cut", d, ok)
	}
}

func TestMaxLine(t *testing.T) {
	in := "data: " + strings.Repeat("x", 10) + "\n\n"
	for _, tt := range []struct {
		max int
		err error
	}{{16, nil}, {15, ErrLineTooLong}} {
		r := NewReader(strings.NewReader(in))
		r.MaxLine = tt.max
		if _, err := r.Next(); !errors.Is(err, tt.err) {
			t.Errorf("MaxLine %d: got %v, want %v", tt.max, err, tt.err)
		}
	}
}
