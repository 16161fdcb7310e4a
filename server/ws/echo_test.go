package ws

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// echo is a server that sends back what it is sent, by this package's reader and writer.
func echo(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shake, ok := Check(r)
		if !ok {
			w.WriteHeader(http.StatusUpgradeRequired)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + Accept(shake.Key) + "\r\n\r\n"))
		early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
		serveEcho(conn, early)
	}))
	t.Cleanup(s.Close)
	return s
}

func serveEcho(conn net.Conn, early []byte) {
	var r Reader
	var out []byte
	take := func(op Opcode, payload []byte) error {
		switch op {
		case Ping:
			out = AppendFrame(out, Pong, payload)
		case Close:
			out = AppendCloseReply(out, payload)
		case Text, Binary:
			out = AppendFrame(out, op, payload)
		}
		return nil
	}
	buf := make([]byte, 64<<10)
	in := early
	for {
		err := r.Feed(in, take)
		var wrong *Error
		if errors.As(err, &wrong) {
			out = AppendClose(out, wrong.Code, wrong.Reason)
		}
		if _, werr := conn.Write(out); err != nil || werr != nil {
			return
		}
		out = out[:0]
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		in = buf[:n]
	}
}
