package hold

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestBytes compares whole answers. The head is as net/http would write it, with the
// framing of the protocol's version and its end.
func TestBytes(t *testing.T) {
	r := newRig(t, nil)
	for i, tt := range []struct{ name, request, want string }{
		{"1.1 is chunked", get11, "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Middleware: was here\r\nDate: -\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"6\r\nhello\n\r\n" + "c\r\n" + "first\nsecond" + "\r\n0\r\n\r\n"},
		{"1.0 ends with the connection", get10, "HTTP/1.0 200 OK\r\nConnection: close\r\nX-Middleware: was here\r\nDate: -\r\n\r\n" +
			"hello\nfirst\nsecond"},
		{"1.0 that would keep it alive", "GET /?n=%n HTTP/1.0\nConnection: keep-alive\n\n", "HTTP/1.0 200 OK\r\nConnection: close\r\nX-Middleware: was here\r\nDate: -\r\n\r\n" +
			"hello\nfirst\nsecond"},
	} {
		k := key(i)
		conn := r.dial(k, tt.request)
		opening := make([]byte, strings.Index(tt.want, "hello\n")+len("hello\n")+len("Mon, 02 Jan 2006 15:04:05 GMT")-len("-"))
		if _, err := io.ReadFull(conn, opening); err != nil {
			t.Fatal(err)
		}
		r.edit(k, func(f *feed) {
			f.pending = [][]byte{[]byte("first\n"), nil, []byte("second")}
			f.end = true
		})
		rest, err := io.ReadAll(conn)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		got := regexp.MustCompile(`Date: [^\r]*`).ReplaceAllString(string(opening)+string(rest), "Date: -")
		if got != tt.want {
			t.Errorf("%s: got\n%q\nwant\n%q", tt.name, got, tt.want)
		}
		conn.Close()
		r.wantGone(k, Ended)
	}
	r.wantEmpty()
}

// TestEmptyEnd: a stream that ends with nothing more to say ends with the last chunk
// alone.
func TestEmptyEnd(t *testing.T) {
	r := newRig(t, nil)
	c := r.open(1)
	r.end(1)
	c.wantEnd()
}

// TestHeadIsHarmless: whatever a handler put into a header value, it stays in its line.
// The fields of framing are ours.
func TestHeadIsHarmless(t *testing.T) {
	header := http.Header{"X-A": {"b\r\nX-Forged: yes"}, "Content-Length": {"3"}, "Transfer-Encoding": {"gzip"}, "Connection": {"keep-alive"}, "Vary": {"Origin", "Accept"}}
	got := regexp.MustCompile(`Date: [^\r]*`).ReplaceAllString(string(appendHead(nil, header, true)), "Date: -")
	want := "HTTP/1.1 200 OK\r\nConnection: close\r\nVary: Origin\r\nVary: Accept\r\nX-A: b  X-Forged: yes\r\nDate: -\r\nTransfer-Encoding: chunked\r\n\r\n"
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if header.Get("Content-Length") != "3" {
		t.Error("the handler's own header was changed")
	}
}

// TestWhatIsNotTaken: a request that would have to be read, or can't be hijacked, stays
// with net/http.
func TestWhatIsNotTaken(t *testing.T) {
	r := newRig(t, nil)
	for _, request := range []string{
		"GET /?n=1 HTTP/1.1\nHost: x\nContent-Length: 2\nConnection: close\n\nhi",
		"GET /?n=1 HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nConnection: close\n\n2\nhi\n0\n\n",
	} {
		answer, err := io.ReadAll(r.dial(1, request))
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 418 ") {
			t.Errorf("got %q, %v; want the handler's own answer", answer, err)
		}
	}
	if r.holder.Can(struct{ http.ResponseWriter }{}, &http.Request{ProtoMajor: 1}) {
		t.Error("would take what can't be hijacked")
	}
	if r.holder.Can(nil, &http.Request{ProtoMajor: 2}) {
		t.Error("would take HTTP/2")
	}
	r.wantEmpty()
}

// TestGone: each way a client goes away is noticed though nothing is being written.
func TestGone(t *testing.T) {
	r := newRig(t, nil)
	for i, tt := range []struct {
		name  string
		leave func(c *client) error
	}{
		{"close", func(c *client) error { return c.Close() }},
		{"half-close, which net/http takes for the same", func(c *client) error { return c.CloseWrite() }},
		{"reset", func(c *client) error { c.SetLinger(0); return c.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := r.open(key(i))
			r.send(key(i), []byte("x"))
			c.want("x")
			if err := tt.leave(c); err != nil {
				t.Fatal(err)
			}
			r.wantGone(key(i), Gone)
			r.wantEmpty()
		})
	}
	t.Run("half-close with the request", func(t *testing.T) {
		r.dial(9, get11).CloseWrite()
		eventually(t, "the handler ran", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.feed(9).slot != SlotRef{} })
		r.wantEmpty()
	})
}

// TestInputIsNobodys: whatever a client sends after its request is not answered and
// disturbs nothing. It doesn't cost the client the end of the stream, as a close with
// input unread would.
func TestInputIsNobodys(t *testing.T) {
	r := newRig(t, nil)
	junk := bytes.Repeat([]byte("junk"), 1<<10)
	for i, more := range []string{"GET /?n=77 HTTP/1.1\nHost: x\n\n", "\x00\x16\x03\x01", string(junk)} {
		k := key(i)
		c := r.begun(r.dial(k, get11+more))
		r.send(k, []byte("before\n"))
		c.want("before\n")
		if _, err := c.Write(junk); err != nil {
			t.Fatal(err)
		}
		r.send(k, []byte("after\n"))
		r.end(k)
		c.want("after\n")
		c.wantEnd()
		if n, err := c.Read(make([]byte, 1)); n > 0 || err != io.EOF {
			t.Errorf("after the end: %d bytes, %v", n, err)
		}
		c.Close()
		r.wantGone(k, Ended)
	}
	if len(r.whys(77)) > 0 || r.feed(77).slot != (SlotRef{}) {
		t.Error("the second request was served")
	}
	r.wantEmpty()
}
