package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"sluice/cmd/internal/config"
	"sluice/cmd/internal/gateway"
	"sluice/web"
)

// pause is how long a gateway stays away when a page stops it.
const pause = 5 * time.Second

// gateways are the two of the demo. They share nothing but Kafka.
type gateways struct {
	members [2]*member
	failed  chan error // what ended a member, but for close
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// member is one gateway, which a page may stop for a while. Its goroutine alone starts
// and stops it.
type member struct {
	setup   gateway.Options
	pauses  chan struct{}
	ready   chan struct{} // closed, once, when it serves for the first time
	once    sync.Once
	admin   net.Addr                     // for operators; set before it serves
	serving atomic.Pointer[http.Handler] // leads to it; nil while it is away
}

// startGateways starts both with this configuration. The first has its admin address, and
// the second any that is free. Browsers reach them by the balancer.
func startGateways(c *config.Config, log zerolog.Logger) *gateways {
	ctx, cancel := context.WithCancel(context.Background())
	all := &gateways{failed: make(chan error, 2), cancel: cancel}
	for i := range all.members {
		own := *c
		if i > 0 {
			own.Admin = "127.0.0.1:0"
		}
		behindBalancer(&own)
		m := &member{pauses: make(chan struct{}), ready: make(chan struct{})}
		m.setup = gateway.Options{Config: &own, Log: log, Page: page(web.Demo, all.console)}
		all.members[i] = m
	}
	for _, m := range all.members {
		all.running.Go(func() {
			if err := m.run(ctx); err != nil {
				all.failed <- err
			}
		})
	}
	return all
}

// behindBalancer makes a configuration that of a gateway that only the balancer talks to.
func behindBalancer(c *config.Config) {
	c.Listen, c.TLS, c.ProxyProtocol = "127.0.0.1:0", config.CertPair{}, false
	c.TrustedProxies = append(c.TrustedProxies, netip.MustParsePrefix("127.0.0.1/32"))
	c.ForwardedHeader = "X-Forwarded-For"
}

// untilReady waits until both serve. It returns what kept one from it, or ctx's end.
func (g *gateways) untilReady(ctx context.Context) error {
	for _, m := range g.members {
		select {
		case <-m.ready:
		case err := <-g.failed:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// close stops both, and waits for their end.
func (g *gateways) close() error {
	g.cancel()
	g.running.Wait()
	close(g.failed)
	var errs []error
	for err := range g.failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// run is the gateway until ctx ends, with the pauses that are asked for.
func (m *member) run(ctx context.Context) error {
	for {
		g, err := startGateway(ctx, m.setup)
		if ctx.Err() != nil {
			return stopGateway(g) // whatever became of it until then
		}
		if err != nil {
			return errors.Join(err, stopGateway(g))
		}
		if m.admin == nil {
			m.admin = g.AdminAddr()
			if m.admin.Network() == "tcp" { // it comes back at the port that it was given
				m.setup.Config.Admin = m.admin.String()
			}
		}
		to := proxyTo(g.Addr())
		m.serving.Store(&to)
		m.once.Do(func() { close(m.ready) })
		select {
		case <-ctx.Done():
		case err = <-g.Failed():
		case <-m.pauses:
		}
		m.serving.Store(nil)
		if err = errors.Join(err, stopGateway(g)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// console is the address of a gateway's console. A number counts from 1. The first is
// for every other text, and for one that has not begun.
func (g *gateways) console(number string) string {
	for i, m := range g.members {
		select {
		case <-m.ready:
			if number == strconv.Itoa(i+1) {
				return console(m.operators())
			}
		default:
		}
	}
	return console(g.members[0].operators())
}

// operators is where its console is.
func (m *member) operators() string { return reachable(m.admin) }

// stop has the gateway stop for a while, unless it is away already.
func (m *member) stop() {
	select {
	case m.pauses <- struct{}{}:
	default:
	}
}

// startGateway makes a gateway, and waits until it is ready or ctx ends. A user who
// follows the greeting at once would be told to come again, and curl doesn't.
func startGateway(ctx context.Context, setup gateway.Options) (*gateway.Gateway, error) {
	g, err := gateway.New(setup)
	if err != nil {
		return nil, err
	}
	if err := g.Start(ctx); err != nil {
		flag := "--listen"
		if g.AdminAddr() == nil {
			flag = "--admin"
		}
		return g, fmt.Errorf("%w, or %s 127.0.0.1:0", err, flag)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready(ctx, g.AdminAddr()) {
		select {
		case <-ctx.Done():
			return g, nil
		case err := <-g.Failed():
			return g, err
		case <-tick.C:
		}
	}
	return g, nil
}

// stopGateway lets the gateway tell its streams to come back; nil is fine.
func stopGateway(g *gateway.Gateway) error {
	if g == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	return g.Stop(ctx)
}

// ready asks a gateway whether it is.
func ready(ctx context.Context, admin net.Addr) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+reachable(admin)+"/readyz", nil)
	if err != nil {
		return false
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// proxyTo leads to a gateway, as a reverse proxy would.
func proxyTo(addr net.Addr) http.Handler {
	to := &url.URL{Scheme: "http", Host: addr.String()}
	return &httputil.ReverseProxy{
		Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		ErrorLog:  silent,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) {
			if r.Context().Err() != nil {
				panic(http.ErrAbortHandler) // the page is gone, or cut its connection
			}
			away(w)
		},
	}
}
