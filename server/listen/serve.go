package listen

import (
	"context"
	"crypto/tls"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"sluice/server/hold"
	"sluice/server/limit"
)

const (
	readHeaderTimeout = 10 * time.Second // for a whole request; streams have no body
	idleTimeout       = 2 * time.Minute  // of a connection between requests
	MaxHeaderBytes    = 16 << 10

	// keepAliveIdle: with Go's 15 s, 100,000 idle streams are 6,700 probes a second. The
	// heartbeats find dead peers; the probes only clear away what never became a stream.
	keepAliveIdle = 5 * time.Minute
)

// NewHTTP returns a server for h over HTTP/1.0, 1.1 and 2, without TLS too (h2c, for
// proxies that speak it). It has no WriteTimeout: streams set a deadline for each write.
func NewHTTP(h http.Handler, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           h,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12},
		ConnContext:       hold.Mark,
		// What net/http logs is what strangers do to the port: handshakes broken off, bad
		// requests.
		ErrorLog: log.New(&httpLog{logger, limit.NewLogLines(limit.DebugLines)}, "", 0),
	}
}

// BelowTLS wraps a listener for ServeTLS, so that HTTP/1 streams are held there too. A
// server that isn't given it carries them on goroutines.
func BelowTLS(l net.Listener) net.Listener { return hold.Listen(l) }

// httpLog takes what net/http logs to the level debug, with a rate: anybody can cause it.
type httpLog struct {
	logger *slog.Logger
	lines  *limit.LogLines
}

// Write implements io.Writer.
func (l *httpLog) Write(line []byte) (int, error) {
	if l.logger.Enabled(context.Background(), slog.LevelDebug) {
		if room, unlogged := l.lines.Take("", time.Now()); room {
			l.logger.Debug(strings.TrimSpace(string(line)), "unlogged", unlogged)
		}
	}
	return len(line), nil
}
