//go:build linux

package modes

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"sluice/cmd/sluice-bench/internal/load"
	"sluice/cmd/sluice-bench/internal/peers"
)

// UsageError is a fault of the command line: nothing has been measured.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }

func (e *UsageError) Unwrap() error { return e.err }

// Measure runs the mode as its flags say, tells stderr how far it is, and writes
// what it has measured to stdout.
func (m *Mode) Measure(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o := defaults()
	if m.defaults != nil {
		m.defaults(&o)
	}
	fl := o.flags(m.Name)
	err := fl.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "Usage: sluice-bench %s [--flags]\n\n%s.\n\n", m.Name, m.About)
		fl.SetOutput(stdout)
		fl.PrintDefaults()
		return nil
	case err == nil && fl.NArg() > 0:
		err = fmt.Errorf("%q is one word too many", fl.Arg(0))
	case err == nil && m.Name != holdMode.Name && o.proto != load.HTTP:
		err = fmt.Errorf("--proto %s is for hold", o.proto)
	case err == nil:
		err = o.check()
	}
	if err != nil {
		return &UsageError{err}
	}
	s, err := newSession(ctx, o, m, args, stderr)
	if err != nil {
		return &UsageError{err}
	}
	defer s.close()
	if err := m.run(ctx, s); err != nil {
		return err
	}
	s.report.Finish(namesOf(s.servers))
	if o.json {
		return s.report.WriteJSON(stdout)
	}
	return s.report.WriteTable(stdout)
}

func namesOf(list []peers.Peer) []string {
	var all []string
	for _, p := range list {
		all = append(all, p.Name)
	}
	return all
}
