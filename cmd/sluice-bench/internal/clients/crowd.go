//go:build linux

package clients

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"sluice/cmd/sluice-bench/internal/process"
)

// A crowd is all clients of one server under test, in one or several processes.
type Crowd struct {
	name  string
	procs []*process.Child

	reading []int // by process, clients open
}

// spareDescriptors of each process are for what isn't a client.
const spareDescriptors = 100

// CheckDescriptors says in time what would otherwise fail with EMFILE halfway.
func CheckDescriptors(clients, procs int) error {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return fmt.Errorf("descriptor limit: %w", err)
	}
	room := int(lim.Cur) - spareDescriptors
	if perProc := (clients + procs - 1) / procs; perProc > room {
		return fmt.Errorf("%d clients in %d process(es) need %d descriptors each, and the limit is %d (ulimit -n): use --procs %d",
			clients, procs, perProc+spareDescriptors, lim.Cur, (clients+room-1)/room)
	}
	return nil
}

// StartCrowd starts the processes; no client connects yet.
func StartCrowd(ctx context.Context, dir, name string, p Plan, procs int) (*Crowd, error) {
	c := &Crowd{name: name}
	for i := range procs {
		proc, err := process.StartSelf(dir, fmt.Sprintf("%s-clients-%d", name, i), Part)
		if err != nil {
			c.Stop()
			return nil, err
		}
		c.procs = append(c.procs, proc)
		own := p
		own.First, own.Stride = i, procs
		var a Answer
		if err := proc.Tell(ctx, order{Op: opPlan, Plan: &own}, &a); err != nil || a.Err != "" {
			c.Stop()
			return nil, errors.Join(err, a.Fault())
		}
	}
	return c, nil
}

// Stop ends the processes, and with them all connections.
func (c *Crowd) Stop() {
	for _, p := range c.procs {
		p.Stop()
	}
}

// tell gives each process its order, all at once, and puts the answers together.
func (c *Crowd) tell(ctx context.Context, share func(proc int) order) (Answer, error) {
	answers := make([]Answer, len(c.procs))
	errs := make([]error, len(c.procs))
	var wait sync.WaitGroup
	for i, p := range c.procs {
		wait.Go(func() { errs[i] = p.Tell(ctx, share(i), &answers[i]) })
	}
	wait.Wait()
	all := answers[0]
	for _, a := range answers[1:] {
		all.merge(a)
	}
	return all, errors.Join(errs...)
}

// Open connects clients until n are open; anything less is an error.
func (c *Crowd) Open(ctx context.Context, n int, timeout time.Duration) (Answer, error) {
	procs := len(c.procs)
	c.reading = make([]int, procs)
	for i := range c.reading {
		c.reading[i] = (n - i + procs - 1) / procs
	}
	a, err := c.tell(ctx, func(i int) order { return order{Op: opOpen, N: c.reading[i], Timeout: timeout} })
	if err == nil && a.Open < n {
		err = fmt.Errorf("%s: %d of %d clients are connected after %s%s", c.name, a.Open, n, a.Took.Round(time.Millisecond), refusals(a))
	}
	return a, err
}

func refusals(a Answer) string {
	var s string
	for _, status := range slices.Sorted(maps.Keys(a.Failed)) {
		what := fmt.Sprintf("status %d", status)
		if status == 0 {
			what = "a broken connection"
		}
		s += fmt.Sprintf("; %d × %s", a.Failed[status], what)
	}
	if a.Lost > 0 {
		s += fmt.Sprintf("; %d × ended by the server after 200", a.Lost)
	}
	if a.Err != "" {
		s += "; " + a.Err
	}
	return s
}

// Mark has all count from zero.
func (c *Crowd) Mark(ctx context.Context) error { return c.simple(ctx, opMark) }

// Drop closes all connections.
func (c *Crowd) Drop(ctx context.Context) error { return c.simple(ctx, opDrop) }

func (c *Crowd) simple(ctx context.Context, op string) error {
	a, err := c.tell(ctx, func(int) order { return order{Op: op} })
	return errors.Join(err, a.Fault())
}

// Stall makes all clients read no more, and returns the address of one.
func (c *Crowd) Stall(ctx context.Context) (client string, err error) {
	a, err := c.tell(ctx, func(int) order { return order{Op: opStall} })
	return a.Stalled, errors.Join(err, a.Fault())
}

// Await waits until per events for each client have been read since the mark,
// counted over a process's clients together. Where that isn't reached in time
// the answer is Late.
func (c *Crowd) Await(ctx context.Context, per int, timeout time.Duration) (Answer, error) {
	return c.tell(ctx, func(i int) order {
		return order{Op: opAwait, Events: uint64(per) * uint64(c.reading[i]), Timeout: timeout}
	})
}

// AwaitEach waits until every client has the events numbered from to each-1.
func (c *Crowd) AwaitEach(ctx context.Context, from, each int, timeout time.Duration) (Answer, error) {
	return c.tell(ctx, func(int) order { return order{Op: opAwait, From: from, Each: each, Timeout: timeout} })
}

// Fault is what a client process had to say of itself, as an error; nil is nothing.
func (a Answer) Fault() error {
	if a.Err == "" {
		return nil
	}
	return errors.New(a.Err)
}
