package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"sluice/cmd/internal/config"
	"sluice/server/certificates"
	"sluice/server/listen"
)

// listenPublic opens the port for browsers, and makes the server that is to answer there.
func (g *Gateway) listenPublic(ctx context.Context) (*http.Server, net.Listener, error) {
	s := listen.NewHTTP(g.server.Handler(), g.slog)
	s.MaxHeaderBytes = int(g.config.Limits.HeaderBytes)
	if tls := g.config.TLS; tls != (config.CertPair{}) {
		certificates, err := certificates.Load(tls.CertFile, tls.KeyFile, g.slog)
		if err != nil {
			return nil, nil, fmt.Errorf("tls_cert_file: %w", err)
		}
		s.TLSConfig.GetCertificate = certificates.Get
	}
	l, err := listen.WithMode(ctx, g.config.Listen, g.config.SocketMode)
	if err != nil {
		return nil, nil, taken("listen", err)
	}
	return s, g.connLimiter().Limit(l), nil
}

// taken is the error of an address that can't be listened on. If another process has it,
// it says what to do.
func taken(key string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %w: end the process that has it, or write another address (SLUICE_%s)", key, err, strings.ToUpper(key))
	}
	return fmt.Errorf("%s: %w", key, err)
}

// adminDoor bounds those of the admin address.
func (g *Gateway) adminDoor() listen.ConnLimiter {
	return listen.ConnLimiter{Sockets: g.descriptors.Admin, Metrics: g.metrics, Logger: g.slog}
}

// findDescriptors finds how many connections fit, and says so.
func (g *Gateway) findDescriptors() {
	g.descriptors = listen.ProcessDescriptors()
	d, connections := g.descriptors, g.config.Limits.Connections
	if d.Limit == 0 {
		return
	}
	g.log.Info().Int("limit", d.Limit).Int("public", d.Public()).Int("admin", d.Admin).Msg("descriptors")
	if connections > d.Public() {
		g.log.Warn().Int("limits.connections", connections).Int("fit", d.Public()).Int("limit", d.Limit).
			Msg("limits.connections is more than the process's descriptors allow: raise their limit (ulimit -n, LimitNOFILE of systemd), or lower limits.connections")
	}
}

// connLimiter bounds the connections that net/http has by the limits of streams, with
// room to spare. A client that has as many streams as it may have must be told so, which
// takes a connection.
func (g *Gateway) connLimiter() listen.ConnLimiter {
	limits := g.config.Limits
	d := listen.ConnLimiter{Proxies: g.config.Proxies(), ProxyProtocol: g.config.ProxyProtocol, Metrics: g.metrics}
	d.Descriptors, d.Held, d.Logger = g.descriptors.Public(), g.server.Held, g.slog
	if limits.Connections > 0 {
		d.Sockets = limits.Connections + limits.Connections/4 + 64
	}
	if limits.PerIP > 0 {
		d.PerIP = 2*limits.PerIP + 64
	}
	return d
}
