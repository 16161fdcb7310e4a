package listen

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"sluice/server/limit"
)

// fakeListener accepts what it is given.
type fakeListener struct {
	net.Listener
	conns chan net.Conn
}

func (l fakeListener) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

type fromAddr struct {
	net.Conn
	ip string
}

func (c fromAddr) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.ip), Port: 1} }

// TestSocketsAreBounded, per address and in all, and counted off however they are closed.
func TestSocketsAreBounded(t *testing.T) {
	m := make(countsByLimit)
	l := fakeListener{conns: make(chan net.Conn, 100)}
	guarded := ConnLimiter{Sockets: 4, PerIP: 2, Proxies: limit.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, Metrics: m}.Limit(l)
	dial := func(ip string) (closed func() bool) {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { ours.Close(); theirs.Close() })
		l.conns <- fromAddr{theirs, ip}
		return func() bool {
			if err := ours.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				return true
			}
			_, err := ours.Read(make([]byte, 1))
			return err == io.EOF
		}
	}
	var open []net.Conn
	accept := func() {
		t.Helper()
		c, err := guarded.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		open = append(open, c)
	}
	dial("2001:db8::1")
	accept()
	dial("2001:db8::2")
	accept()
	third := dial("2001:db8::3") // of the same /64
	dial("10.0.0.1")             // proxies have no limit
	accept()
	if !third() {
		t.Error("a third of one /64 was let in")
	}
	dial("203.0.113.1")
	accept()
	fifth := dial("203.0.113.2")
	accepted := make(chan struct{})
	go func() { defer close(accepted); accept() }()
	if !fifth() {
		t.Error("a fifth was let in")
	}
	open[0].Close()
	open[0].Close() // counts once
	dial("203.0.113.3")
	<-accepted
	for _, c := range open {
		c.Close()
	}
	s := guarded.(*Limited)
	if n := s.open.Load(); n != 0 || len(s.byIP) != 0 {
		t.Errorf("%d open, %v", n, s.byIP)
	}
	if n := m[limit.PerIP]; n != 1 {
		t.Errorf("%v turned away by address", n)
	}
}

// countsByLimit counts what was closed.
type countsByLimit map[string]int

func (c countsByLimit) TurnedAway(limit string) { c[limit]++ }
