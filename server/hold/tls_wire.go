package hold

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"time"
)

// wire is a connection below a TLS connection. Once it is detached, its bytes go through
// a worker, which never waits. What the TLS connection writes is collected for the worker
// to send. What it reads is what has arrived.
type wire struct {
	net.Conn // nil: detached

	// A worker's, once detached.
	fd   int
	sent *[]byte // records to be sent
}

// Listen wraps the listener below a TLS server, so that its connections can be held too.
// The server needs [Mark] as its ConnContext. Connections that aren't held don't notice.
func Listen(l net.Listener) net.Listener { return wires{l} }

type wires struct{ net.Listener }

// Accept implements net.Listener.
func (w wires) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn}, nil
}

type markKey struct{}

// Mark is an http.Server's ConnContext that lets [Holder.Can] know which TLS connections
// stand on a listener made by [Listen].
func Mark(ctx context.Context, conn net.Conn) context.Context {
	if wireOf(conn) == nil {
		return ctx
	}
	return context.WithValue(ctx, markKey{}, true)
}

func marked(ctx context.Context) bool { return ctx.Value(markKey{}) != nil }

// wireOf returns the wire below a TLS connection, nil if there is none.
func wireOf(conn net.Conn) *wire {
	if secure, ok := conn.(*tls.Conn); ok {
		w, _ := secure.NetConn().(*wire)
		return w
	}
	return nil
}

// Read implements net.Conn. Detached, it fails with os.ErrDeadlineExceeded when there is
// nothing to read. crypto/tls lets a read that has timed out be taken up again, in the
// middle of a record too.
func (w *wire) Read(p []byte) (int, error) {
	if w.Conn != nil {
		return w.Conn.Read(p)
	}
	return receive(w.fd, p)
}

// Write implements net.Conn. Detached, it takes everything: a record that was left out,
// or cut, would end the connection.
func (w *wire) Write(p []byte) (int, error) {
	if w.Conn != nil {
		return w.Conn.Write(p)
	}
	*w.sent = append(*w.sent, p...)
	return len(p), nil
}

// Close implements net.Conn. Detached, it is the worker that closes.
func (w *wire) Close() error {
	if w.Conn != nil {
		return w.Conn.Close()
	}
	return nil
}

// SetDeadline implements net.Conn. Detached, nothing waits.
func (w *wire) SetDeadline(t time.Time) error {
	if w.Conn != nil {
		return w.Conn.SetDeadline(t)
	}
	return nil
}

// SetReadDeadline implements net.Conn.
func (w *wire) SetReadDeadline(t time.Time) error {
	if w.Conn != nil {
		return w.Conn.SetReadDeadline(t)
	}
	return nil
}

// SetWriteDeadline implements net.Conn.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.Conn != nil {
		return w.Conn.SetWriteDeadline(t)
	}
	return nil
}

// errAgain says that nothing has arrived.
var errAgain = os.ErrDeadlineExceeded
