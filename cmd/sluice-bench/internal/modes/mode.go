//go:build linux

package modes

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
)

// A mode is one kind of load. Its comment says what its numbers mean.
type Mode struct {
	Name     string
	About    string
	audience peers.Audience
	floors   []string // peers that show what the machine costs
	defaults func(*options)
	kafka    bool // only servers that read Kafka
	resume   bool // only servers that serve what was missed
	run      func(context.Context, *session) error
}

// All are the modes, in the order of the help.
var All = []Mode{holdMode, fanoutMode, unicastMode, latencyMode, stormMode, ingestMode}

// Find returns the mode of that name; nil if there is none.
func Find(name string) *Mode {
	i := slices.IndexFunc(All, func(m Mode) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &All[i]
}

// unfit says why a peer can't be measured in this mode; "" if it can.
func (m *Mode) unfit(p *peers.Peer, o *options) string {
	switch {
	case !p.Serves(m.audience):
		return fmt.Sprintf("it has no %s events", m.audience)
	case m.kafka && !p.Kafka:
		return "it doesn't read Kafka"
	case m.resume && !p.Resume:
		return "it doesn't serve what a client missed"
	case !p.Speaks(o.proto):
		return "it doesn't speak " + o.proto
	}
	return ""
}

func defaults() options {
	return options{
		clients: 1000, events: 1000, missed: 3, size: 300, rate: 1000, users: 100_000, runs: 5, procs: 1, window: 1000,
		partitions: 12, settle: 60 * time.Second, timeout: 2 * time.Minute, heartbeat: 15 * time.Second,
		proto: load.HTTP, streams: 100, auth: "none", userFrom: "key", only: peers.Sluice,
	}
}

// allRead turns an await's answer into an error unless everything was read by
// clients that are all still there.
func allRead(a clients.Answer, err error) error {
	switch {
	case err != nil:
		return err
	case a.Lost > 0:
		return fmt.Errorf("the server ended %d connections", a.Lost)
	case a.Late:
		return fmt.Errorf("after %s only %d events had been read", a.Took.Round(time.Millisecond), a.Events)
	}
	return a.Fault()
}

// addRead reports how many events the clients have read, and how many of them
// carried an id: an event without one can't be resumed at, and is cheaper.
func (s *session) addRead(server, when string, a clients.Answer) {
	s.report.Add(server, eventsRead+when, "", float64(a.Events))
	s.report.Add(server, eventsWithID+when, "", float64(a.WithID))
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
