package gateway

import (
	"context"

	"sluice/broker"
	"sluice/server"
)

// newControl makes the way by which gateways tell each other; nil where the configuration
// names none.
func (g *Gateway) newControl(kafka broker.Config) (server.Control, error) {
	topic := g.config.ControlTopic
	if topic == "" {
		return nil, nil
	}
	c, err := broker.NewControl(kafka, "control", topic, g.slog)
	if err != nil {
		return nil, err
	}
	g.onStop("control", func(context.Context) error { c.Close(); return nil })
	g.control = c
	return c, nil
}

// hearControl begins to hear what is told.
func (g *Gateway) hearControl() {
	if g.control == nil {
		return
	}
	hearing, stop := context.WithCancel(context.Background())
	g.begin("hearing", func() error {
		return g.control.Run(hearing, func(_ string, m []byte) { g.server.ApplyControlMessage(m) })
	}, func(context.Context) error { stop(); return nil })
}
