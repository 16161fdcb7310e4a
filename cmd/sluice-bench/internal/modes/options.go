//go:build linux

package modes

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"sluice/cmd/sluice-bench/internal/clients"
	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
)

// options are what the command line says. Each mode has its own defaults.
type options struct {
	clients, more int // connections; hold: and then so many
	events        int
	saturated     int // fanout: events of its second part
	missed        int // storm
	stall         int // latency
	size          int // bytes of an event's data
	rate          int // events a second
	users         int // ingest: different users
	runs          int
	procs         int
	window        int
	partitions    int
	settle        time.Duration
	timeout       time.Duration // of each single wait
	heartbeat     time.Duration
	proto         string
	streams       int // per connection, h2c
	auth          string
	userFrom      string
	program       string // sluice's; "": find or build it
	only          string // the servers to run instead of sluice
	peers         []string
	kafka         []string
	json          bool
	keep          bool

	server peers.External
}

// Bounds: a benchmark ends by itself and leaves the machine standing.
const (
	clientsMax = 500_000
	eventsMax  = 10_000_000
	procsMax   = 32
	runsMax    = 100
	sizeMax    = 1 << 20
	timeMax    = time.Hour
)

// check returns every fault of the command line.
func (o *options) check() error {
	var errs []error
	for _, b := range []struct {
		flag          string
		value, lo, hi int
	}{
		{"clients", o.clients, 1, clientsMax},
		{"more", o.more, 0, clientsMax},
		{"events", o.events, 1, eventsMax},
		{"saturated", o.saturated, 0, eventsMax},
		{"missed", o.missed, 1, clients.EachMax - 1}, // one more, the first event, gives each client an id to come back with
		{"stall", o.stall, 0, clientsMax},
		{"size", o.size, 1, sizeMax},
		{"rate", o.rate, 1, 1_000_000},
		{"users", o.users, 1, eventsMax},
		{"runs", o.runs, 1, runsMax},
		{"procs", o.procs, 1, procsMax},
		{"window", o.window, 1, clientsMax},
		{"streams", o.streams, 1, 250},
		{"partitions", o.partitions, 1, clients.EachMax}, // one marker each, told apart by the clients
	} {
		if b.value < b.lo || b.value > b.hi {
			errs = append(errs, fmt.Errorf("--%s %d: from %d to %d", b.flag, b.value, b.lo, b.hi))
		}
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"settle", o.settle}, {"timeout", o.timeout}, {"heartbeat", o.heartbeat}} {
		if d.value <= 0 || d.value > timeMax {
			errs = append(errs, fmt.Errorf("--%s %s: more than 0 and at most %s", d.flag, d.value, timeMax))
		}
	}
	errs = append(errs,
		oneOf("proto", o.proto, load.HTTP, load.HTTPS, load.H2C, load.WS),
		oneOf("auth", o.auth, "none", "jwt"),
		o.checkKafka(), o.server.Check(), clients.CheckDescriptors(max(o.clients, o.more), o.procs), clients.CheckDescriptors(o.stall, 1))
	return errors.Join(errs...)
}

func oneOf(flag, value string, allowed ...string) error {
	for _, a := range allowed {
		if a == value {
			return nil
		}
	}
	return fmt.Errorf("--%s %s: one of %s", flag, value, strings.Join(allowed, ", "))
}

func (o *options) checkKafka() error {
	for _, b := range o.kafka {
		if _, err := load.Loopback(b); err != nil {
			return fmt.Errorf("--kafka: %w", err)
		}
	}
	if o.server.Topic != "" && len(o.kafka) == 0 {
		return errors.New("--topic: needs --kafka")
	}
	return nil
}
