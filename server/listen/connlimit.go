package listen

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"

	"sluice/server/limit"
)

// ConnLimiter is how connections come in.
type ConnLimiter struct {
	// Sockets is how many connections net/http may have at a time, streams carried on
	// goroutines included but not those held; PerIP how many of them from one address.
	// 0: no limit. What is beyond is closed at once: nothing has been said on it, so
	// every client counts that as a network error and tries again.
	Sockets, PerIP int
	// Proxies are not counted by address. With ProxyProtocol their connections begin
	// with HAProxy's PROXY protocol, version 1 or 2, and are refused without; no one
	// else's word of that kind is taken.
	Proxies       limit.Proxies
	ProxyProtocol bool
	Metrics       Counter // of what was closed

	// Descriptors is how many connections may have a descriptor, Held of them outside
	// net/http; 0: any number. nil Held: none.
	Descriptors int
	Held        func() int
	Logger      *slog.Logger // is told when the system has no descriptor left; nil: nobody is
}

// Counter counts connections that are closed before a byte is read from them.
type Counter interface{ TurnedAway(limit string) }

// Limit wraps a listener for a public address.
func (d ConnLimiter) Limit(l net.Listener) net.Listener {
	return &Limited{Listener: l, limits: d, byIP: make(map[netip.Addr]int)}
}

// Limited counts the connections that net/http has: from accept until they are closed, or
// detached to be held.
type Limited struct {
	net.Listener
	limits ConnLimiter
	open   atomic.Int64

	mu   sync.Mutex // guards byIP; a leaf
	byIP map[netip.Addr]int
}

// Accept implements net.Listener.
func (s *Limited) Accept() (net.Conn, error) {
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			accepts.failed(s.limits.Logger, err, s.Addr(), time.Now())
			return nil, err // net/http waits before it tries again, for up to a second
		}
		peer := limit.PeerAddr(conn.RemoteAddr().String())
		proxy := s.limits.Proxies.Believes(peer)
		counted := limit.Network(peer)
		if proxy || !limit.Counts(peer) {
			counted = netip.Addr{}
		}
		if why := s.enter(counted); why != "" {
			s.limits.Metrics.TurnedAway(why)
			conn.Close()
			continue
		}
		c := &socketConn{Conn: conn, leave: func() { s.release(counted) }}
		if !proxy || !s.limits.ProxyProtocol {
			return c, nil
		}
		return &proxiedConn{Conn: proxyproto.NewConn(c, proxyproto.WithPolicy(proxyproto.REQUIRE), proxyproto.SetReadHeaderTimeout(readHeaderTimeout)), socket: c}, nil
	}
}

// enter counts a connection, "" if there is room for it.
func (s *Limited) enter(ip netip.Addr) (why string) {
	switch n := s.open.Add(1); {
	case s.limits.Sockets > 0 && n > int64(s.limits.Sockets):
		s.open.Add(-1)
		return limit.Connections
	case s.limits.Descriptors > 0 && n+s.held() > int64(s.limits.Descriptors):
		s.open.Add(-1)
		return limit.Descriptors
	}
	if !ip.IsValid() || s.limits.PerIP == 0 {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byIP[ip] >= s.limits.PerIP {
		s.open.Add(-1)
		return limit.PerIP
	}
	s.byIP[ip]++
	return ""
}

func (s *Limited) held() int64 {
	if s.limits.Held == nil {
		return 0
	}
	return int64(s.limits.Held())
}

func (s *Limited) release(ip netip.Addr) {
	s.open.Add(-1)
	if !ip.IsValid() || s.limits.PerIP == 0 {
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

// InUse is how many connections net/http has now.
func (s *Limited) InUse() int { return int(s.open.Load()) }
