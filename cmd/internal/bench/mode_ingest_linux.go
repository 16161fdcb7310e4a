package bench

import (
	"context"
	"time"
)

// ingestMode: records for many users of whom nobody is connected. A marker at
// the end of each partition, for the one client there is, tells when the server
// has read them all. The floor is a bare franz-go poll loop over the same kind
// of topic, told the same way.
var ingestMode = mode{
	name:     "ingest",
	about:    "records that nobody is connected for: records per CPU-second",
	audience: private,
	kafka:    true,
	floors:   []string{kafkaFloor},
	defaults: func(o *options) { o.clients, o.events = 1, 200_000 },
	run:      runIngest,
}

const recordsPerCPU = "records per CPU-second"

func runIngest(ctx context.Context, s *session) error {
	all, err := s.contend(ctx, private, nil)
	if err != nil {
		return err
	}
	markers := map[*contender]*marker{}
	for _, c := range all {
		if markers[c], err = s.startMarker(ctx, c.target); err != nil {
			return err
		}
	}
	user := func(i int) string { return userOf(i % s.users) }
	return s.everyRun(all, func(c *contender, count bool) error {
		began := time.Now()
		cpu, err := c.burn(func() error {
			if err := c.sendAll(ctx, s.events, s.size, user); err != nil {
				return err
			}
			return markers[c].caughtUp(ctx, s, c.target)
		})
		if err == nil && count {
			s.report.add(c.name, recordsPerCPU, "/s", perSecond(s.events, cpu))
			s.report.add(c.name, "records per second, producing included", "/s", perSecond(s.events, time.Since(began)))
			s.report.against(kafkaFloor, recordsPerCPU)
		}
		return err
	})
}
