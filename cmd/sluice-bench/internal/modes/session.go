//go:build linux

package modes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
	"sluice/cmd/sluice-bench/internal/process"
	"sluice/cmd/sluice-bench/internal/report"
)

// A session is one command's run: its options, what it has started, and what
// it has measured.
type session struct {
	options
	dir      string       // for configurations and logs
	servers  []peers.Peer // what is measured, in the order of the table
	report   *report.Report
	progress io.Writer
	began    time.Time
	brokers  []string
	sluice   string   // the gateway's program; "" where it isn't measured
	cleanup  []func() // in the order of starting
}

func newSession(ctx context.Context, o options, m *Mode, args []string, progress io.Writer) (*session, error) {
	s := &session{options: o, report: report.New(m.Name, args), progress: progress, began: time.Now()}
	names := o.peers
	switch {
	case o.server.URL != "":
		s.servers = []peers.Peer{peers.ForURL(&s.options.server)}
	case o.only != "none":
		names = append(load.SplitList(o.only), names...)
	}
	chosen, notes, err := peers.Choose(append(names, m.floors...))
	if err != nil {
		return nil, err
	}
	s.report.Notes = notes
	for _, p := range append(s.servers[:len(s.servers):len(s.servers)], chosen...) {
		if lack := m.unfit(&p, &o); lack != "" {
			s.report.Note("%s is left out: %s", p.Name, lack)
			s.servers = remove(s.servers, p.Name)
			continue
		}
		s.servers = append(remove(s.servers, p.Name), p)
	}
	if len(s.servers) == 0 {
		return nil, errors.New("no server is left to measure: " + strings.Join(s.report.Notes, "; "))
	}
	if s.dir, err = os.MkdirTemp("", "sluice-bench-"); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(s.servers, func(p peers.Peer) bool { return p.IsGateway() }) {
		if err := s.findGateway(ctx); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// findGateway finds the gateway's program, and notes in the report which it was.
func (s *session) findGateway(ctx context.Context) error {
	var err error
	if s.sluice, err = peers.FindSluice(ctx, s.program, s.dir); err != nil {
		return err
	}
	version, err := peers.SluiceVersion(ctx, s.sluice)
	if err != nil {
		return err
	}
	s.say("%s: %s", s.sluice, version)
	s.report.Note("The gateway was %s.", version)
	return nil
}

func remove(list []peers.Peer, name string) []peers.Peer {
	var rest []peers.Peer
	for _, p := range list {
		if p.Name != name {
			rest = append(rest, p)
		}
	}
	return rest
}

// Close ends everything the session started, the last first.
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
		c, err := process.StartSelf(s.dir, load.KafkaPart, load.KafkaPart)
		if err != nil {
			return nil, err
		}
		s.cleanup = append(s.cleanup, c.Stop)
		if err := c.Await(ctx, &s.brokers); err != nil {
			return nil, err
		}
		s.say("embedded Kafka on %v", s.brokers)
	}
	return s.brokers, nil
}

// launch starts a new server of the peer's kind, with new topics. The caller stops it.
func (s *session) launch(ctx context.Context, p peers.Peer, sh peers.Shape) (*peers.Target, error) {
	if p.Kafka {
		brokers, err := s.kafkaBrokers(ctx)
		if err != nil {
			return nil, err
		}
		sh.Topics = map[peers.Audience]string{}
		for _, a := range []peers.Audience{peers.Private, peers.Public} {
			sh.Topics[a] = fmt.Sprintf("sluice-bench-%s-%s", p.Name, a)
		}
		if err := load.CreateTopics(ctx, brokers, s.partitions, sh.Topics[peers.Private], sh.Topics[peers.Public]); err != nil {
			return nil, err
		}
	}
	if sh.Proto == "" {
		sh.Proto = load.HTTP
	}
	t, err := p.Start(ctx, peers.Env{
		Dir: s.dir, Brokers: s.brokersNow(), Sluice: s.sluice, Heartbeat: s.heartbeat,
		UserFrom: s.userFrom, JWT: s.auth == "jwt", Clients: max(s.clients, s.more),
	}, sh)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	t.Name = p.Name
	if p.Kafka && t.Topic == nil {
		t.Topic = func(a peers.Audience) string { return sh.Topics[a] }
		t.Feed = func(a peers.Audience) (load.Feeder, error) { return load.NewKafkaFeeder(s.brokersNow(), sh.Topics[a]) }
	}
	s.say("%s: up on %s, process %d", t.Name, t.Addr, t.Root)
	return t, nil
}

func (s *session) brokersNow() []string {
	if len(s.kafka) > 0 {
		return s.kafka
	}
	return s.brokers
}

// plan is the clients' plan for a target.
func (s *session) plan(t *peers.Target, a peers.Audience) clients.Plan {
	p := clients.Plan{
		Proto: s.proto, Addr: t.Addr, Path: t.Path(a), Header: t.Header, TokenFile: t.TokenFile,
		Sources: 1 + max(s.clients, s.more)/5000, Window: s.window, Streams: s.streams,
	}
	if t.Window > 0 {
		p.Window = min(p.Window, t.Window)
	}
	return p
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
