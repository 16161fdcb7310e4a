package bench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
)

// runStall measures the clients that read, before and after s.stall others stop,
// and what the kernel holds for one that stopped.
func (s *session) runStall(ctx context.Context, all []*contender) error {
	for _, c := range all {
		for run := range s.runs {
			if err := s.calm(ctx, c, "all read"); err != nil {
				return err
			}
			s.say("%s: all read, run %d of %d", c.name, run+1, s.runs)
		}
		port, err := c.crowd.stall(ctx, s.stall)
		if err != nil {
			return err
		}
		for run := range s.runs {
			if err := s.calm(ctx, c, fmt.Sprintf("%d stalled", s.stall)); err != nil {
				return err
			}
			s.say("%s: %d stalled, run %d of %d", c.name, s.stall, run+1, s.runs)
			held, err := sendQueue(ctx, port)
			if err != nil {
				return err
			}
			if held == 0 {
				s.report.note("%s had closed the stalled client's connection by the end of a run.", c.name)
				continue
			}
			s.report.add(c.name, "kernel memory held for one stalled client", "B", float64(held))
		}
	}
	return nil
}

// calm runs s.events events for everyone past the clients that read.
func (s *session) calm(ctx context.Context, c *contender, name string) error {
	if err := c.crowd.mark(ctx); err != nil {
		return err
	}
	a, err := s.paced(ctx, c, s.events, s.events, toEveryone)
	if err == nil {
		s.addLatency(c.name+", "+name, a.Latency)
	}
	return err
}

// skmem is ss's account of a socket's memory: w is what is queued to be sent,
// bookkeeping included.
var skmem = regexp.MustCompile(`skmem:\([^)]*,w(\d+),`)

// sendQueue is what the kernel holds on the server's side for the client at port;
// 0 when the server has closed that connection.
func sendQueue(ctx context.Context, port int) (int, error) {
	cmd := exec.CommandContext(ctx, "ss", "-tmnH", "dport", "=", ":"+strconv.Itoa(port))
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("ss (of iproute2) is needed to see a socket's memory: %w", err)
	}
	m := skmem.FindSubmatch(bytes.TrimSpace(out))
	if m == nil {
		return 0, nil
	}
	return strconv.Atoi(string(m[1]))
}
