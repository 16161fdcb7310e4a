package ws

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// frame is a client's: masked.
func frame(first byte, payload string) []byte {
	b := AppendFrame(nil, Opcode(first&0x0F), []byte(payload))
	head := len(b) - len(payload)
	b[0], b[1] = first, b[1]|0x80
	mask := []byte{1, 2, 3, 4}
	masked := append(slices.Clone(b[:head]), mask...)
	for i := range payload {
		masked = append(masked, payload[i]^mask[i&3])
	}
	return masked
}

const (
	final      = 0x80
	text       = final | byte(Text)
	binaryData = final | byte(Binary)
	ping       = final | byte(Ping)
	closing    = final | byte(Close)
	more       = byte(Continuation)
)

func join(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

// read feeds bytes in pieces of a size, and says what came of them.
func read(limit, size int, p []byte) string {
	r := &Reader{Limit: limit}
	var got []string
	for piece := range slices.Chunk(slices.Clone(p), size) {
		err := r.Feed(piece, func(op Opcode, payload []byte) error {
			got = append(got, fmt.Sprintf("%d %.20q", op, payload))
			return nil
		})
		var wrong *Error
		if errors.As(err, &wrong) {
			return strings.Join(append(got, fmt.Sprint(wrong.Code)), ", ")
		}
		if err != nil {
			return strings.Join(append(got, err.Error()), ", ")
		}
	}
	if r.data != nil || r.control != nil {
		got = append(got, "holds memory")
	}
	return strings.Join(got, ", ")
}

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for name, tt := range map[string]struct {
		in   []byte
		want string
	}{
		"a text":                      {frame(text, "hello"), `1 "hello"`},
		"an empty one":                {frame(text, ""), `1 ""`},
		"two":                         {join(frame(text, "a"), frame(binaryData, "\xff")), `1 "a", 2 "\xff"`},
		"126 bytes":                   {frame(text, long[:126]), fmt.Sprintf("1 %.20q", long)},
		"70,000 bytes":                {frame(text, long), fmt.Sprintf("1 %.20q", long)},
		"fragments":                   {join(frame(byte(Text), "a"), frame(more, "b"), frame(final|more, "c")), `1 "abc"`},
		"a ping within":               {join(frame(byte(Text), "a"), frame(ping, "?"), frame(final|more, "c")), `9 "?", 1 "ac"`},
		"a character in two":          {join(frame(byte(Text), "\xe2\x82"), frame(final|more, "\xac")), `1 "€"`},
		"the end":                     {join(frame(closing, "\x03\xe8bye"), frame(text, "x")), `8 "\x03\xe8bye", ws: closed by the other side`},
		"the end without a code":      {frame(closing, ""), `8 "", ws: closed by the other side`},
		"half a code":                 {frame(closing, "\x03"), "1002"},
		"a code that isn't sent":      {frame(closing, "\x03\xed"), "1002"},
		"a reason that isn't UTF-8":   {frame(closing, "\x03\xe8\xff"), "1007"},
		"not masked":                  {AppendFrame(nil, Text, []byte("a")), "1002"},
		"a reserved bit":              {frame(text|0x40, "a"), "1002"},
		"an opcode":                   {frame(final|3, "a"), "1002"},
		"a control opcode":            {frame(final|11, "a"), "1002"},
		"a long ping":                 {frame(ping, long[:126]), "1002"},
		"a ping in fragments":         {frame(byte(Ping), "a"), "1002"},
		"nothing to continue":         {frame(final|more, "a"), "1002"},
		"a message within a message":  {join(frame(byte(Text), "a"), frame(text, "b")), "1002"},
		"not UTF-8":                   {frame(text, "a\xff"), "1007"},
		"a character that is cut":     {frame(text, "\xe2\x82"), "1007"},
		"wrong before its end":        {frame(byte(Text), "\xf4\x90"), "1007"},
		"half of a pair":              {frame(byte(Text), "\xed\xa0"), "1007"},
		"shorter than it could be":    {[]byte{text, 0x80 | 126, 0, 5, 1, 2, 3, 4}, "1002"},
		"much shorter":                {[]byte{text, 0x80 | 127, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4}, "1002"},
		"a length that is negative":   {[]byte{text, 0x80 | 127, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}, "1002"},
		"longer than there are bytes": {[]byte{text, 0x80 | 127, 0x7F, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4}, "1009"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 7, 1 << 20} {
				if got := read(100_000, size, tt.in); got != tt.want {
					t.Errorf("in pieces of %d: %s; want %s", size, got, tt.want)
				}
			}
		})
	}
}

// A message is too long as soon as that is known, in one frame or in many.
func TestLimit(t *testing.T) {
	if got := read(4, 1, frame(text, "abcd")); got != `1 "abcd"` {
		t.Error(got)
	}
	if got := read(4, 100, frame(text, "abcde")[:6]); got != "1009" {
		t.Errorf("the header alone: %s", got)
	}
	if got := read(4, 1, join(frame(byte(Text), "abc"), frame(final|more, "de"))); got != "1009" {
		t.Errorf("fragments: %s", got)
	}
	if got := read(4, 1, frame(ping, "abcdefgh")); got != `9 "abcdefgh"` {
		t.Errorf("a control frame has its own limit: %s", got)
	}
}

// A message of nothing but empty frames would be read without end.
func TestFragmentsAreBounded(t *testing.T) {
	r := Reader{Fragments: 3}
	take := func(Opcode, []byte) error { return nil }
	if err := r.Feed(join(frame(byte(Text), ""), frame(more, ""), frame(final|more, ""), frame(byte(Text), ""), frame(more, "")), take); err != nil {
		t.Fatal(err)
	}
	var wrong *Error
	if err := r.Feed(join(frame(more, ""), frame(more, "")), take); !errors.As(err, &wrong) || wrong.Code != Policy {
		t.Errorf("%v", err)
	}
}

// What take returns ends the reading.
func TestFeedFails(t *testing.T) {
	failed := errors.New("enough")
	n := 0
	err := new(Reader).Feed(join(frame(text, "a"), frame(text, "b")), func(Opcode, []byte) error { n++; return failed })
	if err != failed || n != 1 {
		t.Errorf("%v after %d", err, n)
	}
}

func TestWrite(t *testing.T) {
	for _, n := range []int{0, 125, 126, 65535, 65536, 1 << 20} {
		b := AppendFrame([]byte("x"), Binary, make([]byte, n))[1:]
		head := len(b) - n
		if b[0] != final|byte(Binary) || head > MaxHeader || head != len(AppendHeader(nil, Binary, n)) {
			t.Errorf("%d bytes: % x", n, b[:head])
		}
	}
	long := AppendClose(nil, TryLater, strings.Repeat("é", 100))
	if len(long) > 2+maxControl || !utf8.Valid(long[4:]) || CloseCode(long[2:]) != TryLater {
		t.Errorf("a long reason: % x", long)
	}
	if got := AppendCloseReply(nil, []byte("\x03\xe9a reason")); !bytes.Equal(got, []byte{closing, 2, 3, 0xe9}) || CloseCode(nil) != noStatus {
		t.Errorf("the reply: % x", got)
	}
	if got := AppendClose(nil, Normal, "\xff"); len(got) != 4 {
		t.Errorf("a reason that is not UTF-8: % x", got)
	}
}

func TestCheck(t *testing.T) {
	sound := func() *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/ws", nil)
		for name, value := range map[string]string{
			"Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
			"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "sluice.v1, sluice.bearer.x",
		} {
			r.Header.Set(name, value)
		}
		return r
	}
	shake, ok := Check(sound())
	if !ok || !slices.Equal(shake.Protocols, []string{"sluice.v1", "sluice.bearer.x"}) {
		t.Errorf("%v %v", shake, ok)
	}
	if got := Accept(shake.Key); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455, section 1.3
		t.Error(got)
	}
	for name, change := range map[string]func(*http.Request){
		"a POST":          func(r *http.Request) { r.Method = http.MethodPost },
		"HTTP/1.0":        func(r *http.Request) { r.ProtoMinor = 0 },
		"HTTP/2":          func(r *http.Request) { r.ProtoMajor, r.ProtoMinor = 2, 0 },
		"no upgrade":      func(r *http.Request) { r.Header.Del("Upgrade") },
		"another":         func(r *http.Request) { r.Header.Set("Upgrade", "h2c") },
		"no connection":   func(r *http.Request) { r.Header.Set("Connection", "close") },
		"another version": func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") },
		"no key":          func(r *http.Request) { r.Header.Del("Sec-WebSocket-Key") },
		"a short key":     func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "YQ==") },
		"no base64":       func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "!") },
	} {
		r := sound()
		if change(r); func() bool { _, ok := Check(r); return ok }() {
			t.Errorf("%s is no handshake", name)
		}
	}
}

// Another's client and this server agree.
func TestCoderWebsocket(t *testing.T) { talkToEcho(t, echo(t)) }

func talkToEcho(t *testing.T, s *httptest.Server) {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(-1)
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		want := bytes.Repeat([]byte("é"), n)
		if err := c.Write(t.Context(), websocket.MessageText, want); err != nil {
			t.Fatal(err)
		}
		if kind, got, err := c.Read(t.Context()); err != nil || kind != websocket.MessageText || !bytes.Equal(got, want) {
			t.Fatalf("%d: %d bytes, %v", n, len(got), err)
		}
	}
	ctx := c.CloseRead(t.Context())
	if err := c.Ping(ctx); err != nil {
		t.Error(err)
	}
	if err := c.Close(websocket.StatusNormalClosure, "bye"); err != nil {
		t.Error(err)
	}
}

// FuzzReader finds panics, and what is read another way in other pieces.
func FuzzReader(f *testing.F) {
	f.Add(join(frame(byte(Text), "a"), frame(ping, "?"), frame(final|more, "€")), 3)
	f.Add(frame(closing, "\x03\xe8bye"), 1)
	f.Add([]byte{text, 0x80 | 126, 0, 5, 1, 2, 3, 4}, 2)
	f.Fuzz(func(t *testing.T, p []byte, size int) {
		if size < 1 || size > 1<<10 || len(p) == 0 {
			return
		}
		if one, other := read(1<<16, len(p), p), read(1<<16, size, p); one != other && !strings.HasSuffix(one, "holds memory") && !strings.HasSuffix(other, "holds memory") {
			t.Errorf("at once %s, in pieces of %d %s", one, size, other)
		}
	})
}
