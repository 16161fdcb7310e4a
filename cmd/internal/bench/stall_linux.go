package bench

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// runStall measures the clients that read, while all do and while s.stall others
// don't, in turns; and what the kernel holds for one that doesn't.
func (s *session) runStall(ctx context.Context, all []*contender) error {
	return s.everyRun(all, func(c *contender, count bool) error {
		reading, some := c.name+", all read", fmt.Sprintf("%s, %d stalled", c.name, s.stall)
		if err := s.calm(ctx, c, reading, count); err != nil {
			return err
		}
		client, err := c.crowd.stall(ctx, s.stall)
		if err != nil {
			return err
		}
		if err := s.calm(ctx, c, some, count); err != nil {
			return err
		}
		held, open, err := sendQueue(ctx, client)
		if err != nil {
			return err
		}
		switch {
		case !open:
			s.report.note("%s had closed the stalled client's connection by the end of a run.", c.name)
		case count:
			s.report.add(c.name, "kernel memory held for one stalled client", "B", float64(held))
		}
		for _, m := range latencyMetrics {
			s.report.against(reading, m.name)
		}
		return c.crowd.rejoin(ctx, s.clients, s.timeout)
	})
}

// calm runs the events past the clients that read.
func (s *session) calm(ctx context.Context, c *contender, name string, count bool) error {
	events := portion(s.events, count)
	if err := c.crowd.mark(ctx); err != nil {
		return err
	}
	a, err := s.paced(ctx, c, events, events, toEveryone)
	if err == nil && count {
		s.addLatency(name, a.Latency)
	}
	return err
}

// skmem is ss's account of a socket's memory: w is what is queued to be sent,
// bookkeeping included.
var skmem = regexp.MustCompile(`skmem:\([^)]*,w(\d+),`)

// sendQueue is what the kernel holds on the server's side for the client at an
// address; open is false when the server has closed that connection.
func sendQueue(ctx context.Context, client string) (held int, open bool, err error) {
	cmd := exec.CommandContext(ctx, "ss", "-tmnH", "dst", client)
	out, err := cmd.Output()
	if err != nil {
		return 0, false, fmt.Errorf("ss (of iproute2) is needed to see a socket's memory: %w", err)
	}
	m := skmem.FindSubmatch(out)
	if m == nil {
		return 0, false, nil
	}
	held, err = strconv.Atoi(string(m[1]))
	return held, true, err
}
