// Package bench is `sluice bench`: it loads a server that speaks Server-Sent
// Events and measures what that costs the server, beside what the same load
// costs on this machine at the very least and what it costs other servers.
//
// Everything that is measured is a process of its own: the server, the floors,
// the peers, the clients. CPU is the server's processes' own, from the kernel's
// account of them; memory their proportional set size.
package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// Run is `sluice bench args…` until it has ended or ctx has. It returns the exit
// status.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		usage(stderr)
		return exitUsage
	case slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]):
		usage(stdout)
		return exitOK
	}
	if part, ok := parts[args[0]]; ok {
		return status(part(ctx, args[1:], os.Stdin, stdout), stderr)
	}
	i := slices.IndexFunc(modes, func(m mode) bool { return m.name == args[0] })
	if i < 0 {
		fmt.Fprintf(stderr, "sluice bench: there is no mode %q\nSee sluice bench -h.\n", args[0])
		return exitUsage
	}
	return runMode(ctx, &modes[i], args[1:], stdout, stderr)
}

// parts are the commands that a benchmark starts as processes of its own. They
// take orders from their parent and are of no use by hand.
var parts = map[string]func(ctx context.Context, args []string, in io.Reader, out io.Writer) error{
	"clients":    func(_ context.Context, _ []string, _ io.Reader, out io.Writer) error { return runClients(out) },
	"consumer":   runConsumer,
	"kafka":      func(_ context.Context, _ []string, in io.Reader, out io.Writer) error { return runKafka(in, out) },
	"floor":      server(runFloor),
	netHTTPName:  server(runNetHTTP),
	netHTTPBeats: server(runNetHTTPBeats),
	r3labsName:   server(runR3labs),
	tmaxmaxName:  server(runTmaxmax),

	pushpinOriginName: server(runPushpinOrigin),
}

func server(run func(context.Context, []string) error) func(context.Context, []string, io.Reader, io.Writer) error {
	return func(ctx context.Context, args []string, _ io.Reader, _ io.Writer) error { return run(ctx, args) }
}

func runMode(ctx context.Context, m *mode, args []string, stdout, stderr io.Writer) int {
	o := defaults()
	if m.defaults != nil {
		m.defaults(&o)
	}
	fl := o.flags(m.name)
	err := fl.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "Usage: sluice bench %s [--flags]\n\n%s.\n\n", m.name, m.about)
		fl.SetOutput(stdout)
		fl.PrintDefaults()
		return exitOK
	case err == nil && fl.NArg() > 0:
		err = fmt.Errorf("%q is one word too many", fl.Arg(0))
	case err == nil && m.name != holdMode.name && o.proto != protoPlain:
		err = fmt.Errorf("--proto %s is for hold", o.proto)
	case err == nil:
		err = o.check()
	}
	if err != nil {
		fmt.Fprintf(stderr, "%v\nSee sluice bench %s -h.\n", err, m.name)
		return exitUsage
	}
	s, err := newSession(o, m, args, stderr)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	defer s.close()
	if err := m.run(ctx, s); err != nil {
		return status(err, stderr)
	}
	s.report.finish(s.servers)
	if o.json {
		return status(s.report.writeJSON(stdout), stderr)
	}
	return status(s.report.writeTable(stdout), stderr)
}

func status(err error, stderr io.Writer) int {
	if err != nil {
		fmt.Fprintln(stderr, "sluice bench:", err)
		return exitFailed
	}
	return exitOK
}

func usage(w io.Writer) {
	fmt.Fprintf(w, "sluice bench MODE [--flags]\n\nLoads a server on this machine, by itself started or running, and measures it.\n\n")
	for _, m := range modes {
		fmt.Fprintf(w, "  %-8s %s\n", m.name, m.about)
	}
	fmt.Fprintf(w, "\nBeside it, by --peer NAME or --peer all:\n\n")
	for _, p := range peers {
		if !strings.HasPrefix(p.name, floorName) && p.name != self {
			fmt.Fprintf(w, "  %-8s %s\n", p.name, p.about)
		}
	}
	fmt.Fprintf(w, "\nsluice bench MODE -h lists the flags. BENCHMARKS.md has the commands and what they showed.\n")
}

func join(list []string) string { return strings.Join(list, ",") }
