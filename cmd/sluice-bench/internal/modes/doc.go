// Package modes has the kinds of load, a file each: hold, fanout, unicast, latency (with
// latency_stall), storm and ingest. A session is one run of one of them; its contenders
// are the servers with their clients and their feeders.
//
// mode.go has the table of modes. They are in hold.go, fanout.go, unicast.go, latency.go,
// latency_stall.go, storm.go and ingest.go. run.go runs one. options.go and flags.go have
// its options. session.go is the run, and contender.go a server in it. marker.go knows
// when a server has read all. collections.go measures Go's collector.
package modes
