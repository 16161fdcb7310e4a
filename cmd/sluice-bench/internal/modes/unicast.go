//go:build linux

package modes

import (
	"context"
	"time"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
)

// unicastMode: many users, each event for one of them. CPU is the server's own,
// reading Kafka included; the floor reads the same records with a bare poll
// loop and writes each to its user's connection.
var unicastMode = Mode{
	Name:     "unicast",
	About:    "each event to one of many users: CPU per event, reading included",
	audience: peers.Private,
	floors:   []string{peers.KafkaFloor},
	defaults: func(o *options) { o.clients, o.events = 5000, 20_000 },
	run:      runUnicast,
}

const cpuPerEvent = "CPU per event, reading included"

func runUnicast(ctx context.Context, s *session) error {
	each := (s.events + s.clients - 1) / s.clients // of each user, so that all is said when all have it
	n := each * s.clients
	all, err := s.contend(ctx, peers.Private, nil)
	if err != nil {
		return err
	}
	if err := s.openAll(ctx, all); err != nil {
		return err
	}
	user := func(i int) string { return load.UserOf(i % s.clients) }
	return s.everyRun(all, func(c *contender, count bool) error {
		if err := c.crowd.Mark(ctx); err != nil {
			return err
		}
		var a clients.Answer
		var took time.Duration
		cpu, err := c.Burn(func() error {
			began := time.Now()
			if err := c.sendAll(ctx, n, s.size, user); err != nil {
				return err
			}
			var err error
			a, err = c.crowd.Await(ctx, each, s.timeout)
			took = a.Last.Sub(began)
			return allRead(a, err)
		})
		if err == nil && count {
			s.report.Add(c.Name, cpuPerEvent, "µs", micros(cpu, n))
			s.report.Add(c.Name, "events per second, producing included", "/s", perSecond(n, took))
			s.addRead(c.Name, "", a)
			s.report.Against(peers.KafkaFloor, cpuPerEvent)
		}
		return err
	})
}
