package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// slowPath is a network between pages and a gateway. It hands on little of what the
// gateway sends, until it is opened.
type slowPath struct {
	URL string

	to     string        // host:port
	rate   int           // bytes a second
	opened chan struct{} // closed: everything passes
	open   func()
	pipes  sync.WaitGroup

	mu   sync.Mutex // guards ends
	ends []net.Conn
}

func newSlowPath(t *testing.T, to string, rate int) *slowPath {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &slowPath{URL: "http://" + listener.Addr().String(), to: strings.TrimPrefix(to, "http://"), rate: rate, opened: make(chan struct{})}
	p.open = sync.OnceFunc(func() { close(p.opened) })
	p.pipes.Go(func() {
		for {
			page, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			p.pipes.Go(func() { p.carry(page) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		p.open()
		p.mu.Lock()
		for _, end := range p.ends {
			end.Close()
		}
		p.mu.Unlock()
		p.pipes.Wait()
	})
	return p
}

func (p *slowPath) carry(page net.Conn) {
	defer page.Close()
	gateway, err := narrowDialer.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer gateway.Close()
	p.mu.Lock()
	p.ends = append(p.ends, page, gateway)
	p.mu.Unlock()
	p.pipes.Go(func() {
		io.Copy(gateway, page)
		gateway.Close()
	})
	const times = 10 // a second
	again := time.NewTicker(time.Second / times)
	defer again.Stop()
	buf := make([]byte, p.rate/times)
	for {
		select {
		case <-p.opened:
			io.Copy(page, gateway)
			return
		case <-again.C:
		}
		n, err := gateway.Read(buf)
		page.Write(buf[:n])
		if err != nil {
			return
		}
	}
}

// narrowDialer opens connections of which the kernel holds little.
var narrowDialer = net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
	return errors.Join(c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) }), err)
}}

// asAddress is a proxy that says of each request that it comes from the address that its
// path begins with.
func asAddress(t *testing.T, to string) (at string) {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		address, path, _ := strings.Cut(strings.TrimPrefix(r.In.URL.Path, "/"), "/")
		r.SetURL(target)
		r.Out.URL.Path = "/" + path
		r.Out.Header.Set("X-Forwarded-For", address)
	}})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// proxiedSocket is a WebSocket through a proxy, which a page opens again at its newest
// id.
type proxiedSocket struct {
	pageSocket
	address string
	orders  []string // of the connections before
	before  int      // how many these are
}

// openProxiedSocket opens a WebSocket of alice's on a page of this origin, from the
// beginning. It goes both ways.
func openProxiedSocket(browser context.Context, t *testing.T, origin, proxy string) *proxiedSocket {
	t.Helper()
	s := &proxiedSocket{address: proxy + "/ws?user=alice"}
	s.pageSocket = openSocketPage(browser, t, origin).dial(s.address+"&from=earliest", "sluice.v1")
	s.awaitHello()
	if extensions := ask[string](&s.page, s.name+".socket.extensions"); extensions != "" {
		t.Errorf("the WebSocket has %s", extensions)
	}
	s.send(`"ping"`)
	s.pageSocket.await("s.pongs === 1")
	return s
}

// again opens it again.
func (s *proxiedSocket) again() {
	s.t.Helper()
	s.orders = s.got()
	s.before = len(s.orders)
	id := ask[string](&s.page, s.name+`.messages.findLast(m => m.id).id`)
	s.pageSocket = s.dial(s.address+"&lastEventId="+url.QueryEscape(id), "sluice.v1")
	s.awaitHello()
}

// got is what has come, in order.
func (s *proxiedSocket) got() (orders []string) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(ask[string](&s.page, `JSON.stringify(`+s.name+`.messages.filter(m => m.text).map(m => m.text))`)), &orders); err != nil {
		s.t.Fatal(err)
	}
	return slices.Concat(s.orders, orders)
}
