//go:build linux

package clients

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"

	"sluice/cmd/sluice-bench/internal/load"
)

// Part is the part of this program that is such a process.
const Part = "clients"

// controlEvent marks the control pipe among the epoll's events.
const controlEvent = -1

// Run is the client process: orders as JSON lines on descriptor 0,
// answers on out. It ends when its orders do.
func Run(out io.Writer) error {
	var f *fleet
	c := control{out: json.NewEncoder(out)}
	if err := unix.SetNonblock(0, true); err != nil {
		return fmt.Errorf("control pipe: %w", err)
	}
	for f == nil { // the plan comes first; wait for it without an epoll
		if err := poll(0); err != nil {
			return err
		}
		o, err := c.next()
		switch {
		case err != nil:
			return ignoreEOF(err)
		case o == nil:
			continue
		case o.Op != opPlan || o.Plan == nil:
			return c.out.Encode(Answer{Err: "the first order must be the plan"})
		case o.Plan.Proto == load.HTTPS || o.Plan.Proto == load.H2C:
			return runLibraryClients(*o.Plan, &c)
		}
		if f, err = newFleet(*o.Plan); err != nil {
			return c.out.Encode(Answer{Err: err.Error()})
		}
	}
	defer f.close()
	if err := unix.EpollCtl(f.epfd, unix.EPOLL_CTL_ADD, 0, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: controlEvent}); err != nil {
		return fmt.Errorf("control pipe: %w", err)
	}
	if err := c.out.Encode(f.status()); err != nil {
		return err
	}
	return ignoreEOF(f.loop(&c))
}

// loop serves the clients and the orders until there are no more orders.
func (f *fleet) loop(c *control) error {
	ready := make([]unix.EpollEvent, 512)
	var cur pending
	for {
		n, err := unix.EpollWait(f.epfd, ready, cur.wait())
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for _, ev := range ready[:max(n, 0)] {
			if ev.Fd == controlEvent {
				o, err := c.next()
				if err != nil {
					return err
				}
				if o != nil {
					cur = pending{began: time.Now(), timeout: o.Timeout, active: true}
					if cur.happened, err = f.begin(*o); err != nil {
						f.now.Err = err.Error()
					}
				}
				continue
			}
			f.ready(ev)
		}
		if cur.active && (cur.late() || cur.happened == nil || cur.happened()) {
			a := f.status()
			a.Late = cur.happened != nil && !cur.happened()
			a.Took = time.Since(cur.began)
			cur = pending{}
			if err := c.out.Encode(a); err != nil {
				return err
			}
		}
	}
}

func (f *fleet) ready(ev unix.EpollEvent) {
	i := int(ev.Fd)
	c := &f.clients[i]
	switch {
	case c.gen != ev.Pad: // of a connection dropped earlier in this batch
	case c.state == connecting:
		f.connected(i)
	default:
		f.read(i)
	}
}

// pending is the order under way.
type pending struct {
	active   bool
	began    time.Time
	timeout  time.Duration
	happened func() bool
}

func (p *pending) late() bool { return time.Since(p.began) >= p.timeout }

// wait is the epoll timeout in milliseconds.
func (p *pending) wait() int {
	if !p.active {
		return -1
	}
	return int(max(p.timeout-time.Since(p.began), 0)/time.Millisecond) + 1
}

// control reads orders from descriptor 0 without blocking.
type control struct {
	out  *json.Encoder
	line []byte // read so far of the next order
}

// next returns an order, nil while it hasn't come whole, io.EOF after the last.
func (c *control) next() (*order, error) {
	var buf [4096]byte
	n, err := unix.Read(0, buf[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("control pipe: %w", err)
	case n == 0:
		return nil, io.EOF
	}
	c.line = append(c.line, buf[:n]...)
	line, rest, whole := bytes.Cut(c.line, []byte("\n"))
	if !whole {
		return nil, nil
	}
	var o order
	err = json.Unmarshal(line, &o)
	c.line = append([]byte(nil), rest...) // empty: the next order waits for this one's answer
	return &o, err
}

func poll(fd int32) error {
	_, err := unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLIN}}, -1)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("control pipe: %w", err)
	}
	return nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
