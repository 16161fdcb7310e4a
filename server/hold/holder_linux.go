package hold

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"sluice/stream"
)

// Holder holds connections until they end or it is closed.
type Holder[T any] struct {
	craft   Craft[T]
	cfg     Config
	workers []*worker[T]
	turn    atomic.Uint32
	closing sync.Once
}

// New starts a holder. It fails with [ErrUnsupported] where there is no epoll.
func New[T any](cfg Config, craft Craft[T]) (*Holder[T], error) {
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	if cfg.Unsent == 0 {
		cfg.Unsent = DefaultUnsent
	}
	h := &Holder[T]{craft: craft, cfg: cfg}
	for range cfg.Workers {
		p, err := newPoll()
		if err != nil {
			h.Close()
			return nil, fmt.Errorf("hold: epoll: %w", err)
		}
		w := &worker[T]{craft: &h.craft, timeout: cfg.WriteTimeout.Milliseconds(), poll: p, done: make(chan struct{}), rests: make(map[uint32]*rest), secures: make(map[uint32]*secure), size: make([]byte, 0, 16), heard: make([]byte, 4<<10)}
		w.bell = make(chan struct{}, 1)
		w.wheel.turn = craft.Now() / wheelStep
		h.workers = append(h.workers, w)
		go w.run() // Close waits for it by done
		if err := p.start(func(events []event) {
			w.post(func(m *mail[T]) { m.events = append(m.events, events...) })
		}); err != nil {
			h.Close()
			return nil, fmt.Errorf("hold: epoll: %w", err)
		}
	}
	return h, nil
}

// Wakers returns the workers' wakers, by [SlotRef.Worker].
func (h *Holder[T]) Wakers() []stream.Waker {
	wakers := make([]stream.Waker, len(h.workers))
	for i, w := range h.workers {
		wakers[i] = &w.mailbox
	}
	return wakers
}

// Reserve takes a slot for a connection to come. Adopt or Release gives it back.
func (h *Holder[T]) Reserve() SlotRef {
	i := int(h.turn.Add(1)) % len(h.workers)
	return SlotRef{Worker: i, Slot: h.workers[i].reserve()}
}

// Release gives back a slot that no connection came to, and that nobody will wake any
// more.
func (h *Holder[T]) Release(p SlotRef) { h.workers[p.Worker].release(p.Slot) }

// Can reports whether a request's connection can be adopted: HTTP/1.x, plain or of a TLS
// server on [Listen], without a body that somebody would still have to read.
func (h *Holder[T]) Can(rw http.ResponseWriter, r *http.Request) bool {
	if r.ProtoMajor != 1 || r.TLS != nil && !marked(r.Context()) || r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return false
	}
	for {
		switch w := rw.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			rw = w.Unwrap()
		default:
			return false
		}
	}
}

// Adopt takes a request's connection, for which Can is true, away from net/http and holds
// it at p. header is the response's; framing and connection fields are added. opening
// begins the body. If it fails, the connection is lost, and p and t stay the caller's.
func (h *Holder[T]) Adopt(p SlotRef, rw http.ResponseWriter, r *http.Request, header http.Header, opening []byte, t T) error {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return fmt.Errorf("hold: hijack: %w", err)
	}
	// What the client has sent beyond its request is read by no one: the stream is the
	// connection's last answer.
	secure, _ := conn.(*tls.Conn)
	fd, err := h.detach(conn)
	if err != nil {
		header.Del("Content-Encoding") // the refusal is plain, whatever the stream would have been
		refuse(conn, appendHead(nil, header, false), h.craft.Refusal(&t))
		return err
	}
	how := toTheEnd
	if r.ProtoAtLeast(1, 1) {
		how = chunked
	}
	return h.send(p, arrival[T]{slot: p.Slot, fd: fd, conn: secure, framing: how, head: appendHead(nil, header, how == chunked), opening: opening, t: t})
}

// AdoptTalking is Adopt for a connection that changes to another protocol. head is all of
// the answer, and the craft frames what it fills. Its Heard is told what the client
// sends.
func (h *Holder[T]) AdoptTalking(p SlotRef, rw http.ResponseWriter, head, opening []byte, t T) error {
	conn, buffered, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return fmt.Errorf("hold: hijack: %w", err)
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	early = bytes.Clone(early)
	secure, _ := conn.(*tls.Conn)
	fd, err := h.detach(conn)
	if err != nil {
		refuse(conn, head, h.craft.Refusal(&t))
		return err
	}
	return h.send(p, arrival[T]{slot: p.Slot, fd: fd, conn: secure, framing: talking, head: head, opening: opening, early: early, t: t})
}

// send hands a connection to its worker.
func (h *Holder[T]) send(p SlotRef, a arrival[T]) error {
	if !h.workers[p.Worker].post(func(m *mail[T]) { m.arrived = append(m.arrived, a) }) {
		unix.Close(a.fd)
		return errors.New("hold: closed")
	}
	return nil
}

// detach duplicates a connection's descriptor and closes the connection, which leaves the
// socket to the duplicate alone: no shutdown is sent, and net's own bookkeeping of it is
// freed.
func (h *Holder[T]) detach(conn net.Conn) (int, error) {
	below := wireOf(conn)
	if below != nil {
		conn = below.Conn
	}
	system, ok := conn.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("hold: a %T has no descriptor", conn)
	}
	raw, err := system.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("hold: %w", err)
	}
	fd := -1
	if cerr := raw.Control(func(s uintptr) { fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0) }); cerr != nil {
		err = cerr
	}
	if err != nil {
		return 0, fmt.Errorf("hold: %w", err)
	}
	conn.Close()
	if below != nil {
		below.Conn = nil
	}
	// All three only bound what a client that has vanished or stalled can cost; the stream
	// is right without them.
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, h.cfg.Unsent)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(h.cfg.UserTimeout.Milliseconds()))
	return fd, nil
}

// InUse is how many slots are reserved or hold a connection.
func (h *Holder[T]) InUse() int {
	n := 0
	for _, w := range h.workers {
		n += w.inUse()
	}
	return n
}

// Wakes is how often a worker has woken, for work or a timer.
func (h *Holder[T]) Wakes() (n uint64) {
	for _, w := range h.workers {
		n += w.wakes.Load()
	}
	return n
}

// Each does something to every connection, on its worker, soon.
func (h *Holder[T]) Each(do func(now int64, t *T)) {
	for _, w := range h.workers {
		w.post(func(m *mail[T]) { m.each = append(m.each, do) })
	}
}

// Close drops every connection at once and waits until all descriptors are given back.
func (h *Holder[T]) Close() { h.closing.Do(h.shutDown) }

func (h *Holder[T]) shutDown() {
	for _, w := range h.workers {
		w.mu.Lock()
		w.closed = true
		w.mu.Unlock()
		w.ring()
		<-w.done
		w.poll.close()
	}
}
