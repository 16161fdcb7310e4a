package sse

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sluice/stream/ssetest"
)

// arrived is what the format can carry of a payload: lines joined by LF, U+FFFD for what
// is not UTF-8.
func arrived(data []byte) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(ssetest.DecodeUTF8(data))
}

// checkFrame reads back a frame between two others: it must be one event, itself, and
// leave both alone.
func checkFrame(t *testing.T, id, name string, data []byte) {
	t.Helper()
	wire := AppendEvent(nil, "before", "", []byte("1"))
	start := len(wire)
	wire = AppendEvent(wire, id, name, data)
	frame := wire[start:]
	wire = AppendEvent(wire, "", "after", []byte("2"))

	body := AppendBody(nil, name, data)
	if n := BodyLen(name, data); n != len(body) {
		t.Errorf("BodyLen(%q, %.80q) = %d, the body has %d bytes", name, data, n, len(body))
	}
	if !bytes.HasSuffix(frame, body) {
		t.Errorf("the frame %.80q doesn't end in the body %.80q", frame, body)
	}

	want := ssetest.Event{ID: id, HasID: id != "", Name: name, Data: arrived(data)}
	if id == "" {
		want.ID = "before"
	}
	if name == "" {
		want.Name = "message"
	}
	r := ssetest.NewReader(bytes.NewReader(wire))
	for _, want := range []ssetest.Event{
		{ID: "before", HasID: true, Name: "message", Data: "1"},
		want,
		{ID: want.ID, Name: "after", Data: "2"},
	} {
		if got, err := r.Next(); err != nil || got != want {
			t.Errorf("%.80q as %q %q: read %.200s, %v; want %.200s", data, id, name, fmt.Sprintf("%+v", got), err, fmt.Sprintf("%+v", want))
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("%.80q: after the last event: %v", data, err)
	}
	if _, set := r.Retry(); set {
		t.Errorf("%.80q set a reconnection time", data)
	}
}

var payloads = []struct{ name, data, body string }{
	{"json", `{"orderId":"o-77"}`, "data: {\"orderId\":\"o-77\"}\n\n"},
	{"empty", "", "data: \n\n"},
	{"LF", "a\nb", "data: a\ndata: b\n\n"},
	{"CR", "a\rb", "data: a\ndata: b\n\n"},
	{"CRLF", "a\r\nb", "data: a\ndata: b\n\n"},
	{"LF CR", "a\n\rb", "data: a\ndata: \ndata: b\n\n"},
	{"CR CR LF", "a\r\r\nb", "data: a\ndata: \ndata: b\n\n"},
	{"an end at the end", "a\n", "data: a\ndata: \n\n"},
	{"CR at the end", "a\r", "data: a\ndata: \n\n"},
	{"an end alone", "\n", "data: \ndata: \n\n"},
	{"ends alone", "\r\n\r\n", "data: \ndata: \ndata: \n\n"},
	{"a forged field", "a\nid: 9\r\revent: x\n\ndata: b\n\n",
		"data: a\ndata: id: 9\ndata: \ndata: event: x\ndata: \ndata: data: b\ndata: \ndata: \n\n"},
	{"leading colon", ":a", "data: :a\n\n"},
	{"leading spaces", "  a\n b", "data:   a\ndata:  b\n\n"},
	{"leading BOM", "\ufeffa", "data: \ufeffa\n\n"},
	{"NUL", "a\x00b\n\x00", "data: a\x00b\ndata: \x00\n\n"},
	{"other separators", "a\u2028b\u0085\v\f", "data: a\u2028b\u0085\v\f\n\n"},
	{"not ASCII", "é€😀\ufffd", "data: é€😀\ufffd\n\n"},
	{"invalid byte", "a\xffb", "data: a\ufffdb\n\n"},
	{"a cut rune is one U+FFFD", "a\xf0\x9f\x98", "data: a\ufffd\n\n"},
	{"a cut rune before an end", "\xe2\x82\nb", "data: \ufffd\ndata: b\n\n"},
	{"a cut rune before a whole one", "\xe2\x82é", "data: \ufffdé\n\n"},
	{"surrogate: one for each byte", "\xed\xa0\x80", "data: \ufffd\ufffd\ufffd\n\n"},
	{"overlong: one for each byte", "\xc0\xaf\xe0\x80", "data: \ufffd\ufffd\ufffd\ufffd\n\n"},
	{"maximal subparts (Unicode, table 3-11)", "\xe1\x80\xe2\xf0\x91\x92\xf1\xbfA", "data: \ufffd\ufffd\ufffd\ufffdA\n\n"},
}

func TestAppendBody(t *testing.T) {
	for _, tt := range payloads {
		if got := AppendBody(nil, "", []byte(tt.data)); string(got) != tt.body {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.body)
		}
		if got := AppendBody([]byte("x"), "a.b", []byte(tt.data)); string(got) != "xevent: a.b\n"+tt.body {
			t.Errorf("%s, named: got %q", tt.name, got)
		}
	}
}

func TestFrameReadsBack(t *testing.T) {
	for _, tt := range payloads {
		checkFrame(t, "", "", []byte(tt.data))
		checkFrame(t, "orders@kZ3fQ1:1042.998.17", "order.confirmed", []byte(tt.data))
		checkFrame(t, "s@e:_AQ~t@e:*______", " a: b ", []byte(tt.data))
	}
}

func TestFrameOfOneMebibyte(t *testing.T) {
	for _, unit := range []string{"x", "\r", "\xf0\x9f", "{\"k\": 1}\r\n"} {
		checkFrame(t, "s@e:1", "big", bytes.Repeat([]byte(unit), 1<<20/len(unit)))
	}
}

// A payload is copied, never kept: broker's buffers are its own again after Publish.
func TestAppendBodyCopies(t *testing.T) {
	data := []byte("abc")
	body := AppendBody(nil, "", data)
	data[0] = 'X'
	if string(body) != "data: abc\n\n" {
		t.Errorf("the body changed with the payload: %q", body)
	}
}

func TestAppendBodyIntoRoomDoesNotAllocate(t *testing.T) {
	for _, data := range []string{`{"orderId":"o-77"}`, "a\r\nb\xff\n"} {
		room := make([]byte, 0, BodyLen("order", []byte(data)))
		if n := testing.AllocsPerRun(10, func() { AppendBody(room, "order", []byte(data)) }); n != 0 {
			t.Errorf("%q: %v allocations", data, n)
		}
	}
}

func TestAppendFrame(t *testing.T) {
	for _, tt := range []struct{ id, name, want string }{
		{"", "", "data: x\n\n"},
		{"", "n", "event: n\ndata: x\n\n"},
		{"i", "", "id: i\ndata: x\n\n"},
		{"i", "n", "id: i\nevent: n\ndata: x\n\n"},
	} {
		if got := AppendEvent([]byte("y"), tt.id, tt.name, []byte("x")); string(got) != "y"+tt.want {
			t.Errorf("id %q, name %q: got %q", tt.id, tt.name, got)
		}
	}
}

func TestAppendRetry(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                       "retry: 0\n\n",
		-time.Second:            "retry: 0\n\n",
		1500 * time.Microsecond: "retry: 1\n\n",
		3 * time.Second:         "retry: 3000\n\n",
	} {
		wire := AppendRetry(nil, d)
		if string(wire) != want {
			t.Errorf("%v: got %q, want %q", d, wire, want)
		}
		r := ssetest.NewReader(bytes.NewReader(wire))
		if event, err := r.Next(); err != io.EOF {
			t.Errorf("%v: dispatched %+v, %v", d, event, err)
		}
		if got, ok := r.Retry(); !ok || got != max(0, d.Truncate(time.Millisecond)) {
			t.Errorf("%v: read as %v, %v", d, got, ok)
		}
	}
}

func TestEventName(t *testing.T) {
	for raw, ok := range map[string]bool{
		"order.confirmed": true, "delete": true, "Error": true, "sluice": true, "sluicex": true, " a": true, "a: b": true,
		"опл": true, "messages": true, "\ufeff": true, strings.Repeat("n", 200): true,

		"": false, "error": false, "open": false, "message": false, "sluice.": false, "sluice.hello": false,
		"a\nb": false, "a\rb": false, "a\x00": false, "a\xff": false, "a\xe2\x82": false,
		strings.Repeat("n", 201): false,
	} {
		want := raw
		if !ok {
			want = ""
		}
		if name, got := EventName([]byte(raw)); name != want || got != ok {
			t.Errorf("EventName(%q) = %q, %v", raw, name, got)
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, tt := range payloads {
		f.Add("order.confirmed", []byte(tt.data), true)
		f.Add(tt.data, []byte(tt.data), false)
	}
	f.Fuzz(func(t *testing.T, raw string, data []byte, withID bool) {
		name, ok := EventName([]byte(raw))
		if !ok && name != "" {
			t.Errorf("EventName(%q) = %q though not ok", raw, name)
		}
		id := ""
		if withID {
			id = "orders@kZ3fQ1:1042.998.17"
		}
		checkFrame(t, id, name, data)
	})
}

func BenchmarkAppendBody(b *testing.B) {
	record := []byte(`{"orderId":"o-77","status":"confirmed","note":"` + strings.Repeat("x", 251) + `"}`)
	dst := make([]byte, 0, 1<<22)
	for _, bb := range []struct {
		name string
		data []byte
	}{
		{"300", record},
		{"300 not ASCII", bytes.ReplaceAll(record, []byte("xx"), []byte("é"))},
		{"300 indented", bytes.ReplaceAll(record, []byte("xxxxxxxxxxxxxxxxxxxx"), []byte("\nxxxxxxxxxxxxxxxxxxx"))},
		{"1 MiB", bytes.Repeat(record[:256], 1<<12)},
	} {
		b.Run(bb.name+"/copy", func(b *testing.B) { // the least it could cost
			b.SetBytes(int64(len(bb.data)))
			for b.Loop() {
				dst = append(dst[:0], bb.data...)
			}
		})
		b.Run(bb.name+"/body", func(b *testing.B) {
			b.SetBytes(int64(len(bb.data)))
			for b.Loop() {
				dst = AppendBody(dst[:0], "order.confirmed", bb.data)
			}
		})
		b.Run(bb.name+"/size", func(b *testing.B) {
			b.SetBytes(int64(len(bb.data)))
			for b.Loop() {
				if BodyLen("order.confirmed", bb.data) == 0 {
					b.Fatal("no size")
				}
			}
		})
	}
}
