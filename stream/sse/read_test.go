package sse

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sluice/stream/ssetest"
)

// both reads text with the reader and with ssetest's, which shares no code with it, and
// returns what they agree on.
func both(t *testing.T, text []byte) (events []Event, lastID string, retry time.Duration) {
	t.Helper()
	judge := ssetest.NewReader(bytes.NewReader(text))
	var want []Event
	for {
		e, err := judge.Next()
		if err != nil {
			break
		}
		if e.Name == "message" {
			e.Name = ""
		}
		want = append(want, Event{ID: e.ID, Name: e.Name, Data: e.Data})
	}
	wantRetry, said := judge.Retry()
	if !said {
		wantRetry = -1
	}
	for _, in := range []io.Reader{bytes.NewReader(text), iotest.OneByteReader(bytes.NewReader(text))} {
		r := NewReader(in, 1<<20)
		events = nil
		for {
			e, err := r.Next()
			if err != nil {
				if err != io.EOF {
					t.Errorf("%q: %v", text, err)
				}
				break
			}
			if e.Name == "message" {
				e.Name = ""
			}
			events = append(events, e)
		}
		lastID, retry = r.LastID(), r.Retry()
		if !slices.Equal(events, want) || lastID != judge.LastEventID() || retry != wantRetry {
			t.Errorf("%q: %q, last id %q, retry %v; want %q, %q, %v", text, events, lastID, retry, want, judge.LastEventID(), wantRetry)
		}
	}
	return events, lastID, retry
}

func TestReader(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []Event
		lastID   string
		retry    time.Duration
	}{
		{"as it is", "id: 1\nevent: a\ndata: x\n\n", []Event{{"1", "a", "x"}}, "1", -1},
		{"cut off", "id: 1\ndata: x\n\nid: 2\ndata: y\n", []Event{{"1", "", "x"}}, "1", -1},
		{"an id is kept for events without", "id: 1\ndata: x\n\ndata: y\n\n", []Event{{"1", "", "x"}, {"1", "", "y"}}, "1", -1},
		{"without data only the position moves", "id: 1\nevent: a\n\ndata: y\n\n", []Event{{"1", "", "y"}}, "1", -1},
		{"empty data is an event", "data\n\n", []Event{{"", "", ""}}, "", -1},
		{"two lines", "data: x\ndata: y\n\n", []Event{{"", "", "x\ny"}}, "", -1},
		{"one space is the field's, the rest the data's", "data:  x\ndata:y\n\n", []Event{{"", "", " x\ny"}}, "", -1},
		{"a byte order mark, once", "\xef\xbb\xbfdata: x\n\n\xef\xbb\xbfdata: y\n\n", []Event{{"", "", "x"}}, "", -1},
		{"comments and unknown fields", ": c\nids: 1\ndata: x\n\n", []Event{{"", "", "x"}}, "", -1},
		{"LF CR", "data: x\n\rdata: y\n\r", []Event{{"", "", "x"}, {"", "", "y"}}, "", -1},
		{"an id with NUL", "id: 1\ndata: x\n\nid: a\x00\ndata: y\n\n", []Event{{"1", "", "x"}, {"1", "", "y"}}, "1", -1},
		{"an empty id takes it back", "id: 1\ndata: x\n\nid\ndata: y\n\n", []Event{{"1", "", "x"}, {"", "", "y"}}, "", -1},
		{"retry counts at once, and in digits only", "retry: 150\nretry: +1\nretry: 2s\nretry:\n", nil, "", 150 * time.Millisecond},
		{"a retry beyond all bounds", "retry: 99999999999999999999\n", nil, "", 1<<63 - 1},
		{"what is no UTF-8", "event: \xff\ndata: a\xe2\x82b\n\n", []Event{{"", "\ufffd", "a\ufffdb"}}, "", -1},
	} {
		for _, newline := range []string{"\n", "\r\n", "\r"} {
			if strings.Contains(tt.in, "\r") && newline != "\n" {
				continue
			}
			got, lastID, retry := both(t, []byte(strings.ReplaceAll(tt.in, "\n", newline)))
			if !slices.Equal(got, tt.want) || lastID != tt.lastID || retry != tt.retry {
				t.Errorf("%s, newline %q: %q, last id %q, retry %v; want %q, %q, %v", tt.name, newline, got, lastID, retry, tt.want, tt.lastID, tt.retry)
			}
		}
	}
}

// A server that never ends an event takes no more memory than one event may.
func TestReaderBoundsAnEvent(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want error
	}{
		{"data: 45678901\n\n", io.EOF},
		{"data: 456789012\n\n", ErrTooLong},
		{"data: 45\ndata: 4\n\n", ErrTooLong},
		{": a comment that is too long", ErrTooLong},
		{": a\n: b\n: c\n: d\n: e\n\n", io.EOF},
		{"data: 45678\n\ndata: 45678\n\n", io.EOF},
	} {
		r := NewReader(strings.NewReader(tt.in), 14)
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%q: %v, want %v", tt.in, err, tt.want)
		}
	}
}

// An event is returned while the connection stays open and silent after it.
func TestReaderDoesNotWaitForWhatFollows(t *testing.T) {
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r"} {
		in, out := io.Pipe()
		go out.Write([]byte("data: x" + end))
		r := NewReader(in, 100)
		r.SetLastID("before")
		if e, err := r.Next(); err != nil || e.Data != "x" || e.ID != "before" {
			t.Errorf("%q: %+v, %v", end, e, err)
		}
		in.Close()
	}
}

// Whatever comes, the two readers agree, and what was read is written so that it reads
// the same.
func FuzzReader(f *testing.F) {
	for _, text := range []string{
		"id: 1\nevent: a\ndata: x\n\n", "data\r\rdata:\r\n\r\n", "\xef\xbb\xbfid\ndata: \xf0\x9f\n\n", "retry: 1\n:\n\n", "id: \x00\ndata:  x\n\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<19 {
			return
		}
		events, _, _ := both(t, text)
		var wire []byte
		for _, e := range events {
			wire = AppendEvent(wire, e.ID, e.Name, []byte(e.Data))
		}
		again := NewReader(bytes.NewReader(wire), 4<<20)
		last := ""
		for _, e := range events {
			if e.ID == "" {
				e.ID = last // an id line that says nothing is not written
			}
			if got, err := again.Next(); err != nil || got != e {
				t.Errorf("%q was read as %+v, %v; want %+v", wire, got, err, e)
			}
			last = e.ID
		}
	})
}
