package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A session is one command's run: its options, what it has started, and what
// it has measured.
type session struct {
	options
	dir      string // for configurations and logs
	servers  []peer // what is measured, in the order of the table
	report   *report
	progress io.Writer
	began    time.Time
	brokers  []string
	cleanup  []func() // in the order of starting
}

func newSession(o options, m *mode, args []string, progress io.Writer) (*session, error) {
	s := &session{options: o, report: newReport(m.name, args), progress: progress, began: time.Now()}
	names := o.peers
	switch {
	case o.server.url != "":
		s.servers = []peer{externalPeer(&s.options.server)}
	case o.only != "none":
		names = append(splitList(o.only), names...)
	}
	chosen, notes, err := choose(append(names, m.floors...))
	if err != nil {
		return nil, err
	}
	s.report.Notes = notes
	for _, p := range append(s.servers[:len(s.servers):len(s.servers)], chosen...) {
		if lack := m.unfit(&p, &o); lack != "" {
			s.report.note("%s is left out: %s", p.name, lack)
			s.servers = remove(s.servers, p.name)
			continue
		}
		s.servers = append(remove(s.servers, p.name), p)
	}
	if len(s.servers) == 0 {
		return nil, errors.New("no server is left to measure: " + strings.Join(s.report.Notes, "; "))
	}
	s.dir, err = os.MkdirTemp("", "sluice-bench-")
	return s, err
}

func remove(list []peer, name string) []peer {
	var rest []peer
	for _, p := range list {
		if p.name != name {
			rest = append(rest, p)
		}
	}
	return rest
}

// close ends everything the session started, the last first.
func (s *session) close() {
	for i := len(s.cleanup) - 1; i >= 0; i-- {
		s.cleanup[i]()
	}
	if s.keep {
		s.say("configurations and logs: %s", s.dir)
		return
	}
	_ = os.RemoveAll(s.dir)
}

// say tells how far it is.
func (s *session) say(format string, args ...any) {
	fmt.Fprintf(s.progress, "%6.1fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// kafkaBrokers are the ones given, or the embedded one's, started when first asked for.
func (s *session) kafkaBrokers(ctx context.Context) ([]string, error) {
	if len(s.kafka) > 0 {
		return s.kafka, nil
	}
	if s.brokers == nil {
		c, err := startSelf(s.dir, "kafka", "kafka")
		if err != nil {
			return nil, err
		}
		s.cleanup = append(s.cleanup, c.stop)
		if err := c.hear(ctx, &s.brokers); err != nil {
			return nil, err
		}
		s.say("embedded Kafka on %v", s.brokers)
	}
	return s.brokers, nil
}

// launch starts a server of its own kind, with topics of its own. The caller
// stops it.
func (s *session) launch(ctx context.Context, p peer, sh shape) (*target, error) {
	if p.kafka {
		brokers, err := s.kafkaBrokers(ctx)
		if err != nil {
			return nil, err
		}
		sh.topics = map[audience]string{}
		for _, a := range []audience{private, public} {
			sh.topics[a] = fmt.Sprintf("sluice-bench-%s-%s", p.name, a)
		}
		if err := createTopics(ctx, brokers, s.partitions, sh.topics[private], sh.topics[public]); err != nil {
			return nil, err
		}
	}
	if sh.proto == "" {
		sh.proto = protoPlain
	}
	t, err := p.start(ctx, s, sh)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	t.name = p.name
	if p.kafka && t.topic == nil {
		t.topic = func(a audience) string { return sh.topics[a] }
		t.feed = func(a audience) (feeder, error) { return newKafkaFeeder(s.brokersNow(), sh.topics[a]) }
	}
	s.say("%s: up on %s, process %d", t.name, t.addr, t.root)
	return t, nil
}

func (s *session) brokersNow() []string {
	if len(s.kafka) > 0 {
		return s.kafka
	}
	return s.brokers
}

// plan is the clients' plan for a target.
func (s *session) plan(t *target, a audience) plan {
	p := plan{
		Proto: s.proto, Addr: t.addr, Path: t.path(a), Header: t.header, TokenFile: t.tokenFile,
		Sources: 1 + max(s.clients, s.more)/5000, Window: s.window, Streams: s.streams,
	}
	if t.window > 0 {
		p.Window = min(p.Window, t.window)
	}
	return p
}

// A contender is a server with its clients and its feeder, up for all runs.
type contender struct {
	*target
	crowd *crowd
	feeder
}

// contend starts all servers, each with s.clients connected, so that they can
// take turns. The session's close ends them.
func (s *session) contend(ctx context.Context, a audience, adjust func(*plan)) ([]*contender, error) {
	var all []*contender
	for _, p := range s.servers {
		t, err := s.launch(ctx, p, shape{})
		if err != nil {
			return nil, err
		}
		s.cleanup = append(s.cleanup, t.stop)
		if t.topic == nil {
			s.report.note("Servers that don't read Kafka are fed by HTTP requests; their CPU includes taking these.")
		}
		f, err := t.feed(a)
		if err != nil {
			return nil, err
		}
		s.cleanup = append(s.cleanup, f.close)
		own := s.plan(t, a)
		if adjust != nil {
			adjust(&own)
		}
		c, err := startCrowd(ctx, s.dir, t.name, own, s.procs)
		if err != nil {
			return nil, err
		}
		s.cleanup = append(s.cleanup, c.stop)
		all = append(all, &contender{target: t, crowd: c, feeder: f})
	}
	return all, nil
}

// openAll connects all clients of all contenders.
func (s *session) openAll(ctx context.Context, all []*contender) error {
	for _, c := range all {
		if _, err := c.crowd.open(ctx, s.clients, s.timeout); err != nil {
			return err
		}
		if err := sleep(ctx, c.slack); err != nil {
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
				s.say("run %d of %d: %s", run, s.runs, c.name)
			}
			if err := f(c, run > 0); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
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

// burn measures the CPU time that a target uses while f runs.
func (t *target) burn(f func() error) (time.Duration, error) {
	pids, err := tree(t.root)
	if err != nil {
		return 0, err
	}
	before, err := cpuTime(pids)
	if err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	after, err := cpuTime(pids)
	return after - before, err
}

// sleep waits, unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
