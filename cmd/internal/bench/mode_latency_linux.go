package bench

import (
	"context"
	"fmt"
	"time"
)

// latencyMode: events at a steady rate, each for one user, from just before the
// producing call to the client's read. For servers that read Kafka a bare
// franz-go consumer reads the same records at the same time. With --stall the
// events are everyone's; see [session.runStall].
var latencyMode = mode{
	name:     "latency",
	about:    "produced to received at a steady rate, beside a bare Kafka consumer",
	audience: private,
	defaults: func(o *options) { o.clients, o.events = 1000, 10_000 },
	run:      runLatency,
}

const bareConsumer = "bare consumer"

func runLatency(ctx context.Context, s *session) error {
	to := private
	if s.stall > 0 { // everyone's events: the stalled clients must have something to stall on
		to = public
	}
	all, err := s.contend(ctx, to, func(p *plan) { p.Stamps = true })
	if err != nil {
		return err
	}
	if err := s.openAll(ctx, all); err != nil {
		return err
	}
	if s.stall > 0 {
		return s.runStall(ctx, all)
	}
	consumers := map[*contender]*child{}
	for _, c := range all {
		if c.topic == nil {
			continue
		}
		consumers[c], err = startSelf(s.dir, c.name+"-consumer", "consumer", "--kafka", join(s.brokersNow()), "--topic", c.topic(to))
		if err != nil {
			return err
		}
		s.cleanup = append(s.cleanup, consumers[c].stop)
	}
	user := func(i int) string { return userOf(i % s.clients) }
	return s.everyRun(all, func(c *contender, count bool) error {
		bare := consumers[c]
		if err := markBoth(ctx, c, bare); err != nil {
			return err
		}
		each := (s.events + s.clients - 1) / s.clients
		a, err := s.paced(ctx, c, each*s.clients, each, user)
		if err != nil {
			return err
		}
		if count {
			s.addLatency(c.name, a.Latency)
		}
		if bare == nil {
			return nil
		}
		var b answer
		err = bare.tell(ctx, order{Op: opAwait, Events: uint64(each * s.clients), Timeout: s.timeout}, &b)
		if err := allRead(b, err); err != nil {
			return fmt.Errorf("the bare consumer: %w", err)
		}
		if count {
			base := bareConsumer + " of " + c.name
			s.addLatency(base, b.Latency)
			s.report.against(base, latencyMetrics[1].name)
			s.report.add(c.name, "median latency added to the bare consumer's", "ms",
				milliseconds(a.Latency.quantile(0.5)-b.Latency.quantile(0.5)))
		}
		return nil
	})
}

func markBoth(ctx context.Context, c *contender, bare *child) error {
	if err := c.crowd.mark(ctx); err != nil || bare == nil {
		return err
	}
	var a answer
	return bare.tell(ctx, order{Op: opMark}, &a)
}

// paced sends n events at the session's rate and waits until each client has
// read per of them.
func (s *session) paced(ctx context.Context, c *contender, n, per int, user func(int) string) (answer, error) {
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(s.rate))
		if err := sleep(ctx, time.Until(due)); err != nil {
			return answer{}, err
		}
		if err := c.send(ctx, user(i), payload(time.Now(), i, user(i), s.size)); err != nil {
			return answer{}, err
		}
	}
	if err := c.flush(ctx); err != nil {
		return answer{}, err
	}
	a, err := c.crowd.await(ctx, per, s.timeout)
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

func (s *session) addLatency(server string, h histogram) {
	for _, m := range latencyMetrics {
		s.report.add(server, m.name, "ms", milliseconds(h.quantile(m.q)))
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }
