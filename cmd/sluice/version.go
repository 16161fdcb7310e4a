package main

import (
	"fmt"

	"sluice/cmd/internal/build"
)

var version = command{"version", "", "what was built, and from what", runVersion}

func runVersion(p process, args []string) int {
	if len(args) > 0 && args[0] != "-h" {
		fmt.Fprintf(p.stderr, "sluice version: %q is one word too many\n", args[0])
		return statusUsage
	}
	fmt.Fprintln(p.stdout, "sluice "+build.Describe())
	return statusFine
}
