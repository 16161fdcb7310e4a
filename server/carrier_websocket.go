package server

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// messageCarrier is a carrier of WebSockets.
type messageCarrier interface {
	slots
	// carryMessages is carrier.carry. head answers the handshake.
	carryMessages(w http.ResponseWriter, head []byte, p wakeTarget, s session, opening []byte, terms talkTerms)
}

// messageCarrierFor chooses who carries a WebSocket.
func (c *carriers) messageCarrierFor(w http.ResponseWriter, r *http.Request) messageCarrier {
	if c.canHold(w, r) {
		return c.held
	}
	return c.sockets
}

// websockets carries sessions over WebSockets, each as a goroutineStream. Their
// connections are no longer net/http's. A goroutine for each listens to its client.
type websockets struct{ *goroutines }

// closeWait is how long a client may take to answer a close frame.
const closeWait = time.Second

// carryMessages implements messageCarrier.
func (c *websockets) carryMessages(w http.ResponseWriter, head []byte, p wakeTarget, s session, opening []byte, terms talkTerms) {
	one := &goroutineStream{goroutines: c.goroutines, by: byWebSocket, session: s, target: p, opening: opening, talk: newConversation(terms)}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		one.metrics.Opened(byWebSocket.String())
		one.parted.Store(1)
		one.over = make(chan any, 1)
		one.finish(gone)
		return
	}
	one.socket.init(&upgraded{conn: conn, head: head})
	c.listeners.Add(1) // while the lease keeps the carrier from being closed
	one.begin()
	client, quit := context.WithCancel(context.Background())
	one.detach(client, make(chan any, 1))
	go func() {
		defer c.listeners.Done()
		defer conn.Close()
		defer quit()
		one.listen(conn, early(buffered))
	}()
}

// early is what a client has sent with its handshake.
func early(buffered *bufio.ReadWriter) []byte {
	b, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	return append([]byte(nil), b...)
}

// listen reads what the client sends until one of both has closed the connection.
func (r *goroutineStream) listen(conn net.Conn, in []byte) {
	buf := make([]byte, 512)
	for {
		err := r.talk.hear(in)
		r.wake()
		if err != nil {
			_, _ = io.Copy(io.Discard, conn) // finish sets a deadline
			return
		}
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		in = buf[:n]
	}
}

// hangUp is called after the last write. A client that has not closed its side has a
// moment for it: to close at once could destroy what it has not read yet.
func (c *conversation) hangUp(w http.ResponseWriter) {
	u, ok := w.(*upgraded)
	switch {
	case !ok: // it has not come so far
	case c.hasParted():
		u.conn.Close()
	default:
		u.conn.SetReadDeadline(time.Now().Add(closeWait))
	}
}

// upgraded is the connection of a WebSocket, as a socket writes to it. The first write
// has the head of the answer in front.
type upgraded struct {
	conn net.Conn
	head []byte
}

// Header implements http.ResponseWriter.
func (u *upgraded) Header() http.Header { return http.Header{} }

// WriteHeader implements http.ResponseWriter; Write sends the head.
func (u *upgraded) WriteHeader(int) {}

// Write implements http.ResponseWriter.
func (u *upgraded) Write(p []byte) (int, error) {
	if u.head == nil {
		return u.conn.Write(p)
	}
	head := len(u.head)
	n, err := u.conn.Write(append(u.head, p...))
	u.head = nil
	return max(0, n-head), err
}

// FlushError is for http.ResponseController.
func (u *upgraded) FlushError() error { return nil }

// SetWriteDeadline is for http.ResponseController.
func (u *upgraded) SetWriteDeadline(at time.Time) error { return u.conn.SetWriteDeadline(at) }
