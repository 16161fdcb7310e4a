package bench

import (
	"context"
	"time"
)

// unicastMode: many users, each event for one of them. CPU is the server's own,
// reading Kafka included; the floor reads the same records with a bare poll
// loop and writes each to its user's connection.
var unicastMode = mode{
	name:     "unicast",
	about:    "each event to one of many users: CPU per event, reading included",
	audience: private,
	floors:   []string{kafkaFloor},
	defaults: func(o *options) { o.clients, o.events = 5000, 20_000 },
	run:      runUnicast,
}

const cpuPerEvent = "CPU per event, reading included"

func runUnicast(ctx context.Context, s *session) error {
	each := (s.events + s.clients - 1) / s.clients // of each user, so that all is said when all have it
	n := each * s.clients
	all, err := s.contend(ctx, private, nil)
	if err != nil {
		return err
	}
	if err := s.openAll(ctx, all); err != nil {
		return err
	}
	user := func(i int) string { return userOf(i % s.clients) }
	return s.everyRun(all, func(c *contender, count bool) error {
		if err := c.crowd.mark(ctx); err != nil {
			return err
		}
		var a answer
		var took time.Duration
		cpu, err := c.burn(func() error {
			began := time.Now()
			if err := c.sendAll(ctx, n, s.size, user); err != nil {
				return err
			}
			var err error
			a, err = c.crowd.await(ctx, each, s.timeout)
			took = a.Last.Sub(began)
			return allRead(a, err)
		})
		if err == nil && count {
			s.report.add(c.name, cpuPerEvent, "µs", micros(cpu, n))
			s.report.add(c.name, "events per second, producing included", "/s", perSecond(n, took))
			s.addRead(c.name, "", a)
			s.report.against(kafkaFloor, cpuPerEvent)
		}
		return err
	})
}
