// Package modes has the kinds of load, a file each: hold, fanout, unicast, latency (with
// latency_stall), storm and ingest. A session is one run of one of them; its contenders
// are the servers with their clients and their feeders.
package modes
