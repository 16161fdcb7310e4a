package server

import (
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const (
	// writeRun is how much of an answer is made at a time, and must be taken within
	// WriteTimeout.
	writeRun = 64 << 10

	// writeRate is what a client has to take of an answer on average, bytes a second.
	// What it has not taken holds memory.
	writeRate = 16 << 10
)

// writeTime is how long a client may take for so many bytes.
func writeTime(bytes int64, timeout time.Duration) time.Duration {
	return timeout + time.Duration(bytes/writeRate)*time.Second
}

// bodyWriter sends an answer in runs. What fits into one has a Content-Length.
type bodyWriter struct {
	server  *Server
	w       http.ResponseWriter
	control *http.ResponseController
	begun   time.Time
	buf     *[]byte
	sent    int64
	head    bool // of the answer, nothing but the header is wanted
	turn    bool // it has one of server.rendering
}

var bodyRuns = sync.Pool{New: func() any { b := make([]byte, 0, writeRun+8<<10); return &b }}

func (s *Server) newBody(w http.ResponseWriter, r *http.Request) *bodyWriter {
	return &bodyWriter{server: s, w: w, control: http.NewResponseController(w), begun: time.Now(), buf: bodyRuns.Get().(*[]byte), head: r.Method == http.MethodHead}
}

// renderers is how many answers are made at a time: half of the cores. Making one is work
// of the processor alone, and hundreds at once would keep everything else waiting for a
// core.
func renderers() int { return max(1, runtime.GOMAXPROCS(0)/2) }

// rest lets another answer be made.
func (b *bodyWriter) rest() {
	if b.turn {
		b.turn = false
		<-b.server.rendering
	}
}

// run appends to the answer what write appends, and sends a run that is full. It is false
// once there is no use in going on.
func (b *bodyWriter) run(write func(dst []byte) []byte) bool {
	if !b.turn {
		b.server.rendering <- struct{}{}
		b.turn = true
	}
	*b.buf = write(*b.buf)
	if len(*b.buf) < writeRun {
		return true
	}
	b.rest()
	if b.head {
		return false
	}
	return b.send()
}

// send writes what has been collected.
func (b *bodyWriter) send() bool {
	body := *b.buf
	for len(body) > 0 {
		n := min(len(body), writeRun)
		now := time.Now()
		deadline := now.Add(b.server.cfg.WriteTimeout)
		if last := b.begun.Add(writeTime(b.sent, b.server.cfg.WriteTimeout)); last.Before(deadline) {
			deadline = last
		}
		b.control.SetWriteDeadline(deadline)
		if _, err := b.w.Write(body[:n]); err != nil {
			return false
		}
		b.sent += int64(n)
		body = body[n:]
	}
	*b.buf = (*b.buf)[:0]
	return true
}

// end sends the rest. whole is false where run was. A client that has not been sent all
// is told by the connection's end: a body that is cut must not look whole.
func (b *bodyWriter) end(whole bool) {
	b.rest()
	defer func() {
		if cap(*b.buf) <= 2*writeRun {
			*b.buf = (*b.buf)[:0]
			bodyRuns.Put(b.buf)
		}
		b.server.cfg.Metrics.WroteAll(0, int(b.sent))
	}()
	if b.head {
		if whole {
			b.w.Header().Set("Content-Length", strconv.Itoa(len(*b.buf)))
		}
		return
	}
	if whole && b.sent == 0 {
		b.w.Header().Set("Content-Length", strconv.Itoa(len(*b.buf)))
	}
	if !whole || !b.send() || b.control.Flush() != nil {
		panic(http.ErrAbortHandler)
	}
	b.control.SetWriteDeadline(time.Time{}) // the connection's next answer has its own
}

// writeBody sends an answer that is there already. Errors are the client's going, or its
// taking nothing.
func (s *Server) writeBody(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	s.cfg.Metrics.WroteAll(0, len(body))
	control := http.NewResponseController(w)
	for len(body) > 0 {
		n := min(len(body), writeRun)
		control.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		body = body[n:]
	}
	if control.Flush() == nil {
		control.SetWriteDeadline(time.Time{}) // the connection's next answer has its own
	}
}
