//go:build linux

package modes

import (
	"context"
	"fmt"
	"time"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/measure"
	"sluice/cmd/sluice-bench/internal/peers"
	"sluice/cmd/sluice-bench/internal/report"
)

// A window is a short time of events at the session's rate, measured at the
// clients that read. They are the same in all windows of a run, and so is
// everything else, but that in one the others read no more.
type window struct {
	name    string
	stalled bool
}

// leadBytes is what goes past the clients before a window is measured: more than
// a client's receive buffer takes, so that it is the server that holds the rest.
const leadBytes = 512 << 10

// leadTries is how often that is done: now and then the kernel widens the receive
// buffer of a client that doesn't read.
const leadTries = 10

// p99Change is the p99 of one window by that of the first of its run.
const p99Change = "latency, p99, by that with all reading"

// runStall adds s.stall clients to those that are measured. Each run is three windows:
// all read, all read again, the others stalled. The first two say what the machine does
// by itself from one window to the next. The order turns with the runs, so that a drift
// of the machine's speed falls on each alike.
func (s *session) runStall(ctx context.Context, all []*contender) error {
	others := map[*contender]*clients.Crowd{}
	for _, c := range all {
		crowd, err := clients.StartCrowd(ctx, s.dir, c.Name+"-stall", s.plan(c.Target, peers.Public), 1)
		if err != nil {
			return err
		}
		s.cleanup = append(s.cleanup, crowd.Stop)
		others[c] = crowd
	}
	run := 0
	err := s.everyRun(all, func(c *contender, count bool) error {
		windows := []window{
			{c.Name + ", all read", false},
			{c.Name + ", all read again", false},
			{fmt.Sprintf("%s, %d stalled", c.Name, s.stall), true},
		}
		var p99 [3]time.Duration
		for i := range windows {
			turn := (i + run/len(all)) % len(windows)
			a, err := s.runWindow(ctx, c, others[c], windows[turn], count)
			if err != nil {
				return err
			}
			p99[turn] = a.Latency.Quantile(0.99)
			if count {
				s.addLatency(windows[turn].name, a.Latency)
			}
		}
		run++
		for i, w := range windows[1:] {
			if count {
				s.report.Add(w.name, p99Change, "×", float64(p99[1+i])/float64(p99[0]))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, res := range s.report.Results {
		if res.Metric == p99Change && len(res.Runs) >= report.IntervalMin {
			low, high := report.MedianInterval(res.Runs)
			s.report.Note("%s: its p99 is %s to %s times that with all reading (95 %% confidence for the median).", res.Server, report.Number(low), report.Number(high))
		}
	}
	return nil
}

// runWindow runs one. The others connect anew for it, so that what they have read
// before hasn't widened their receive buffers.
func (s *session) runWindow(ctx context.Context, c *contender, others *clients.Crowd, w window, count bool) (clients.Answer, error) {
	var a clients.Answer
	if err := others.Drop(ctx); err != nil {
		return a, err
	}
	if _, err := others.Open(ctx, s.stall, s.timeout); err != nil {
		return a, err
	}
	client := ""
	if w.stalled {
		var err error
		if client, err = others.Stall(ctx); err != nil {
			return a, err
		}
	}
	for range leadTries {
		if err := s.lead(ctx, c); err != nil {
			return a, err
		}
		if !w.stalled {
			break
		}
		if held, open, err := measure.SendQueue(ctx, client); err != nil || held > 0 || !open {
			break // an error will come again below
		}
	}
	if err := c.crowd.Mark(ctx); err != nil {
		return a, err
	}
	events := portion(s.events, count)
	a, err := s.paced(ctx, c, events, events, toEveryone)
	if err != nil || !w.stalled {
		return a, err
	}
	held, open, err := measure.SendQueue(ctx, client)
	switch {
	case err != nil:
	case !open:
		s.report.Note("%s had closed a stalled client's connection by the end of a window.", c.Name)
	case count:
		s.report.Add(c.Name, "kernel memory held for one stalled client", "B", float64(held))
	}
	return a, err
}

func (s *session) lead(ctx context.Context, c *contender) error {
	n := max(leadBytes/s.size, 1)
	if err := c.crowd.Mark(ctx); err != nil {
		return err
	}
	if err := c.sendAll(ctx, n, s.size, toEveryone); err != nil {
		return err
	}
	return allRead(c.crowd.Await(ctx, n, s.timeout))
}
