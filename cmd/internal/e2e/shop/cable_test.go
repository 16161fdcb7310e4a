package shop

import (
	"io"
	"net"
	"sync"
	"testing"
)

// cable carries bytes between browsers and a server, and can be cut: Chromium's own way
// to be offline leaves open streams alone.
type cable struct {
	t    *testing.T
	from string // host:port
	to   string

	listener net.Listener // nil: it is cut
	carriers sync.WaitGroup

	mu   sync.Mutex        // guards ends
	ends map[net.Conn]bool // nil: it is cut
}

// newCable lays a cable to a URL's server, and returns it with the URL at this end of it.
func newCable(t *testing.T, url string) (c *cable, here string) {
	t.Helper()
	c = &cable{t: t, from: address(t), to: host(url)}
	c.mend()
	t.Cleanup(func() {
		if c.listener != nil {
			c.cut()
		}
	})
	return c, url[:len(url)-len(c.to)] + c.from
}

// mend lets connections through, from now on.
func (c *cable) mend() {
	c.t.Helper()
	l, err := net.Listen("tcp", c.from)
	if err != nil {
		c.t.Fatal(err)
	}
	c.listener = l
	c.mu.Lock()
	c.ends = make(map[net.Conn]bool)
	c.mu.Unlock()
	c.carriers.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return // it is cut
			}
			c.carriers.Go(func() { c.carry(near) })
		}
	})
}

// cut ends all connections, and refuses new ones.
func (c *cable) cut() {
	c.t.Helper()
	if err := c.listener.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.listener = nil
	c.mu.Lock()
	for end := range c.ends {
		_ = end.Close() // and so its carrier ends
	}
	c.ends = nil
	c.mu.Unlock()
	c.carriers.Wait()
}

func (c *cable) carry(near net.Conn) {
	defer near.Close()
	if !c.hold(near) {
		return
	}
	defer c.release(near)
	far, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer far.Close()
	if !c.hold(far) {
		return
	}
	defer c.release(far)
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(near, far) // either end may close at any time
		_ = near.Close()
	})
	_, _ = io.Copy(far, near)
	_ = far.Close()
	back.Wait()
}

// hold keeps an end, to close it when the cable is cut. It returns whether the cable
// isn't.
func (c *cable) hold(end net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ends == nil {
		return false
	}
	c.ends[end] = true
	return true
}

func (c *cable) release(end net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.ends, end)
}
