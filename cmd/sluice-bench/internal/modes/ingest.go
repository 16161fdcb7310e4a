//go:build linux

package modes

import (
	"context"
	"time"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
)

// ingestMode: records for many users of whom nobody is connected. A marker at
// the end of each partition, for the one client there is, tells when the server
// has read them all. The floor is a bare franz-go poll loop over the same kind
// of topic, told the same way.
var ingestMode = Mode{
	Name:     "ingest",
	About:    "records that nobody is connected for: records per CPU-second",
	audience: peers.Private,
	kafka:    true,
	floors:   []string{peers.KafkaFloor},
	defaults: func(o *options) { o.clients, o.events = 1, 200_000 },
	run:      runIngest,
}

const recordsPerCPU = "records per CPU-second"

func runIngest(ctx context.Context, s *session) error {
	all, err := s.contend(ctx, peers.Private, nil)
	if err != nil {
		return err
	}
	markers := map[*contender]*marker{}
	for _, c := range all {
		if markers[c], err = s.startMarker(ctx, c.Target); err != nil {
			return err
		}
	}
	user := func(i int) string { return load.UserOf(i % s.users) }
	return s.everyRun(all, func(c *contender, count bool) error {
		began := time.Now()
		cpu, err := c.Burn(func() error {
			if err := c.sendAll(ctx, s.events, s.size, user); err != nil {
				return err
			}
			return markers[c].caughtUp(ctx, s, c.Target)
		})
		if err == nil && count {
			s.report.Add(c.Name, recordsPerCPU, "/s", perSecond(s.events, cpu))
			s.report.Add(c.Name, "records per second, producing included", "/s", perSecond(s.events, time.Since(began)))
			s.report.Against(peers.KafkaFloor, recordsPerCPU)
			for _, p := range s.servers {
				if p.IsGateway() && p.Name != peers.Sluice {
					s.report.Compare(p.Name, peers.Sluice, recordsPerCPU)
				}
			}
		}
		return err
	})
}
