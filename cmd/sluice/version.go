package main

import (
	"cmp"
	"flag"
	"fmt"

	"sluice/cmd/internal/build"
	"sluice/cmd/internal/cmdline"
)

var versionCommand = command{"version", "", "what was built, and from what", runVersion}

const versionUsage = `Usage: sluice version

Prints the version, the commit it was built from, and the Go that built it.

Example:
  sluice version
`

func runVersion(p process, args []string) int {
	flags := flag.NewFlagSet("sluice version", flag.ContinueOnError)
	words, err := cmdline.Words(flags, args, versionUsage, p.stdout)
	if err := cmp.Or(err, cmdline.TooMany(words, 0)); err != nil {
		return cmdline.Status(flags, err, p.stderr)
	}
	fmt.Fprintln(p.stdout, "sluice "+build.Describe())
	return statusFine
}
