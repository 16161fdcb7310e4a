package main

import (
	"fmt"

	"sluice/cmd/internal/build"
)

var versionCommand = command{"version", "", "what was built, and from what", runVersion}

func runVersion(p process, args []string) int {
	if len(args) == 1 && args[0] == "-h" {
		fmt.Fprint(p.stdout, "Usage: sluice version\n\nPrints the version, the commit it was built from, and the Go that built it.\n\nExample:\n  sluice version\n")
		return statusFine
	}
	if len(args) > 0 {
		fmt.Fprintf(p.stderr, "sluice version: %q is one word too many\n", args[0])
		return statusUsage
	}
	fmt.Fprintln(p.stdout, "sluice "+build.Describe())
	return statusFine
}
