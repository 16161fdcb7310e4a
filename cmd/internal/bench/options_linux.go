package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
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
	only          string // the servers to run instead of sluice
	peers         []string
	kafka         []string
	json          bool
	keep          bool

	server external
}

// external is a server under test that this program doesn't know.
type external struct {
	cmd       string
	pid       int
	url       string // template
	header    []string
	tokenFile string
	publish   string // URL template
	method    string
	body      string // template
	topic     string
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

func (o *options) flags(mode string) *flag.FlagSet {
	fl := flag.NewFlagSet("bench "+mode, flag.ContinueOnError)
	fl.SetOutput(io.Discard) // who calls says what is wrong
	fl.IntVar(&o.clients, "clients", o.clients, "connections")
	fl.IntVar(&o.more, "more", o.more, "hold: the second number of connections, for the slope")
	fl.IntVar(&o.events, "events", o.events, "events of a run")
	fl.IntVar(&o.saturated, "saturated", o.saturated, "fanout: events of a run's second part, as fast as they go; 0 leaves it out")
	fl.IntVar(&o.missed, "missed", o.missed, "storm: events each client missed")
	fl.IntVar(&o.stall, "stall", o.stall, "latency: clients that stop reading, besides --clients; everyone's events")
	fl.IntVar(&o.size, "size", o.size, "bytes of an event's data")
	fl.IntVar(&o.rate, "rate", o.rate, "latency: events a second")
	fl.IntVar(&o.users, "users", o.users, "ingest: different users")
	fl.IntVar(&o.runs, "runs", o.runs, "runs; the servers take turns in each")
	fl.IntVar(&o.procs, "procs", o.procs, "client processes for each server")
	fl.IntVar(&o.window, "window", o.window, "connections opened at the same time (the listener's backlog is the limit)")
	fl.IntVar(&o.partitions, "partitions", o.partitions, "partitions of each topic")
	fl.DurationVar(&o.settle, "settle", o.settle, "hold: from the last connect to measuring")
	fl.DurationVar(&o.timeout, "timeout", o.timeout, "longest wait for any one thing")
	fl.DurationVar(&o.heartbeat, "heartbeat", o.heartbeat, "sluice's heartbeat")
	fl.StringVar(&o.proto, "proto", o.proto, "hold: http, https (TLS in process) or h2c")
	fl.IntVar(&o.streams, "streams", o.streams, "hold: streams of an h2c connection")
	fl.StringVar(&o.auth, "auth", o.auth, "sluice's auth: none or jwt")
	fl.StringVar(&o.userFrom, "user-from", o.userFrom, "where sluice finds the user: key, or value:user (JSON)")
	fl.StringVar(&o.only, "server", o.only, "servers to measure instead of sluice, by name; \"none\": only the peers")
	fl.Func("peer", "server to run beside it, or all; again for more ("+peerNames()+")", appendTo(&o.peers))
	fl.Func("kafka", "host:port of brokers on this machine (default: an embedded one)", appendTo(&o.kafka))
	fl.BoolVar(&o.json, "json", false, "the result as JSON")
	fl.BoolVar(&o.keep, "keep", false, "keep the directory with the servers' configurations and logs")

	fl.StringVar(&o.server.url, "url", "", "measure the server at this URL: http://127.0.0.1:8080/events?user={user} ({user}, {n}, {token})")
	fl.IntVar(&o.server.pid, "pid", 0, "with --url: the server's process")
	fl.StringVar(&o.server.cmd, "server-cmd", "", "with --url: start this server, and end it")
	fl.Func("header", "with --url: request header, e.g. \"Authorization: Bearer {token}\"", func(s string) error {
		o.server.header = append(o.server.header, s)
		_, _, err := cutHeader(s)
		return err
	})
	fl.StringVar(&o.server.tokenFile, "token-file", "", "with --url: {token} is line n of this file")
	fl.StringVar(&o.server.topic, "topic", "", "with --url: feed it through this topic (--kafka), the user as key")
	fl.StringVar(&o.server.publish, "publish", "", "with --url: or by requests to this URL ({user}; everyone's events have the user \"everyone\")")
	fl.StringVar(&o.server.method, "publish-method", "POST", "with --publish")
	fl.StringVar(&o.server.body, "publish-body", "", "with --publish: template ({data}, {json}: it as the inside of a JSON string, {user}); empty: the data alone")
	return fl
}

func appendTo(list *[]string) func(string) error {
	return func(s string) error {
		*list = append(*list, splitList(s)...)
		return nil
	}
}

func splitList(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func cutHeader(s string) (name, value string, err error) {
	name, value, ok := strings.Cut(s, ":")
	if !ok || name == "" {
		return "", "", fmt.Errorf("header %q: write \"Name: value\"", s)
	}
	return name, strings.TrimSpace(value), nil
}

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
		{"missed", o.missed, 1, eachMax - 1}, // one more, the first event, gives each client an id to come back with
		{"stall", o.stall, 0, clientsMax},
		{"size", o.size, 1, sizeMax},
		{"rate", o.rate, 1, 1_000_000},
		{"users", o.users, 1, eventsMax},
		{"runs", o.runs, 1, runsMax},
		{"procs", o.procs, 1, procsMax},
		{"window", o.window, 1, clientsMax},
		{"streams", o.streams, 1, 250},
		{"partitions", o.partitions, 1, eachMax}, // one marker each, told apart by the clients
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
		oneOf("proto", o.proto, protoPlain, protoTLS, protoH2C),
		oneOf("auth", o.auth, "none", "jwt"),
		o.checkKafka(), o.server.check(), checkDescriptors(max(o.clients, o.more), o.procs), checkDescriptors(o.stall, 1))
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
		if _, err := loopback(b); err != nil {
			return fmt.Errorf("--kafka: %w", err)
		}
	}
	if o.server.topic != "" && len(o.kafka) == 0 {
		return errors.New("--topic: needs --kafka")
	}
	return nil
}

func (e *external) check() error {
	if e.url == "" {
		if e.pid != 0 || e.cmd != "" || e.publish != "" || e.topic != "" {
			return errors.New("--pid, --server-cmd, --publish and --topic: need --url")
		}
		return nil
	}
	var errs []error
	if _, _, err := splitURL(e.url); err != nil {
		errs = append(errs, fmt.Errorf("--url: %w", err))
	}
	if e.publish != "" {
		if _, _, err := splitURL(e.publish); err != nil {
			errs = append(errs, fmt.Errorf("--publish: %w", err))
		}
	}
	if (e.pid != 0) == (e.cmd != "") {
		errs = append(errs, errors.New("--url: give --pid or --server-cmd, whose CPU and memory are measured"))
	}
	return errors.Join(errs...)
}

// splitURL takes a URL template apart without escaping its placeholders.
func splitURL(template string) (addr, path string, err error) {
	rest, ok := strings.CutPrefix(template, "http://")
	if !ok {
		return "", "", fmt.Errorf("%q: begin with http://", template)
	}
	addr, path, _ = strings.Cut(rest, "/")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		addr = net.JoinHostPort(addr, "80")
	}
	_, err = loopback(addr)
	return addr, "/" + path, err
}
