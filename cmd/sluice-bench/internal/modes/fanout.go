//go:build linux

package modes

import (
	"context"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/peers"
)

// fanoutMode: each event goes to every client. First one event at a time: the
// next is sent when all clients have read the one before, so that nothing can
// be written together. Then all at once, where a server may write what is
// pending in one call. CPU is the server's own, its reading or accepting of the
// events included.
var fanoutMode = Mode{
	Name:     "fanout",
	About:    "one event to all clients: CPU per delivery, one event at a time and saturated",
	audience: peers.Public,
	floors:   []string{peers.Floor},
	defaults: func(o *options) { o.events, o.saturated = 300, 2000 },
	run:      runFanout,
}

const (
	perDelivery      = "CPU per delivery, one event at a time"
	deliveriesPerCPU = "deliveries per CPU-second, saturated"
)

func runFanout(ctx context.Context, s *session) error {
	all, err := s.contend(ctx, peers.Public, nil)
	if err != nil {
		return err
	}
	if err := s.openAll(ctx, all); err != nil {
		return err
	}
	return s.everyRun(all, func(c *contender, count bool) error {
		if err := s.fanoutSingle(ctx, c, count); err != nil {
			return err
		}
		if s.saturated == 0 {
			return nil
		}
		return s.fanoutSaturated(ctx, c, count)
	})
}

func (s *session) fanoutSingle(ctx context.Context, c *contender, count bool) error {
	events := portion(s.events, count)
	if err := c.crowd.Mark(ctx); err != nil {
		return err
	}
	cpu, err := c.Burn(func() error {
		for i := range events {
			if err := c.sendAll(ctx, 1, s.size, toEveryone); err != nil {
				return err
			}
			if err := allRead(c.crowd.Await(ctx, i+1, s.timeout)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && count {
		s.report.Add(c.Name, perDelivery, "µs", micros(cpu, events*s.clients))
		s.report.Against(peers.Floor, perDelivery)
	}
	return err
}

func (s *session) fanoutSaturated(ctx context.Context, c *contender, count bool) error {
	events := portion(s.saturated, count)
	if err := c.crowd.Mark(ctx); err != nil {
		return err
	}
	var a clients.Answer
	cpu, err := c.Burn(func() error {
		if err := c.sendAll(ctx, events, s.size, toEveryone); err != nil {
			return err
		}
		var err error
		a, err = c.crowd.Await(ctx, events, s.timeout)
		return allRead(a, err)
	})
	if err == nil && count {
		n := events * s.clients
		s.report.Add(c.Name, deliveriesPerCPU, "/s", perSecond(n, cpu))
		s.report.Add(c.Name, "deliveries per second, saturated", "/s", perSecond(n, a.Last.Sub(a.First)))
		s.addRead(c.Name, ", saturated", a)
		s.report.Against(peers.Floor, deliveriesPerCPU)
	}
	return err
}
