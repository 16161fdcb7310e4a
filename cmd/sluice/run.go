package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"sluice/cmd/internal/typo"
)

// Exit statuses.
const (
	statusFine   = 0
	statusFailed = 1
	statusUsage  = 2 // a bad command line or configuration
)

// process is what a command has of the world around it.
type process struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	stop           context.Context // done at the first signal: end well
	kill           context.Context // done at the second: end now
}

// command is one thing sluice can do.
type command struct {
	name  string
	args  string // what follows the name, for the list
	short string
	run   func(p process, args []string) (status int)
}

// commands are in the order of the help.
var commands = []command{
	initCommand, checkCommand, serveCommand, demoCommand, tokenCommand, produceCommand, tailCommand, topCommand, doctorCommand,
	deliverCommand, redriveCommand, cursorCommand, keysCommand,
}

// errHangup is why a command ends that was sent SIGHUP.
var errHangup = errors.New("SIGHUP ends sluice as SIGTERM does; a later version will read its configuration again instead")

// run is the whole program but for its exit: signals are known here only.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, signals <-chan os.Signal) int {
	stop, stopped := context.WithCancelCause(context.Background())
	kill, killed := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for kill.Err() == nil {
			select {
			case heard := <-signals:
				switch {
				case heard == syscall.SIGHUP:
					stopped(errHangup) // again and again: who asks for a reload twice wants no end at once
				case stop.Err() == nil:
					stopped(nil)
				default:
					killed()
				}
			case <-kill.Done(): // the command has ended by itself
			}
		}
	}()
	defer func() { killed(); stopped(nil); <-watched }()
	return dispatch(process{stdin: stdin, stdout: stdout, stderr: stderr, stop: stop, kill: kill}, args)
}

func dispatch(p process, args []string) int {
	if len(args) == 0 {
		help(p.stderr)
		return statusUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(rest) == 0 {
			help(p.stdout)
			return statusFine
		}
		name, rest = rest[0], []string{"-h"}
	case "-v", "-version", "--version":
		name = versionCommand.name
	}
	if name == "bench" {
		fmt.Fprintln(p.stderr, "sluice bench has moved to the program sluice-bench: go run ./cmd/sluice-bench "+strings.Join(rest, " "))
		return statusUsage
	}
	if i := slices.IndexFunc(commands, func(c command) bool { return c.name == name }); i >= 0 {
		return commands[i].run(p, rest)
	}
	names := make([]string, len(commands))
	for i, c := range commands {
		names[i] = c.name
	}
	hint := ""
	if near := typo.Closest(name, names); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	fmt.Fprintf(p.stderr, "sluice: there is no command %q%s\nSee sluice help.\n", name, hint)
	return statusUsage
}

func help(w io.Writer) {
	fmt.Fprint(w, "sluice brings records from Kafka to the browsers of the users they belong to, as Server-Sent Events.\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, c := range commands {
		fmt.Fprintf(table, "  sluice %s %s\t%s\n", c.name, c.args, c.short)
	}
	table.Flush()
	fmt.Fprint(w, "\nsluice help COMMAND says more. Exit status: 0 fine, 1 failed, 2 bad usage or bad configuration.\n")
}
