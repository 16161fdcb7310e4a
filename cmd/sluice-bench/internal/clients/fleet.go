//go:build linux

package clients

import (
	"fmt"
	"math/bits"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/wire"
)

// A fleet is the clients of one process: raw sockets on one epoll, served by one
// goroutine that owns everything here. A client costs its entry in a slice, no goroutine
// and no buffer, so that a generator fits next to the server it loads, on the same cores.
type fleet struct {
	plan   Plan
	tokens []string
	epfd   int
	local  []unix.SockaddrInet4 // addresses to connect from
	remote unix.SockaddrInet4

	clients []client
	queue   []int // clients to connect, in order
	dialing int   // connects under way, and heads not yet read

	buf    []byte
	from   int    // see order.From
	wanted uint64 // bit n: event number n is waited for
	now    Answer
}

type client struct {
	fd    int32
	gen   int32 // told apart from the connection before it in late epoll events
	state clientState
	seen  uint64 // bit n: event number n has come since the mark
	res   wire.Response
	ev    wire.Events
	ws    wire.Messages // instead of ev, with WS
}

type clientState uint8

const (
	idle       clientState = iota
	connecting             // until the connect has happened
	asking                 // until the response's head
	open
	stalled
	gone // refused, failed or ended by the server
)

// EachMax is how many events to one client are told apart: the bits of client.seen.
const EachMax = 64

func newFleet(p Plan) (*fleet, error) {
	f := &fleet{plan: p, buf: make([]byte, 256<<10)}
	var err error
	if f.tokens, err = p.tokens(); err != nil {
		return nil, err
	}
	addr, err := load.Loopback(p.Addr)
	if err != nil {
		return nil, err
	}
	f.remote = unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	for i := range max(p.Sources, 1) { // 127.1.x.y: no one else's
		f.local = append(f.local, unix.SockaddrInet4{Addr: [4]byte{127, 1, byte(i / 250), byte(1 + i%250)}})
	}
	if f.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	f.mark()
	return f, nil
}

// begin starts what the order asks for and returns when it has happened.
func (f *fleet) begin(o order) (happened func() bool, err error) {
	switch o.Op {
	case opOpen:
		f.openUpTo(o.N)
		return func() bool { return len(f.queue) == 0 && f.dialing == 0 }, nil
	case opMark:
		f.mark()
	case opAwait:
		if o.Each > EachMax || o.From > o.Each {
			return nil, fmt.Errorf("at most %d events to each client can be told apart", EachMax)
		}
		f.from = o.From
		f.wanted = 1<<o.Each - 1<<o.From // all ones up to bit 63 where the shift leaves 0
		f.countServed()
		if o.Each > 0 {
			return func() bool { return f.now.Served == len(f.clients) }, nil
		}
		return func() bool { return f.now.Events >= o.Events }, nil
	case opDrop:
		for i := range f.clients {
			f.drop(i, idle)
		}
	case opStall:
		return nil, f.stall()
	}
	return nil, nil
}

func (f *fleet) mark() {
	f.now = Answer{Open: f.now.Open, Failed: map[int]int{}}
	f.from, f.wanted = 0, 0
	for i := range f.clients {
		f.clients[i].seen = 0
	}
}

func (f *fleet) openUpTo(n int) {
	for len(f.clients) < n {
		c := client{fd: -1, ev: wire.Events{KeepID: f.plan.KeepID}}
		if f.plan.Stamps {
			c.ev.KeepData = load.StampMax
		}
		f.clients = append(f.clients, c)
	}
	for i := range f.clients {
		if s := f.clients[i].state; s == idle || s == gone {
			f.queue = append(f.queue, i)
		}
	}
	f.dialMore()
}

// stall stops reading: the receive buffers fill, and then what the server holds
// for the clients shows.
func (f *fleet) stall() error {
	f.now.Stalled = ""
	for i := range f.clients {
		c := &f.clients[i]
		if c.state != open {
			continue
		}
		if err := unix.EpollCtl(f.epfd, unix.EPOLL_CTL_DEL, int(c.fd), nil); err != nil {
			return fmt.Errorf("stalling a client: %w", err)
		}
		c.state = stalled
		f.now.Open--
		if f.now.Stalled != "" {
			continue
		}
		sa, err := unix.Getsockname(int(c.fd))
		if err != nil {
			return fmt.Errorf("stalling a client: %w", err)
		}
		in := sa.(*unix.SockaddrInet4)
		f.now.Stalled = netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port)).String()
	}
	return nil
}

// status is the answer as of now.
func (f *fleet) status() Answer {
	a := f.now
	for i := range f.clients {
		a.Missing += uint64(bits.OnesCount64(f.wanted &^ f.clients[i].seen))
	}
	return a
}

func (f *fleet) countServed() {
	f.now.Served = 0
	for i := range f.clients {
		if f.clients[i].has(f.wanted) {
			f.now.Served++
		}
		f.now.Twice += uint64(bits.OnesCount64(f.clients[i].seen & (1<<f.from - 1)))
	}
}

// read takes what has come for client i.
func (f *fleet) read(i int) {
	c := &f.clients[i]
	n, err := unix.Read(int(c.fd), f.buf)
	if err == unix.EAGAIN || err == unix.EINTR {
		return
	}
	if n <= 0 {
		f.ended(i, 0)
		return
	}
	f.now.Bytes += uint64(n)
	at := time.Now()
	var t wire.Tally
	var dispatched func(data []byte)
	if f.plan.Stamps {
		dispatched = func(data []byte) { f.dispatched(c, data, at) }
	}
	for p := f.buf[:n]; len(p) > 0; {
		var body []byte
		if body, p, err = c.res.Next(p); err != nil {
			f.ended(i, 0)
			return
		}
		if c.state == asking && c.res.Status != 0 {
			if c.res.Status != f.plan.status() {
				f.ended(i, c.res.Status)
				return
			}
			c.state = open
			f.now.Open++
			f.dialing--
		}
		if f.plan.Proto == load.WS {
			c.ws.Feed(body, &t)
		} else {
			c.ev.Feed(body, &t, dispatched)
		}
	}
	f.now.Reserved += t.Reserved
	f.now.WithID += t.WithID
	if f.now.Events += t.Events; t.Events > 0 {
		if f.now.Last = at; f.now.First.IsZero() {
			f.now.First = at
		}
	}
	f.dialMore()
}

func (f *fleet) dispatched(c *client, data []byte, at time.Time) {
	made, n, ok := load.ParseStamp(data)
	if !ok {
		return
	}
	f.now.Latency.Add(at.Sub(made))
	if n >= EachMax {
		return
	}
	bit := uint64(1) << n
	if c.seen&bit != 0 || n < f.from {
		f.now.Twice++
	}
	had := c.has(f.wanted)
	c.seen |= bit
	if !had && c.has(f.wanted) {
		f.now.Served++
	}
}

func (c *client) has(wanted uint64) bool { return c.seen&wanted == wanted }

// ended is for a connection that the server closed, broke or refused.
func (f *fleet) ended(i, status int) {
	switch f.clients[i].state {
	case open:
		f.now.Lost++
	case connecting, asking:
		f.now.Failed[status]++
	}
	f.drop(i, gone)
	f.dialMore()
}

// drop closes client i's connection, if it has one.
func (f *fleet) drop(i int, state clientState) {
	c := &f.clients[i]
	switch c.state {
	case open:
		f.now.Open--
	case connecting, asking:
		f.dialing--
	}
	if c.fd >= 0 {
		_ = unix.Close(int(c.fd)) // also takes it off the epoll
	}
	c.fd, c.state = -1, state
	c.gen++
}

func (f *fleet) close() {
	for i := range f.clients {
		f.drop(i, gone)
	}
	_ = unix.Close(f.epfd)
}
