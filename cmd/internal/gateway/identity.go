package gateway

import (
	"context"
	"io"

	"sluice/cmd/internal/config"
)

// identity begins what finds out who is asking. What runs for it ends after the server.
func (g *Gateway) identity() (config.Sources, error) {
	sources, err := g.config.Auth.Sources(g.slog)
	if running, ok := sources.Authenticator.(io.Closer); ok {
		g.onStop("identity", func(context.Context) error { return running.Close() })
	}
	return sources, err
}
