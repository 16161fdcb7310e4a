//go:build linux

package modes

import (
	"context"
	"fmt"
	"time"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/measure"
	"sluice/cmd/sluice-bench/internal/peers"
)

// latencyMode: events at a steady rate, each for one user, from just before the
// producing call to the client's read. For servers that read Kafka a bare
// franz-go consumer reads the same records at the same time. With --stall the
// events are everyone's; see [session.runStall].
var latencyMode = Mode{
	Name:     "latency",
	About:    "produced to received at a steady rate, beside a bare Kafka consumer",
	audience: peers.Private,
	defaults: func(o *options) { o.clients, o.events = 1000, 10_000 },
	run:      runLatency,
}

const bareConsumer = "bare consumer"

func runLatency(ctx context.Context, s *session) error {
	to := peers.Private
	if s.stall > 0 { // everyone's events: the stalled clients must have something to stall on
		to = peers.Public
	}
	all, err := s.contend(ctx, to, func(p *clients.Plan) { p.Stamps = true })
	if err != nil {
		return err
	}
	if err := s.openAll(ctx, all); err != nil {
		return err
	}
	if s.stall > 0 {
		return s.runStall(ctx, all)
	}
	consumers := map[*contender]*clients.Consumer{}
	for _, c := range all {
		if c.Topic == nil {
			continue
		}
		consumers[c], err = clients.StartConsumer(s.dir, c.Name+"-consumer", s.brokersNow(), c.Topic(to))
		if err != nil {
			return err
		}
		s.cleanup = append(s.cleanup, consumers[c].Stop)
	}
	user := func(i int) string { return load.UserOf(i % s.clients) }
	return s.everyRun(all, func(c *contender, count bool) error {
		bare := consumers[c]
		if err := c.crowd.Mark(ctx); err != nil {
			return err
		}
		if err := bare.Mark(ctx); err != nil {
			return err
		}
		each := (s.events + s.clients - 1) / s.clients
		a, err := s.paced(ctx, c, each*s.clients, each, user)
		if err != nil {
			return err
		}
		if count {
			s.addLatency(c.Name, a.Latency)
		}
		if bare == nil {
			return nil
		}
		b, err := bare.Await(ctx, each*s.clients, s.timeout)
		if err := allRead(b, err); err != nil {
			return fmt.Errorf("the bare consumer: %w", err)
		}
		if count {
			base := bareConsumer + " of " + c.Name
			s.addLatency(base, b.Latency)
			s.report.Against(base, latencyMetrics[1].name)
			s.report.Add(c.Name, "median latency added to the bare consumer's", "ms",
				milliseconds(a.Latency.Quantile(0.5)-b.Latency.Quantile(0.5)))
		}
		return nil
	})
}

// paced sends n events at the session's rate and waits until each client has
// read per of them.
func (s *session) paced(ctx context.Context, c *contender, n, per int, user func(int) string) (clients.Answer, error) {
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(s.rate))
		if err := sleep(ctx, time.Until(due)); err != nil {
			return clients.Answer{}, err
		}
		if err := c.Send(ctx, user(i), load.Payload(time.Now(), i, user(i), s.size)); err != nil {
			return clients.Answer{}, err
		}
	}
	if err := c.Flush(ctx); err != nil {
		return clients.Answer{}, err
	}
	a, err := c.crowd.Await(ctx, per, s.timeout)
	return a, allRead(a, err)
}

var latencyMetrics = []struct {
	name string
	q    float64
}{
	{"latency, median", 0.5},
	{"latency, p99", 0.99},
	{"latency, p99.9", 0.999},
	{"latency, longest", 1},
}

func (s *session) addLatency(server string, h measure.Histogram) {
	for _, m := range latencyMetrics {
		s.report.Add(server, m.name, "ms", milliseconds(h.Quantile(m.q)))
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }
