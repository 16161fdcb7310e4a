// Package cmdline reads the command lines of sluice's commands, so that all take flags
// and ask for help alike.
package cmdline

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"sluice/cmd/internal/typo"
)

// Words reads flags, and returns the words that stand before, between and after them. The
// error is for the user; it is [flag.ErrHelp] when help was asked for, which is given on
// stdout: usage, then the flags.
func Words(flags *flag.FlagSet, args []string, usage string, stdout io.Writer) (words []string, err error) {
	flags.SetOutput(io.Discard) // the caller says what is wrong
	for {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			printFlags(flags, stdout)
		}
		if err != nil {
			return nil, hinted(flags, err)
		}
		if flags.NArg() == 0 {
			return words, nil
		}
		words = append(words, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

// printFlags lists the flags as they are written in all texts: --name, and -n for a
// letter.
func printFlags(flags *flag.FlagSet, w io.Writer) {
	flags.VisitAll(func(f *flag.Flag) {
		argument, usage := flag.UnquoteUsage(f)
		if argument != "" {
			argument = " " + argument
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "[]" {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(w, "  %s%s\n    \t%s\n", Dashed(f.Name), argument, strings.ReplaceAll(usage, "\n", "\n    \t"))
	})
}

// Dashed is a flag's name as it is typed.
func Dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// hinted adds to the error of an unknown flag which one was likely meant.
func hinted(flags *flag.FlagSet, err error) error {
	_, name, unknown := strings.Cut(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return err
	}
	var names []string
	flags.VisitAll(func(f *flag.Flag) {
		if len(f.Name) > 1 { // any letter is like any other
			names = append(names, f.Name)
		}
	})
	near := typo.Closest(name, names)
	if near == "" || len(name) == 1 {
		return err
	}
	return fmt.Errorf("%w; did you mean %s?", err, Dashed(near))
}

// TooMany is the error of a command that takes at most n words, nil if it was given no
// more.
func TooMany(words []string, n int) error {
	if len(words) <= n {
		return nil
	}
	return fmt.Errorf("%q is one word too many", words[n])
}

// Status says an error of the command line, and returns the exit status: 0 after help,
// else 2. flags has the command's name.
func Status(flags *flag.FlagSet, err error, stderr io.Writer) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(stderr, "%s: %v\nSee %[1]s -h.\n", flags.Name(), err)
	return 2
}
