package gateway

import (
	"context"
	"errors"
	"time"

	"sluice/broker"
	"sluice/server/auth"
	"sluice/server/portal"
)

// portalPause is between two looks at the topic of keys.
const portalPause = 30 * time.Second

// portalParts are what keeps and carries the keys of developers; nil where there is no
// portal.
type portalParts struct {
	portal *portal.Portal
	topic  *broker.Control
	kafka  broker.Config
}

// newPortal makes the portal; nil where the configuration has none.
func (g *Gateway) newPortal(kafka broker.Config, tickets *auth.Tickets) (*portal.Portal, error) {
	c := g.config.Portal
	if c.Topic == "" {
		return nil, nil
	}
	topic, err := broker.NewControl(kafka, "portal", c.Topic, g.slog)
	if err != nil {
		return nil, err
	}
	g.onStop("portal", func(context.Context) error { topic.Close(); return nil })
	p, err := portal.New(portal.Config{
		Topic: topic, Role: c.Role, Tickets: tickets, Logger: g.slog.With("topic", c.Topic),
		MaxKeys: c.MaxKeys, KeyAge: c.KeyAge, MaxKeyAge: c.MaxKeyAge, MaxOverlap: c.MaxOverlap,
	})
	g.portal = &portalParts{p, topic, g.config.Broker()}
	return p, err
}

// hearKeys begins to read the topic of keys, and looks whether it keeps them.
func (g *Gateway) hearKeys() {
	if g.portal == nil {
		return
	}
	hearing, stop := context.WithCancel(context.Background())
	g.begin("keys", func() error { return g.portal.topic.Run(hearing, g.portal.portal.Hear) }, func(context.Context) error { stop(); return nil })
	looking, stopLooking := context.WithCancel(context.Background())
	g.begin("topic of keys", func() error { g.lookAtKeys(looking); return nil }, func(context.Context) error { stopLooking(); return nil })
}

// lookAtKeys says while the topic of keys is not fit for them. Then no key is made: it
// would be forgotten. A topic that can't be looked at may be fit.
func (g *Gateway) lookAtKeys(ctx context.Context) {
	said := ""
	for ctx.Err() == nil {
		err := broker.CheckCompacted(ctx, g.portal.kafka, g.config.Portal.Topic, g.config.Portal.MaxKeyAge)
		unfit, is := errors.AsType[*broker.UnfitTopic](err)
		switch {
		case ctx.Err() != nil:
			return
		case is:
			g.portal.portal.SetFault(unfit.Error())
		case err == nil:
			g.portal.portal.SetFault("")
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != said && is {
			g.slog.Error("the topic of keys is not fit for them: no key can be made", "topic", g.config.Portal.Topic, "why", text)
		} else if text != said && err != nil {
			g.slog.Warn("whether the topic of keys is compacted can't be found out", "topic", g.config.Portal.Topic, "why", text)
		}
		said = text
		select {
		case <-ctx.Done():
		case <-time.After(portalPause):
		}
	}
}
