//go:build linux

package modes

import (
	"context"
	"fmt"
	"time"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
)

// stormMode: every client is disconnected, misses some events, and then all come
// back at once with the id they had. CPU is the server's own from the first
// connect until every client has all that it missed. Which events came is
// checked one by one.
var stormMode = Mode{
	Name:     "storm",
	About:    "all clients reconnect at once, each having missed events: CPU per client, and what was lost",
	audience: peers.Private,
	resume:   true,
	defaults: func(o *options) { o.clients, o.window = 15_000, 2000 },
	run:      runStorm,
}

const cpuPerClient = "CPU per reconnecting client"

func runStorm(ctx context.Context, s *session) error {
	all, err := s.contend(ctx, peers.Private, func(p *clients.Plan) { p.Stamps, p.KeepID = true, true })
	if err != nil {
		return err
	}
	markers := map[*contender]*marker{}
	if err := s.openAll(ctx, all); err != nil {
		return err
	}
	for _, c := range all {
		if c.Topic != nil {
			if markers[c], err = s.startMarker(ctx, c.Target); err != nil {
				return err
			}
		}
	}
	return s.everyRun(all, func(c *contender, count bool) error {
		// An event each, so that each has an id to come back with.
		if err := s.eventsEach(ctx, c, 0, 1); err != nil {
			return fmt.Errorf("before the storm: %w", err)
		}
		if err := allRead(c.crowd.AwaitEach(ctx, 0, 1, s.timeout)); err != nil {
			return fmt.Errorf("before the storm: %w", err)
		}
		if err := c.crowd.Drop(ctx); err != nil {
			return err
		}
		if err := s.eventsEach(ctx, c, 1, 1+s.missed); err != nil {
			return err
		}
		if m := markers[c]; m != nil {
			if err := m.caughtUp(ctx, s, c.Target); err != nil {
				return err
			}
		}
		return s.comeBack(ctx, c, count)
	})
}

// eventsEach marks, and sends the events numbered from to end-1 to each client's user.
func (s *session) eventsEach(ctx context.Context, c *contender, from, end int) error {
	if err := c.crowd.Mark(ctx); err != nil {
		return err
	}
	for i := from; i < end; i++ {
		for client := range s.clients {
			user := load.UserOf(client)
			if err := c.Send(ctx, user, load.Payload(time.Now(), i, user, s.size)); err != nil {
				return err
			}
		}
	}
	return c.Flush(ctx)
}

func (s *session) comeBack(ctx context.Context, c *contender, count bool) error {
	began := time.Now()
	var a clients.Answer
	cpu, err := c.Burn(func() error {
		_, err := c.crowd.Open(ctx, s.clients, s.timeout)
		if err == nil {
			a, err = c.crowd.AwaitEach(ctx, 1, 1+s.missed, s.timeout)
		}
		return err
	})
	if err != nil || !count {
		return err
	}
	s.report.Add(c.Name, cpuPerClient, "µs", micros(cpu, s.clients))
	s.report.Add(c.Name, "until all had all", "s", a.Last.Sub(began).Seconds())
	s.report.Add(c.Name, "clients served in full", "", float64(a.Served))
	s.report.Add(c.Name, "events lost", "", float64(a.Missing))
	s.report.Add(c.Name, "events twice", "", float64(a.Twice))
	return nil
}
