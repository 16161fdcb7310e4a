package e2e

import (
	"context"
	"testing"
	"time"

	"sluice/cmd/internal/e2e/gateway"
	"sluice/cmd/internal/e2e/proxy"
)

// need skips the test where a command is missing, unless nothing may be missing.
func need(t *testing.T, command, debianPackage string) {
	t.Helper()
	proxy.Need(t, command, debianPackage)
}

// bounded is the test's context with an end that only a failure reaches.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// readyGateway starts a gateway and waits until it is ready.
func readyGateway(ctx context.Context, t *testing.T, config string) *gateway.Gateway {
	t.Helper()
	g := newGateway(t, config)
	g.Start()
	if err := g.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return g
}
