package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A mode is one kind of load. Its comment says what its numbers mean.
type mode struct {
	name     string
	about    string
	audience audience
	floors   []string // peers that show what the machine costs
	defaults func(*options)
	kafka    bool // only servers that read Kafka
	resume   bool // only servers that serve what was missed
	run      func(context.Context, *session) error
}

var modes = []mode{holdMode, fanoutMode, unicastMode, latencyMode, stormMode, ingestMode}

// unfit says why a peer can't be measured in this mode; "" if it can.
func (m *mode) unfit(p *peer, o *options) string {
	switch {
	case !p.serves(m.audience):
		return fmt.Sprintf("it has no %s events", m.audience)
	case m.kafka && !p.kafka:
		return "it doesn't read Kafka"
	case m.resume && !p.resume:
		return "it doesn't serve what a client missed"
	case !p.speaks(o.proto):
		return "it doesn't speak " + o.proto
	}
	return ""
}

func defaults() options {
	return options{
		clients: 1000, events: 1000, missed: 3, size: 300, rate: 1000, users: 100_000, runs: 5, procs: 1, window: 1000,
		partitions: 12, settle: 60 * time.Second, timeout: 2 * time.Minute, heartbeat: 15 * time.Second,
		proto: protoPlain, streams: 100, auth: "none", userFrom: "key", only: self,
	}
}

// allRead turns an await's answer into an error unless everything was read by
// clients that are all still there.
func allRead(a answer, err error) error {
	switch {
	case err != nil:
		return err
	case a.Lost > 0:
		return fmt.Errorf("the server ended %d connections", a.Lost)
	case a.Late:
		return fmt.Errorf("after %s only %d events had been read", a.Took.Round(time.Millisecond), a.Events)
	}
	return asError(a)
}

// addRead reports how many events the clients have read, and how many of them
// carried an id: an event without one can't be resumed at, and is cheaper.
func (s *session) addRead(server, when string, a answer) {
	s.report.add(server, eventsRead+when, "", float64(a.Events))
	s.report.add(server, eventsWithID+when, "", float64(a.WithID))
}

const (
	eventsRead   = "events read"
	eventsWithID = "events read that carry an id"
)

// micros is d per each of n, in microseconds.
func micros(d time.Duration, n int) float64 { return float64(d) / 1e3 / float64(n) }

// perSecond is how many of n each second of d had.
func perSecond(n int, d time.Duration) float64 {
	return float64(n) / max(d.Seconds(), 1e-9)
}

// sendAll feeds n events, number i to the user that whom names, and flushes.
func (c *contender) sendAll(ctx context.Context, n, size int, whom func(i int) string) error {
	for i := range n {
		user := whom(i)
		if err := c.send(ctx, user, payload(time.Now(), i, user, size)); err != nil {
			return err
		}
	}
	return c.flush(ctx)
}

func toEveryone(int) string { return "" }

// A marker knows when a server has read a topic to its end.
type marker struct {
	crowd *crowd
	user  string
}

// startMarker connects a client whose user no other client has. Events for it
// tell how far the server has read.
func (s *session) startMarker(ctx context.Context, t *target) (*marker, error) {
	p := s.plan(t, private)
	p.Stamps = true
	n := max(s.clients, s.users)
	token := ""
	if t.token != nil {
		token = t.token(n)
	}
	p.Path, p.Header, p.TokenFile = expand(p.Path, n, token), nil, ""
	for _, h := range t.header {
		p.Header = append(p.Header, expand(h, n, token))
	}
	c, err := startCrowd(ctx, s.dir, t.name+"-marker", p, 1)
	if err != nil {
		return nil, err
	}
	s.cleanup = append(s.cleanup, c.stop)
	_, err = c.open(ctx, 1, s.timeout)
	return &marker{crowd: c, user: userOf(n)}, err
}

// caughtUp returns when the server has read all that is in the topic now.
func (m *marker) caughtUp(ctx context.Context, s *session, t *target) error {
	if err := m.crowd.mark(ctx); err != nil {
		return err
	}
	data := func(n int) []byte { return payload(time.Now(), n, m.user, 0) }
	if err := sendMarkers(ctx, s.brokersNow(), t.topic(private), m.user, s.partitions, data); err != nil {
		return err
	}
	a, err := m.crowd.awaitEach(ctx, 0, s.partitions, s.timeout)
	if err == nil && a.Twice > 0 {
		err = errors.New("the server repeated an event")
	}
	return allRead(a, err)
}
