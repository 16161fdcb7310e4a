//go:build linux

package modes

import (
	"flag"
	"io"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
)

func (o *options) flags(mode string) *flag.FlagSet {
	fl := flag.NewFlagSet("sluice-bench "+mode, flag.ContinueOnError)
	fl.SetOutput(io.Discard) // the caller says what is wrong
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
	fl.StringVar(&o.proto, "proto", o.proto, "hold: http, https (TLS in process), h2c or ws (WebSockets)")
	fl.IntVar(&o.streams, "streams", o.streams, "hold: streams of an h2c connection")
	fl.StringVar(&o.auth, "auth", o.auth, "sluice's auth: none or jwt")
	fl.StringVar(&o.userFrom, "user-from", o.userFrom, "where sluice finds the user: key, or value:user (JSON)")
	fl.StringVar(&o.only, "server", o.only, "servers to measure instead of sluice, by name; \"none\": only the peers")
	fl.Func("peer", "server to run beside it, or all; again for more ("+peers.Names()+")", appendTo(&o.peers))
	fl.Func("kafka", "host:port of brokers on this machine (default: an embedded one)", appendTo(&o.kafka))
	fl.StringVar(&o.program, "sluice", "", "the gateway's `program` (default: the one beside this program, else built from the source here, else the one in PATH)")
	fl.BoolVar(&o.json, "json", false, "the result as JSON")
	fl.BoolVar(&o.keep, "keep", false, "keep the directory with the servers' configurations and logs")

	fl.StringVar(&o.server.URL, "url", "", "measure the server at this URL: http://127.0.0.1:8080/events?user={user} ({user}, {n}, {token})")
	fl.IntVar(&o.server.PID, "pid", 0, "with --url: the server's process")
	fl.StringVar(&o.server.Cmd, "server-cmd", "", "with --url: start this server, and end it")
	fl.Func("header", "with --url: request header, e.g. \"Authorization: Bearer {token}\"", func(s string) error {
		o.server.Header = append(o.server.Header, s)
		_, _, err := load.CutHeader(s)
		return err
	})
	fl.StringVar(&o.server.TokenFile, "token-file", "", "with --url: {token} is line n of this file")
	fl.StringVar(&o.server.Topic, "topic", "", "with --url: feed it through this topic (--kafka), the user as key")
	fl.StringVar(&o.server.Publish, "publish", "", "with --url: or by requests to this URL ({user}; everyone's events have the user \"everyone\")")
	fl.StringVar(&o.server.Method, "publish-method", "POST", "with --publish")
	fl.StringVar(&o.server.Body, "publish-body", "", "with --publish: template ({data}, {json}: it as the inside of a JSON string, {user}); empty: the data alone")
	return fl
}

func appendTo(list *[]string) func(string) error {
	return func(s string) error {
		*list = append(*list, load.SplitList(s)...)
		return nil
	}
}
