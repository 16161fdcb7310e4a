// Package cmdline reads the command lines of sluice's commands, so that all take flags and ask for help alike.
package cmdline

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// Words reads flags, and returns the words that stand before, between and after them. The error is for the user;
// it is [flag.ErrHelp] when help was asked for, which is given on stdout: usage, then the flags.
func Words(flags *flag.FlagSet, args []string, usage string, stdout io.Writer) (words []string, err error) {
	flags.SetOutput(io.Discard) // who calls says what is wrong
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			flags.SetOutput(stdout)
			flags.PrintDefaults()
		}
		if err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return words, nil
		}
		words = append(words, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// TooMany is the error of a command that takes at most n words, nil if it was given no more.
func TooMany(words []string, n int) error {
	if len(words) <= n {
		return nil
	}
	return fmt.Errorf("%q is one word too many", words[n])
}

// Status says an error of the command line, and returns the exit status: 0 after help, else 2. flags has the
// command's name.
func Status(flags *flag.FlagSet, err error, stderr io.Writer) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\nSee %[1]s -h.\n", flags.Name(), err)
	return 2
}
