package tail

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestWholeEvents(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		lastID         string
		retry          time.Duration
	}{
		{"as it is", "id: 1\nevent: a\ndata: x\n\n", "id: 1\nevent: a\ndata: x\n\n", "1", -1},
		{"cut off", "id: 1\ndata: x\n\nid: 2\ndata: y\n", "id: 1\ndata: x\n\n", "1", -1},
		{"an id is kept for events without", "id: 1\ndata: x\n\ndata: y\n\n", "id: 1\ndata: x\n\nid: 1\ndata: y\n\n", "1", -1},
		{"without data only the position moves", "id: 1\nevent: a\n\ndata: y\n\n", "id: 1\ndata: y\n\n", "1", -1},
		{"empty data is an event", "data\n\n", "data: \n\n", "", -1},
		{"one space is the field's, the rest the data's", "data:  x\ndata:y\n\n", "data:  x\ndata: y\n\n", "", -1},
		{"a byte order mark, once", "\xef\xbb\xbfdata: x\n\n\xef\xbb\xbfdata: y\n\n", "data: x\n\n", "", -1},
		{"comments and unknown fields", ": c\nids: 1\ndata: x\n\n", "data: x\n\n", "", -1},
		{"LF CR, which the client alone takes for one event", "data: x\n\rdata: y\n\r", "data: x\n\ndata: y\n\n", "", -1},
		{"an id that no header carries", "id: 1\ndata: x\n\nid: \x00\ndata: y\n\n", "id: 1\ndata: x\n\nid: 1\ndata: y\n\n", "1", -1},
		{"an empty id takes it back", "id: 1\ndata: x\n\nid\ndata: y\n\n", "id: 1\ndata: x\n\ndata: y\n\n", "", -1},
		{"retry counts at once, and in digits only", "retry: 150\nretry: +1\nretry: 2s\n", "", "", 150 * time.Millisecond},
	} {
		for _, newline := range []string{"\n", "\r\n", "\r"} {
			if strings.Contains(tt.in, "\r") && newline != "\n" {
				continue
			}
			in := strings.NewReader(strings.ReplaceAll(tt.in, "\n", newline))
			for _, src := range []io.Reader{in, iotest.OneByteReader(in)} {
				in.Seek(0, io.SeekStart)
				w := newWholeEvents(io.NopCloser(src), "")
				got, err := io.ReadAll(w)
				if err != nil || string(got) != tt.want || w.lastID != tt.lastID || w.retry() != tt.retry {
					t.Errorf("%s, newline %q: %q, %v, last id %q, retry %v; want %q, %q, %v",
						tt.name, newline, got, err, w.lastID, w.retry(), tt.want, tt.lastID, tt.retry)
				}
			}
		}
	}
}
