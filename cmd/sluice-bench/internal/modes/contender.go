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

// A contender is a server with its clients and its feeder, up for all runs.
type contender struct {
	*peers.Target
	crowd *clients.Crowd
	load.Feeder
}

// contend starts all servers, each with s.clients connected, so that they can
// take turns. The session's close ends them.
func (s *session) contend(ctx context.Context, a peers.Audience, adjust func(*clients.Plan)) ([]*contender, error) {
	var all []*contender
	for _, p := range s.servers {
		t, err := s.launch(ctx, p, peers.Shape{})
		if err != nil {
			return nil, err
		}
		s.cleanup = append(s.cleanup, t.Stop)
		if t.Topic == nil {
			s.report.Note("Servers that don't read Kafka are fed by HTTP requests; their CPU includes taking these.")
		}
		f, err := t.Feed(a)
		if err != nil {
			return nil, err
		}
		s.cleanup = append(s.cleanup, f.Close)
		own := s.plan(t, a)
		if adjust != nil {
			adjust(&own)
		}
		c, err := clients.StartCrowd(ctx, s.dir, t.Name, own, s.procs)
		if err != nil {
			return nil, err
		}
		s.cleanup = append(s.cleanup, c.Stop)
		all = append(all, &contender{Target: t, crowd: c, Feeder: f})
	}
	return all, nil
}

// openAll connects all clients of all contenders.
func (s *session) openAll(ctx context.Context, all []*contender) error {
	for _, c := range all {
		if _, err := c.crowd.Open(ctx, s.clients, s.timeout); err != nil {
			return err
		}
		if err := sleep(ctx, c.Slack); err != nil {
			return err
		}
	}
	return nil
}

// everyRun calls f for each contender in turn, runs times, and before that once
// without counting: caches, pools and TCP windows have then found their size. A
// long f asks [portion] how much of it that once needs.
func (s *session) everyRun(all []*contender, f func(c *contender, count bool) error) error {
	for run := range s.runs + 1 {
		for i := range all {
			c := all[(i+run)%len(all)] // no one always comes after the same neighbour
			if run > 0 {
				s.say("run %d of %d: %s", run, s.runs, c.Name)
			}
			if err := f(c, run > 0); err != nil {
				return fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	return nil
}

// portion is n, or where nothing counts a tenth of it.
func portion(n int, count bool) int {
	if count {
		return n
	}
	return max(n/10, 1)
}

// sendAll feeds n events, number i to the user that whom names, and flushes.
func (c *contender) sendAll(ctx context.Context, n, size int, whom func(i int) string) error {
	for i := range n {
		user := whom(i)
		if err := c.Send(ctx, user, load.Payload(time.Now(), i, user, size)); err != nil {
			return err
		}
	}
	return c.Flush(ctx)
}

func toEveryone(int) string { return "" }
