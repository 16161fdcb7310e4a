package check

import (
	"context"
	"log/slog"

	"sluice/cmd/internal/config"
)

// askRegistry finds out whether the schema registry answers, and lets the gateway ask. If
// it doesn't, that is only worth a warning: records would wait for it.
func (r *result) askRegistry(ctx context.Context, c *config.Config) {
	registry, err := c.Registry(slog.New(slog.DiscardHandler))
	if registry == nil && err == nil {
		return
	}
	if err == nil {
		defer registry.Close()
		ctx, cancel := context.WithTimeout(ctx, registryTimeout)
		defer cancel()
		err = registry.Check(ctx)
	}
	if err != nil {
		r.add(c.Warning("schema_registry.url", "the schema registry: "+err.Error()+"; records whose schemas aren't known would wait for it"))
	}
}
