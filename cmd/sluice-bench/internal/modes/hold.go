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

// holdMode: idle connections, each its own user's. Memory is the PSS of the untouched
// process: no collection is forced, no traffic sent. It is taken --settle after the last
// connect, for two numbers of connections. What the second number adds has no share of
// the process's fixed cost. The kernel's memory is this whole machine's and so counts
// both ends of each connection.
var holdMode = Mode{
	Name:     "hold",
	About:    "memory of idle connections, and what they do to an idle process",
	audience: peers.Both,
	defaults: func(o *options) { o.clients, o.more = 10_000, 19_000 },
	run:      runHold,
}

func runHold(ctx context.Context, s *session) error {
	for run := range s.runs {
		for _, p := range s.servers {
			s.say("run %d of %d: %s", run+1, s.runs, p.Name)
			if err := s.hold(ctx, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// held is a measurement of a server that nothing happens to.
type held struct {
	clients   int
	pss       int64 // bytes
	slab, tcp int64 // bytes, the kernel's

	wakes float64 // a second, of all its threads
	cpu   float64 // share of one core
}

func (s *session) hold(ctx context.Context, p peers.Peer) error {
	t, err := s.launch(ctx, p, peers.Shape{Proto: s.proto, Idle: true})
	if err != nil {
		return err
	}
	defer t.Stop()
	crowd, err := clients.StartCrowd(ctx, s.dir, t.Name, s.plan(t, peers.Both), s.procs)
	if err != nil {
		return err
	}
	defer crowd.Stop()
	before, err := s.measureHeld(ctx, t, 0, min(s.settle, emptySettle))
	if err != nil {
		return err
	}
	s.report.Add(t.Name, "wakes a second, idle without connections", "/s", before.wakes)
	last, err := s.holdUpTo(ctx, t, crowd, s.clients, before)
	if err != nil {
		return err
	}
	if s.more > s.clients {
		some := last
		if last, err = s.holdUpTo(ctx, t, crowd, s.more, before); err != nil {
			return err
		}
		grown := float64(last.clients - some.clients)
		slope := fmt.Sprintf("%s to %s", report.Number(float64(some.clients)), report.Number(float64(last.clients)))
		s.report.Add(t.Name, "process memory per connection, slope "+slope, "B", float64(last.pss-some.pss)/grown)
		s.report.Add(t.Name, "kernel slab per connection, both ends, slope "+slope, "B", float64(last.slab-some.slab)/grown)
	}
	at := " at " + report.Number(float64(last.clients))
	s.report.Add(t.Name, "kernel socket buffers per connection"+at, "B", float64(last.tcp-before.tcp)/float64(last.clients))
	s.report.Add(t.Name, "wakes a second, idle"+at, "/s", last.wakes)
	s.report.Add(t.Name, "CPU, idle"+at, "% of a core", 100*last.cpu)
	if t.Admin == "" {
		return nil
	}
	if err := s.addHolderWakes(ctx, t, crowd, last.clients); err != nil {
		return err
	}
	return s.addCollections(ctx, t)
}

// addHolderWakes counts for --settle how often what holds sluice's connections
// wakes, and what there was to wake for. It is asked for after memory has been
// measured, since the answer takes some.
func (s *session) addHolderWakes(ctx context.Context, t *peers.Target, crowd *clients.Crowd, n int) error {
	if err := crowd.Mark(ctx); err != nil {
		return err
	}
	before, err := t.Metric(ctx, holderWakes)
	if err != nil {
		return err
	}
	if err := sleep(ctx, s.settle); err != nil {
		return err
	}
	now, err := t.Metric(ctx, holderWakes)
	if err != nil {
		return err
	}
	a, err := crowd.Open(ctx, n, s.timeout) // all are: it only tells what they have read
	if err != nil {
		return err
	}
	if a.Lost > 0 {
		return fmt.Errorf("the server ended %d idle connections", a.Lost)
	}
	at := fmt.Sprintf(" in %s idle at %s", s.settle, report.Number(float64(n)))
	s.report.Add(t.Name, "wakes of the holder"+at, "", now-before)
	s.report.Add(t.Name, "heartbeats read"+at, "", float64(a.Reserved))
	return nil
}

// holderWakes is sluice's metric of how often a worker of the holder has woken.
const holderWakes = "sluice_holder_wakes_total"

func (s *session) holdUpTo(ctx context.Context, t *peers.Target, crowd *clients.Crowd, n int, before held) (held, error) {
	cpu, err := t.Burn(func() error {
		_, err := crowd.Open(ctx, n, s.timeout)
		return err
	})
	if err != nil {
		return held{}, err
	}
	s.say("%s: %d connections, measured in %s", t.Name, n, s.settle)
	now, err := s.measureHeld(ctx, t, n, s.settle)
	if err != nil {
		return held{}, err
	}
	at := " at " + report.Number(float64(n))
	s.report.Add(t.Name, "process memory per connection"+at, "B", float64(now.pss-before.pss)/float64(n))
	if n == s.clients { // later ones connect in addition
		s.report.Add(t.Name, "CPU per connect", "µs", micros(cpu, n))
	}
	return now, nil
}

// emptySettle is how long a server without connections is left alone.
const emptySettle = 15 * time.Second

// measureHeld waits out the settling time and measures at its end; its last
// third is what wakes and CPU are counted over, heartbeats included.
func (s *session) measureHeld(ctx context.Context, t *peers.Target, n int, settle time.Duration) (held, error) {
	h := held{clients: n}
	if err := sleep(ctx, settle*2/3); err != nil {
		return h, err
	}
	pids, err := measure.Tree(t.Root)
	if err != nil {
		return h, err
	}
	woken, err := measure.Switches(pids)
	if err != nil {
		return h, err
	}
	began := time.Now()
	cpu, err := t.Burn(func() error { return sleep(ctx, settle/3) })
	if err != nil {
		return h, err
	}
	window := time.Since(began).Seconds()
	if h.pss, err = measure.PSS(pids); err != nil {
		return h, err
	}
	if h.slab, h.tcp, err = measure.KernelMemory(); err != nil {
		return h, err
	}
	now, err := measure.Switches(pids)
	h.wakes = float64(now-woken) / window
	h.cpu = cpu.Seconds() / window
	return h, err
}
