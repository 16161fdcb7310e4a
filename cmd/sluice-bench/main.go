//go:build linux

// Command sluice-bench loads a server that speaks Server-Sent Events and measures what
// that costs the server. It compares this with what the same load costs on this machine
// at the very least, and with what it costs other servers. BENCHMARKS.md says what it
// showed.
//
// Everything that is measured is a separate process: the server, the floors, the peers,
// the clients. CPU is what the kernel charges the server's processes, memory their
// proportional set size. The gateway is such a process too: nothing of its code is in
// here.
//
// The packages, from the bottom up:
//
//   - process: starts processes and talks to them by lines of JSON
//   - measure: what the kernel knows of a process, and histograms
//   - wire: reads HTTP responses and event streams, byte by byte and without garbage
//   - load: what is sent, and how it gets into a server
//   - clients: those who are connected
//   - peers: the servers, each with what starts it
//   - report: the table that comes of it
//   - modes: the kinds of load
//
// main.go starts it, and main_other.go says that it needs Linux. command.go reads the
// command line, and parts.go finds what a process has to do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}
