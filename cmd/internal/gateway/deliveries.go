package gateway

import (
	"context"

	"sluice/broker"
	"sluice/broker/schema"
	"sluice/cmd/internal/delivering"
	"sluice/server/status"
)

// newDeliveries makes what hands records to programs; nil where this gateway runs none.
func (g *Gateway) newDeliveries(o Options, kafka broker.Config, r *schema.Registry) (status.Deliveries, error) {
	if o.NoDeliveries || !g.config.Delivers() {
		return nil, nil
	}
	set, err := delivering.New(g.config, kafka, r, g.slog)
	if err != nil {
		return nil, err
	}
	g.onStop("deliveries", func(context.Context) error { set.Close(); return nil })
	g.deliveries = set
	return set, nil
}

// beginDeliveries begins to deliver. At the end attempts under way have their time.
func (g *Gateway) beginDeliveries() {
	if g.deliveries == nil {
		return
	}
	delivering, stop := context.WithCancel(context.Background())
	g.begin("delivering", func() error { g.deliveries.Run(delivering); return nil }, func(ctx context.Context) error {
		stop()
		context.AfterFunc(ctx, g.deliveries.CutOff)
		return nil
	})
}
