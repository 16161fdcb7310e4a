// Package cursor is `sluice cursor`: it says what an event's id stands for.
package cursor

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"sluice/cmd/internal/config"
	"sluice/stream"
)

const usage = `Usage: sluice cursor [-c FILE] ID

Says what an event's id stands for: per stream the topic's epoch and the next offset of each partition. With
ids: sealed it takes the configuration's keys to read one.

Flags:
`

// Run is the command. It returns the exit status: 0, 1 for an id that can't be read, 2 for a bad command line or configuration.
func Run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice cursor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("c", "", "the configuration `file` (default "+config.DefaultFile+")")
	id, err := parse(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "sluice cursor: %v\nSee sluice cursor -h.\n", err)
		return 2
	}
	c, findings := config.Load(*file, os.Environ())
	if c.IDs == nil { // other faults are no matter here
		fmt.Fprintln(stderr, findings.Faults())
		return 2
	}
	places, err := stream.ReadID(c.IDs, id)
	if err != nil {
		fmt.Fprintf(stderr, "sluice cursor: %v\n", err)
		return 1
	}
	for _, p := range places {
		describe(stdout, p)
	}
	return 0
}

// parse takes the flags before or after the id.
func parse(flags *flag.FlagSet, args []string) (id string, err error) {
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() == 0 {
		return "", errors.New("it needs an id")
	}
	id = flags.Arg(0)
	if err := flags.Parse(flags.Args()[1:]); err != nil {
		return "", err
	}
	if flags.NArg() > 0 {
		return "", fmt.Errorf("%q is one word too many", flags.Arg(0))
	}
	return id, nil
}

func describe(w io.Writer, p stream.Place) {
	fmt.Fprintf(w, "%s\n  epoch      %s\n", p.Stream, p.Epoch)
	offsets := make([]string, len(p.Offsets))
	for i, o := range p.Offsets {
		offsets[i] = fmt.Sprintf("%d:%d", i, o)
	}
	fmt.Fprintf(w, "  partitions %s\n", strings.Join(offsets, " "))
	if p.Filter != "" {
		fmt.Fprintf(w, "  filter     %s\n", p.Filter)
	}
	if p.Key != "" {
		fmt.Fprintf(w, "  sealed by  %s\n", p.Key)
	}
}
