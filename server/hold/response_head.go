package hold

import (
	"net"
	"net/http"
	"slices"
	"time"
)

// appendHead appends the status line and header of a stream as net/http would write them
// for the handler's header. A stream is its connection's last answer, so it always says
// close.
func appendHead(dst []byte, header http.Header, chunked bool) []byte {
	h := header.Clone()
	for _, ours := range []string{"Date", "Content-Length", "Transfer-Encoding"} {
		h.Del(ours)
	}
	h.Set("Connection", "close")
	status, framing := "HTTP/1.0 200 OK\r\n", ""
	if chunked {
		status, framing = "HTTP/1.1 200 OK\r\n", "Transfer-Encoding: chunked\r\n"
	}
	w := writer(append(dst, status...))
	_ = h.Write(&w) // into memory, so without fail; sorted; values with line ends are made harmless
	w = time.Now().UTC().AppendFormat(append(w, "Date: "...), http.TimeFormat)
	return append(append(append(w, "\r\n"...), framing...), "\r\n"...)
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// refuse ends a connection that could not be taken over for want of descriptors. The head
// is that of a good answer: after any other an EventSource would not come back. The body
// ends with the connection, which any HTTP/1 client understands.
func refuse(conn net.Conn, head, body []byte) {
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	conn.Write(slices.Concat(head, body)) // the client comes back in any case
	conn.Close()
}
