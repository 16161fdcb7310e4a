//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"sluice/cmd/sluice-bench/internal/modes"
	"sluice/cmd/sluice-bench/internal/peers"
)

// Exit statuses.
const (
	statusFine   = 0
	statusFailed = 1
	statusUsage  = 2
)

// run is `sluice-bench args…` until it has ended or ctx has. It returns the exit
// status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		usage(stderr)
		return statusUsage
	case slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]):
		usage(stdout)
		return statusFine
	}
	if part := findPart(args[0]); part != nil {
		return status(part(ctx, args[1:], stdin, stdout), args[0], stderr)
	}
	m := modes.Find(args[0])
	if m == nil {
		fmt.Fprintf(stderr, "sluice-bench: there is no mode %q\nSee sluice-bench -h.\n", args[0])
		return statusUsage
	}
	return status(m.Measure(ctx, args[1:], stdout, stderr), m.Name, stderr)
}

func status(err error, name string, stderr io.Writer) int {
	var wrong *modes.UsageError
	switch {
	case err == nil:
		return statusFine
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "sluice-bench %[2]s: %[1]v\nSee sluice-bench %[2]s -h.\n", err, name)
		return statusUsage
	}
	fmt.Fprintln(stderr, "sluice-bench:", err)
	return statusFailed
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "Usage: sluice-bench MODE [--flags]\n\nStarts servers on this machine, or takes one that runs, loads them and measures them.\n\n")
	for _, m := range modes.All {
		fmt.Fprintf(w, "  %-8s %s\n", m.Name, m.About)
	}
	fmt.Fprintf(w, "\nServers to run beside sluice, by --peer NAME or --peer all:\n\n")
	for _, p := range peers.All {
		if !p.IsFloor() && p.Name != peers.Sluice {
			fmt.Fprintf(w, "  %-16s %s\n", p.Name, p.About)
		}
	}
	fmt.Fprintf(w, "\nsluice-bench MODE -h lists the flags. BENCHMARKS.md has the commands and what they showed.\n")
}
