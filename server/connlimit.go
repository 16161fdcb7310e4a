package server

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"
)

// Door is how connections come in.
type Door struct {
	// Sockets is how many connections net/http may have at a time, streams carried on
	// goroutines included but not those held; PerIP how many of them from one address. 0: no
	// limit. What is beyond is closed at once: nothing has been said on it, so every client
	// counts that as a network error and tries again.
	Sockets, PerIP int
	// Proxies are not counted by address. With ProxyProtocol their connections begin with
	// HAProxy's PROXY protocol, version 1 or 2, and are refused without; no one else's word
	// of that kind is taken.
	Proxies       Proxies
	ProxyProtocol bool
	Metrics       *Metrics // counts what was closed

	// Descriptors is how many connections may have a descriptor, Held of them outside
	// net/http; 0: any number. nil Held: none.
	Descriptors int
	Held        func() int
	Logger      *slog.Logger // is told when the system has no descriptor left; nil: nobody is
}

// Guard wraps a listener for a public address.
func (d Door) Guard(l net.Listener) net.Listener {
	return &sockets{Listener: l, door: d, byIP: make(map[netip.Addr]int)}
}

// sockets counts the connections that net/http has: from accept until they are closed, or
// detached to be held.
type sockets struct {
	net.Listener
	door Door
	open atomic.Int64

	mu   sync.Mutex // guards byIP; a leaf
	byIP map[netip.Addr]int
}

// Accept implements net.Listener.
func (s *sockets) Accept() (net.Conn, error) {
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			accepts.failed(s.door.Logger, err, s.Addr(), time.Now())
			return nil, err // net/http waits before it tries again, for up to a second
		}
		peer := peerAddr(conn.RemoteAddr().String())
		proxy := s.door.Proxies.believes(peer)
		counted := block(peer)
		if proxy || !limited(peer) {
			counted = netip.Addr{}
		}
		if why := s.enter(counted); why != "" {
			s.door.Metrics.turnedAway(why)
			conn.Close()
			continue
		}
		c := &socketConn{Conn: conn, leave: func() { s.leave(counted) }}
		if !proxy || !s.door.ProxyProtocol {
			return c, nil
		}
		return &proxiedConn{Conn: proxyproto.NewConn(c, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(readHeaderTimeout)), socket: c}, nil
	}
}

// enter counts a connection, "" if there is room for it.
func (s *sockets) enter(ip netip.Addr) (why string) {
	switch n := s.open.Add(1); {
	case s.door.Sockets > 0 && n > int64(s.door.Sockets):
		s.open.Add(-1)
		return limitConnections
	case s.door.Descriptors > 0 && n+s.held() > int64(s.door.Descriptors):
		s.open.Add(-1)
		return limitDescriptors
	}
	if !ip.IsValid() || s.door.PerIP == 0 {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byIP[ip] >= s.door.PerIP {
		s.open.Add(-1)
		return limitPerIP
	}
	s.byIP[ip]++
	return ""
}

func (s *sockets) held() int64 {
	if s.door.Held == nil {
		return 0
	}
	return int64(s.door.Held())
}

func (s *sockets) leave(ip netip.Addr) {
	s.open.Add(-1)
	if !ip.IsValid() || s.door.PerIP == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byIP[ip]--; s.byIP[ip] == 0 {
		delete(s.byIP, ip)
	}
}

// socketConn is a counted connection. Code that takes it over gets at its descriptor by
// SyscallConn, and closes it.
type socketConn struct {
	net.Conn
	leave  func()
	closed atomic.Bool
}

// Close implements net.Conn.
func (c *socketConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.leave()
	}
	return c.Conn.Close()
}

// SyscallConn implements syscall.Conn.
func (c *socketConn) SyscallConn() (syscall.RawConn, error) { return rawConn(c.Conn) }

// rawConn gets at the descriptor of a connection that has one.
func rawConn(conn net.Conn) (syscall.RawConn, error) {
	if system, ok := conn.(syscall.Conn); ok {
		return system.SyscallConn()
	}
	return nil, syscall.ENOTSUP
}

// proxiedConn is a connection whose client a proxy has named. That is read with the
// connection's first bytes, by its own goroutine. What was read ahead with it is the
// request, which is read by the time somebody wants the descriptor.
type proxiedConn struct {
	*proxyproto.Conn
	socket *socketConn
}

// SyscallConn implements syscall.Conn.
func (c *proxiedConn) SyscallConn() (syscall.RawConn, error) { return c.socket.SyscallConn() }
