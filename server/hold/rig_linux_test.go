package hold

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sluice/stream"
)

// rig is a holder behind a real net/http server on loopback. Each connection says by ?n=
// which it is, and gets what the test sends to that number.
type rig struct {
	t      testing.TB
	holder *Holder[key]
	addr   string
	began  time.Time
	looks  atomic.Int64 // how often a worker asked for the time: once a pass
	wrote  atomic.Int64 // bytes
	skew   atomic.Int64 // ms that the clock is ahead

	mu    sync.Mutex // guards the rest
	feeds map[key]*feed
}

// key is a connection's state in its slot.
type key uint32

// feed is what one connection is to get.
type feed struct {
	slot    SlotRef
	pending [][]byte
	end     bool
	due     int64 // when end comes by itself
	pass    int   // bytes Fill appends at most
	whys    []Why
}

const never = math.MaxInt64

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	return startRig(t, change, func(h http.Handler) (net.Addr, func()) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: h}
		done := make(chan error)
		go func() { done <- s.Serve(l) }()
		return l.Addr(), func() { s.Close(); <-done }
	})
}

// startRig serves by serve, which returns where and what stops it.
func startRig(t testing.TB, change func(*Config), serve func(http.Handler) (net.Addr, func())) *rig {
	t.Helper()
	r := &rig{t: t, began: time.Now(), feeds: make(map[key]*feed)}
	cfg := Config{WriteTimeout: time.Minute, UserTimeout: time.Minute}
	if change != nil {
		change(&cfg)
	}
	var err error
	r.holder, err = New(cfg, Craft[key]{
		Now:     func() int64 { r.looks.Add(1); return r.now() },
		Fill:    r.fill,
		Due:     func(k *key) int64 { r.mu.Lock(); defer r.mu.Unlock(); return r.feeds[*k].due },
		Gone:    r.gone,
		Refusal: func(*key) []byte { return []byte("come back\n") },
		Wrote:   func(_, bytes int) { r.wrote.Add(int64(bytes)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.holder.Close)
	addr, stop := serve(http.HandlerFunc(r.serve))
	r.addr = addr.String()
	t.Cleanup(stop)
	return r
}

func (r *rig) now() int64 { return time.Since(r.began).Milliseconds() + r.skew.Load() }

func (r *rig) serve(w http.ResponseWriter, req *http.Request) {
	n, err := strconv.ParseUint(req.URL.Query().Get("n"), 10, 32)
	if err != nil || !r.holder.Can(w, req) {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	w.Header().Set("X-Middleware", "was here")
	slot := r.holder.Reserve()
	r.mu.Lock()
	r.feed(key(n)).slot = slot
	r.mu.Unlock()
	if err := r.holder.Adopt(slot, w, req, w.Header(), []byte("hello\n"), key(n)); err != nil {
		r.holder.Release(slot)
	}
}

// feed returns a connection's feed, made when first asked for. r.mu is held.
func (r *rig) feed(k key) *feed {
	f := r.feeds[k]
	if f == nil {
		f = &feed{due: never, pass: 32 << 10}
		r.feeds[k] = f
	}
	return f
}

// edit changes a feed and wakes its connection.
func (r *rig) edit(k key, change func(*feed)) {
	r.mu.Lock()
	f := r.feed(k)
	change(f)
	slot := f.slot
	r.mu.Unlock()
	if slot != (SlotRef{}) {
		r.holder.Wakers()[slot.Worker].Wake(slot.Slot)
	}
}

func (r *rig) send(k key, data ...[]byte) {
	r.edit(k, func(f *feed) { f.pending = append(f.pending, data...) })
}

func (r *rig) end(k key) { r.edit(k, func(f *feed) { f.end = true }) }

func (r *rig) fill(k *key, now int64, out *stream.Batch) Verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.feeds[*k]
	for out.Bytes < f.pass && len(f.pending) > 0 {
		out.Append(f.pending[0])
		f.pending = f.pending[1:]
	}
	switch {
	case len(f.pending) > 0:
		return More
	case f.end || now >= f.due:
		return End
	}
	return Wait
}

func (r *rig) gone(k *key, why Why) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.feeds[*k].whys = append(r.feeds[*k].whys, why)
}

// whys returns how a connection ended: nothing while it hasn't, one entry after, more
// never.
func (r *rig) whys(k key) []Why {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Why(nil), r.feed(k).whys...)
}

// wantGone waits for a connection's end.
func (r *rig) wantGone(k key, want Why) {
	r.t.Helper()
	eventually(r.t, fmt.Sprintf("connection %d ended", k), func() bool { return len(r.whys(k)) > 0 })
	if got := r.whys(k); len(got) != 1 || got[0] != want {
		r.t.Errorf("connection %d ended as %v, want [%d]", k, got, want)
	}
}

// ended counts the connections that have ended.
func (r *rig) ended() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, f := range r.feeds {
		n += len(f.whys)
	}
	return n
}

func (r *rig) wantEmpty() {
	r.t.Helper()
	eventually(r.t, "every slot was given back", func() bool { return r.holder.InUse() == 0 })
}

// dial sends a request as it stands. %n in it is the connection's number.
func (r *rig) dial(k key, request string) *net.TCPConn {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute)) // a test that waits in vain is to fail by name
	request = strings.ReplaceAll(strings.ReplaceAll(request, "\n", "\r\n"), "%n", strconv.Itoa(int(k)))
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

const get11, get10 = "GET /?n=%n HTTP/1.1\nHost: x\n\n", "GET /?n=%n HTTP/1.0\n\n"

// client is a connection whose response has begun.
type client struct {
	*net.TCPConn
	t    testing.TB
	resp *http.Response
}

// open opens a stream and reads its opening.
func (r *rig) open(k key) *client {
	r.t.Helper()
	return r.begun(r.dial(k, get11))
}

func (r *rig) begun(conn *net.TCPConn) *client {
	r.t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	c := &client{conn, r.t, resp}
	c.want("hello\n")
	return c
}

// want reads exactly this.
func (c *client) want(text string) {
	c.t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(c.resp.Body, got); err != nil || string(got) != text {
		c.t.Fatalf("read %q, %v; want %q", got[:n], err, text)
	}
}

// wantEnd reads to the clean end.
func (c *client) wantEnd() {
	c.t.Helper()
	if rest, err := io.ReadAll(c.resp.Body); err != nil || len(rest) > 0 {
		c.t.Fatalf("read %q, %v; want the end", rest, err)
	}
}

// eventually waits for a condition that no channel tells of.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("never: " + what)
		}
	}
}

// descriptors counts the process's.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// onWorker runs do on the worker of a connection that is held, and waits for it.
func (r *rig) onWorker(k key, do func(w *worker[key], slot uint32)) {
	r.t.Helper()
	r.mu.Lock()
	slot := r.feed(k).slot
	r.mu.Unlock()
	w, done, once := r.holder.workers[slot.Worker], make(chan struct{}), sync.Once{}
	w.post(func(m *mail[key]) {
		m.each = append(m.each, func(int64, *key) { once.Do(func() { do(w, slot.Slot); close(done) }) })
	})
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		r.t.Fatal("the worker has no connection to look at")
	}
}

// wantBlocked waits until a connection's socket takes no more.
func (r *rig) wantBlocked(k key) {
	r.t.Helper()
	eventually(r.t, "the socket was full", func() (full bool) {
		r.onWorker(k, func(w *worker[key], slot uint32) { full = w.slots.at(slot).state == blocked })
		return full
	})
}

// readable reports whether something has arrived.
func readable(raw syscall.RawConn) (yes bool) {
	raw.Control(func(fd uintptr) {
		n, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		yes = n > 0 && err == nil
	})
	return yes
}
