package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"

	"sluice/server/listen"
)

// h2Frame is a frame of HTTP/2 (RFC 9113, section 4.1).
type h2Frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

const (
	h2Headers  = 1
	h2Reset    = 3
	h2Settings = 4
	h2GoAway   = 7
)

func writeFrame(t *testing.T, w io.Writer, f h2Frame) {
	t.Helper()
	head := binary.BigEndian.AppendUint32(nil, uint32(len(f.payload))<<8|uint32(f.kind))
	head = binary.BigEndian.AppendUint32(append(head, f.flags), f.stream)
	if _, err := w.Write(append(head, f.payload...)); err != nil {
		t.Fatal(err)
	}
}

func readFrame(t *testing.T, r io.Reader) h2Frame {
	t.Helper()
	head := make([]byte, 9)
	if _, err := io.ReadFull(r, head); err != nil {
		t.Fatal(err)
	}
	f := h2Frame{kind: head[3], flags: head[4], stream: binary.BigEndian.Uint32(head[5:]), payload: make([]byte, binary.BigEndian.Uint32(head)>>8)}
	if _, err := io.ReadFull(r, f.payload); err != nil {
		t.Fatal(err)
	}
	return f
}

// startHTTP2 serves over TLS. It returns the address, and what a client has to trust.
func startHTTP2(t *testing.T) (address string, roots *x509.CertPool) {
	t.Helper()
	f := newFixture(t, nil)
	f.warm()
	l, err := listen.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l.Addr().String(), f.serveTLS(listen.BelowTLS(l))
}

// A WebSocket is opened over HTTP/1.1 only. A request that comes over HTTP/2 is told so.
func TestNoWebSocketOverHTTP2(t *testing.T) {
	address, roots := startHTTP2(t)
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/ws?user=alice", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.ProtoMajor != 2 || resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("Content-Type") != "application/problem+json" ||
		resp.Header.Get("Upgrade") != "" || !strings.Contains(string(body), "urn:sluice:problem:websocket") || !strings.Contains(string(body), "over HTTP/2") {
		t.Errorf("%s %s %v, %v", resp.Status, body, resp.Header, err)
	}
}

// No client is offered WebSockets over HTTP/2 (RFC 8441): browsers then make another
// connection. One that asks for it nevertheless is refused, and its connection serves
// others.
func TestHTTP2OffersNoWebSocket(t *testing.T) {
	address, roots := startHTTP2(t)
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	writeFrame(t, conn, h2Frame{kind: h2Settings})
	settings := readFrame(t, conn)
	if settings.kind != h2Settings {
		t.Fatalf("it begins with a frame of type %d", settings.kind)
	}
	const enableConnect = 8
	for p := settings.payload; len(p) >= 6; p = p[6:] {
		if binary.BigEndian.Uint16(p) == enableConnect && binary.BigEndian.Uint32(p[2:]) != 0 {
			t.Error("WebSockets over HTTP/2 are offered")
		}
	}
	const endStream, endHeaders = 1, 4
	ask := func(stream uint32, flags byte, fields ...string) h2Frame {
		var block []byte
		for i := 0; i < len(fields); i += 2 { // literals without indexing (RFC 7541, section 6.2.2)
			block = append(append(block, 0, byte(len(fields[i]))), fields[i]...)
			block = append(append(block, byte(len(fields[i+1]))), fields[i+1]...)
		}
		writeFrame(t, conn, h2Frame{kind: h2Headers, flags: flags | endHeaders, stream: stream, payload: block})
		for {
			if f := readFrame(t, conn); f.stream == stream && (f.kind == h2Headers || f.kind == h2Reset) || f.kind == h2GoAway {
				return f
			}
		}
	}
	if f := ask(1, 0, ":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", address, ":path", "/ws?user=alice", "sec-websocket-version", "13"); f.kind != h2Reset {
		t.Errorf("a frame of type %d answers an extended CONNECT: %q", f.kind, f.payload)
	}
	if f := ask(3, endStream, ":method", "GET", ":scheme", "https", ":authority", address, ":path", "/events?user=alice"); f.kind != h2Headers {
		t.Errorf("a frame of type %d answers another request", f.kind)
	}
}
