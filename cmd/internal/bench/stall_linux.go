package bench

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
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

// runStall puts s.stall more clients beside those that are measured. Each run is
// three windows: all read, all read again, the others stalled. The first two say
// what the machine does by itself from one window to the next. The order turns
// with the runs, so that a drift of the machine's speed falls on each alike.
func (s *session) runStall(ctx context.Context, all []*contender) error {
	others := map[*contender]*crowd{}
	for _, c := range all {
		crowd, err := startCrowd(ctx, s.dir, c.name+"-stall", s.plan(c.target, public), 1)
		if err != nil {
			return err
		}
		s.cleanup = append(s.cleanup, crowd.stop)
		others[c] = crowd
	}
	run := 0
	err := s.everyRun(all, func(c *contender, count bool) error {
		windows := []window{
			{c.name + ", all read", false},
			{c.name + ", all read again", false},
			{fmt.Sprintf("%s, %d stalled", c.name, s.stall), true},
		}
		var p99 [3]time.Duration
		for i := range windows {
			turn := (i + run/len(all)) % len(windows)
			a, err := s.runWindow(ctx, c, others[c], windows[turn], count)
			if err != nil {
				return err
			}
			p99[turn] = a.Latency.quantile(0.99)
			if count {
				s.addLatency(windows[turn].name, a.Latency)
			}
		}
		run++
		for i, w := range windows[1:] {
			if count {
				s.report.add(w.name, p99Change, "×", float64(p99[1+i])/float64(p99[0]))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, res := range s.report.Results {
		if res.Metric == p99Change && len(res.Runs) >= intervalMin {
			low, high := medianInterval(res.Runs)
			s.report.note("%s: its p99 is %s to %s times that with all reading (95 %% confidence for the median).", res.Server, number(low), number(high))
		}
	}
	return nil
}

// runWindow runs one. The others connect anew for it, so that what they have read
// before hasn't widened their receive buffers.
func (s *session) runWindow(ctx context.Context, c *contender, others *crowd, w window, count bool) (answer, error) {
	var a answer
	if err := others.drop(ctx); err != nil {
		return a, err
	}
	if _, err := others.open(ctx, s.stall, s.timeout); err != nil {
		return a, err
	}
	client := ""
	if w.stalled {
		var err error
		if client, err = others.stall(ctx); err != nil {
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
		if held, open, err := sendQueue(ctx, client); err != nil || held > 0 || !open {
			break // an error will come again below
		}
	}
	if err := c.crowd.mark(ctx); err != nil {
		return a, err
	}
	events := portion(s.events, count)
	a, err := s.paced(ctx, c, events, events, toEveryone)
	if err != nil || !w.stalled {
		return a, err
	}
	held, open, err := sendQueue(ctx, client)
	switch {
	case err != nil:
	case !open:
		s.report.note("%s had closed a stalled client's connection by the end of a window.", c.name)
	case count:
		s.report.add(c.name, "kernel memory held for one stalled client", "B", float64(held))
	}
	return a, err
}

func (s *session) lead(ctx context.Context, c *contender) error {
	n := max(leadBytes/s.size, 1)
	if err := c.crowd.mark(ctx); err != nil {
		return err
	}
	if err := c.sendAll(ctx, n, s.size, toEveryone); err != nil {
		return err
	}
	return allRead(c.crowd.await(ctx, n, s.timeout))
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
