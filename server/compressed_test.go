package server

import (
	"bufio"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sluice/server/listen"
	"sluice/stream"
	"sluice/stream/ssetest"
)

// compressing has events of 600 bytes and more compressed.
func compressing(c *Config) { c.Compress = 600 }

const takesGzip = "gzip, deflate, br"

// unzip has the rest of an answer read as its coding says. It fails if there is none.
func (o *opened) unzip() *opened {
	o.t.Helper()
	if coding := o.Header.Get("Content-Encoding"); o.StatusCode != http.StatusOK || coding != "gzip" {
		o.t.Fatalf("status %d, Content-Encoding %q", o.StatusCode, coding)
	}
	z, err := gzip.NewReader(o.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	z.Multistream(false)
	o.events = ssetest.NewReader(z)
	return o
}

// zipped opens a stream that comes compressed.
func (f *fixture) zipped(path string, headers ...string) *opened {
	f.t.Helper()
	return f.get(path, append(headers, "Accept-Encoding", takesGzip)...).unzip()
}

// long is the data of an event that is compressed.
func long(n int) string {
	return fmt.Sprintf(`{"n":%d,"lines":[%s{}]}`, n, strings.Repeat(`{"sku":"SKU-1","name":"Darjeeling"},`, 60))
}

// TestCompressed: a client that takes gzip reads each event when it is sent, and the
// stream's sums at its end. Others get it as it is.
func TestCompressed(t *testing.T) {
	f := begin(t, compressing)
	plain := f.get("/events?user=alice")
	if coding, vary := plain.Header.Get("Content-Encoding"), plain.Header.Values("Vary"); coding != "" || !slices.Contains(vary, "Accept-Encoding") {
		t.Errorf("plain: Content-Encoding %q, Vary %q", coding, vary)
	}
	plain.want("sluice.hello", "*")
	zipped := f.zipped("/events?user=alice")
	if vary := zipped.Header.Values("Vary"); !slices.Contains(vary, "Accept-Encoding") {
		t.Errorf("Vary %q", vary)
	}
	zipped.want("sluice.hello", "*")
	for i, data := range []string{"short", long(1), long(1) + "\n\n" + long(2), "short again", strings.Repeat(long(3), 100)} {
		f.order("alice", data)
		for name, o := range map[string]*opened{"plain": plain, "zipped": zipped} {
			if e := o.want("message", data); e.ID != fmt.Sprintf("orders@e:%d,news@e:0", i+1) && !strings.HasPrefix(e.ID, "orders@e:") {
				t.Errorf("%s: id %q", name, e.ID)
			}
		}
	}
	if n := f.metric("sluice_compressed_events_total"); n != 3 {
		t.Errorf("%v events were sent compressed, want 3", n)
	}
	if n := f.metric("sluice_compressions_total"); n != 3 {
		t.Errorf("%v events were compressed, want 3", n)
	}
	if saved := f.metric("sluice_compression_saved_bytes_total"); saved < 200_000 {
		t.Errorf("%v bytes saved", saved)
	}
	drained := make(chan error, 1)
	go func() { drained <- f.Drain(t.Context()) }()
	for _, o := range []*opened{plain, zipped} {
		o.want("sluice.closing", "*")
		o.wantEnd()
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// TestCompressedByAnyProtocol: HTTP/1.0, HTTP/2 and TLS carry it as HTTP/1.1 does.
func TestCompressedByAnyProtocol(t *testing.T) {
	read := func(t *testing.T, f *fixture, resp *http.Response) {
		t.Helper()
		o := (&opened{Response: resp, t: t}).unzip()
		o.want("sluice.hello", "*")
		f.order("alice", long(1))
		o.want("message", long(1))
		f.Close()
		o.want("sluice.closing", "*")
		o.wantEnd()
	}
	ask := func(t *testing.T, conn net.Conn, proto string) *http.Response {
		t.Helper()
		t.Cleanup(func() { conn.Close() })
		if _, err := fmt.Fprintf(conn, "GET /events?user=alice HTTP/%s\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n", proto); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	t.Run("HTTP/1.0", func(t *testing.T) {
		f := begin(t, compressing)
		read(t, f, ask(t, f.raw(""), "1.0"))
	})
	t.Run("TLS", func(t *testing.T) {
		f := newFixture(t, compressing)
		f.warm()
		l, err := listen.Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		roots := f.serveTLS(listen.BelowTLS(l))
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "localhost"})
		if err != nil {
			t.Fatal(err)
		}
		resp := ask(t, conn, "1.1")
		if f.held != nil && f.held.holder.InUse() != 1 {
			t.Error("it is not held")
		}
		read(t, f, resp)
	})
	t.Run("HTTP/2", func(t *testing.T) {
		f := begin(t, compressing)
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: protocols, DisableCompression: true}
		t.Cleanup(transport.CloseIdleConnections)
		o := f.getBy(&http.Client{Transport: transport}, f.url+"/events?user=alice", "Accept-Encoding", "gzip")
		if o.ProtoMajor != 2 {
			t.Fatal(o.Proto)
		}
		read(t, f, o.Response)
	})
}

// TestCompressedRoams: clients that come compressed or plain, by turns, have every event
// once and in order, with the ids that one has who always comes plain.
func TestCompressedRoams(t *testing.T) {
	f := begin(t, compressing)
	r := rand.New(rand.NewPCG(1, 2))
	const events, clients = 300, 6
	steady := f.get("/events?user=alice")
	steady.want("sluice.hello", "*")
	type roamer struct {
		*opened
		last string
	}
	roamers := make([]roamer, clients)
	come := func(i int) {
		var headers []string
		if roamers[i].last != "" {
			headers = []string{"Last-Event-ID", roamers[i].last}
		}
		if r.IntN(2) == 0 {
			roamers[i].opened = f.zipped("/events?user=alice", headers...)
		} else {
			roamers[i].opened = f.get("/events?user=alice", headers...)
		}
		roamers[i].want("sluice.hello", "*")
	}
	for i := range roamers {
		come(i)
	}
	for n := range events {
		data := fmt.Sprint(n)
		if r.IntN(2) == 0 {
			data = long(n)
		}
		f.publish(r.IntN(2), stream.Event{Data: []byte(data)}, "alice")
		want := steady.want("message", data)
		for i := range roamers {
			if got := roamers[i].want("message", data); got.ID != want.ID {
				t.Fatalf("event %d came to roamer %d as %q, and plain as %q", n, i, got.ID, want.ID)
			}
			roamers[i].last = want.ID
			if r.IntN(10) == 0 {
				roamers[i].cancel()
				come(i)
			}
		}
	}
}

// TestCompressedSnapshot: the events of a state come compressed too.
func TestCompressedSnapshot(t *testing.T) {
	f := begin(t, compressing)
	for i := range 50 {
		f.publish(orders, stream.Event{Subject: []byte(fmt.Sprint(i)), Data: []byte(long(i))}, "alice")
	}
	for range 2 {
		o := f.zipped("/events?user=alice&stream=orders&snapshot=1")
		o.want("sluice.snapshot", "*")
		seen := make(map[string]bool)
		for range 50 {
			seen[o.want("message", "*").Data] = true
		}
		if len(seen) != 50 {
			t.Errorf("%d different events", len(seen))
		}
		o.want("sluice.hello", "*")
	}
	if n := f.metric("sluice_compressed_events_total"); n != 100 {
		t.Errorf("%v events were sent compressed, want 100", n)
	}
}

// TestNotCompressed: nothing else than a stream's events is compressed, and without the
// key nothing is.
func TestNotCompressed(t *testing.T) {
	f := begin(t, compressing)
	f.publish(orders, stream.Event{Subject: []byte("o-1"), Data: []byte(long(1))}, "alice")
	for _, path := range []string{
		"/state?user=alice", "/state?user=alice&cursor=orders@e:0", "/events?user=alice&probe=1x1@10ms", "/events?user=alice&stream=nothing",
	} {
		o := f.get(path, "Accept-Encoding", takesGzip)
		if coding := o.Header.Get("Content-Encoding"); coding != "" {
			t.Errorf("%s: %s %s", path, o.Status, coding)
		}
		o.cancel()
	}
	for _, refuses := range []string{"", "br", "gzip;q=0", "identity"} {
		if o := f.get("/events?user=alice", "Accept-Encoding", refuses); o.Header.Get("Content-Encoding") != "" {
			t.Errorf("%q: %q", refuses, o.Header)
		} else {
			o.want("sluice.hello", "*")
		}
	}
	for method, want := range map[string]string{"gzip": "gzip", "br": ""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, f.url+"/events?user=alice", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept-Encoding", method)
		resp, err := f.client.Do(r)
		if err != nil || resp.Header.Get("Content-Encoding") != want {
			t.Errorf("HEAD, %s: %+v, %v", method, resp, err)
		}
		resp.Body.Close()
	}
	off := begin(t, nil)
	o := off.get("/events?user=alice", "Accept-Encoding", takesGzip)
	if vary := o.Header.Values("Vary"); o.Header.Get("Content-Encoding") != "" || slices.Contains(vary, "Accept-Encoding") {
		t.Errorf("without the key: %q", o.Header)
	}
	o.want("sluice.hello", "*")
	v, err := off.cfg.Metrics.Values()
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := json.Marshal(v); strings.Contains(string(text), "compress") {
		t.Errorf("without the key there are metrics of it: %s", text)
	}
}

// TestRefusalsAreNotCompressed: a client that has to wait is told so plainly.
func TestRefusalsAreNotCompressed(t *testing.T) {
	f := newFixture(t, compressing)
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.serve(l)
	o := f.get("/events?user=alice", "Accept-Encoding", takesGzip, "Accept", "text/event-stream")
	if coding := o.Header.Get("Content-Encoding"); coding != "" {
		t.Errorf("Content-Encoding %q", coding)
	}
	o.want("sluice.unavailable", "*")
}

// TestCompressedStalled: a client takes nothing for a while, and then has every event.
func TestCompressedStalled(t *testing.T) {
	f := begin(t, compressing)
	conn := f.raw("GET /events?user=alice HTTP/1.1\nHost: x\nAccept-Encoding: gzip\n\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	o := (&opened{Response: resp, t: t}).unzip()
	o.want("sluice.hello", "*")
	r := rand.New(rand.NewPCG(1, 2))
	const n = 2_000
	var sent []string
	for range n {
		b := make([]byte, 1500)
		for i := range b {
			b[i] = "0123456789abcdef"[r.IntN(16)] // gets smaller by half
		}
		sent = append(sent, string(b))
		f.order("alice", string(b))
	}
	for i, data := range sent {
		if e, err := o.events.Next(); err != nil || e.Data != data {
			t.Fatalf("event %d: %.50q, %v", i, e.Data, err)
		}
	}
}

// TestCompressedMaxAge: what ends a stream by itself ends it as gzip has to be.
func TestCompressedMaxAge(t *testing.T) {
	f := begin(t, func(c *Config) { compressing(c); c.MaxAge = 50 * time.Millisecond })
	o := f.zipped("/events?user=alice")
	o.want("sluice.hello", "*")
	o.want("sluice.closing", "*")
	if e, err := o.events.Next(); err != io.EOF {
		t.Errorf("%+v, %v", e, err)
	}
	eventually(t, "nothing is left of it", f.empty)
}
