package tail

import (
	"errors"
	"flag"
	"io"

	"sluice/cmd/internal/reach"
)

// options is what the command line asks for.
type options struct {
	reach.Options
	lastID string
	count  int // end after so many events of streams; 0 never
	json   bool
	quiet  bool
}

const usage = `Usage: sluice tail [flags] URL

Follows a stream in the terminal and resumes by itself, whatever breaks.
URL is the gateway (http://localhost:8080) or the route itself (…/events?stream=orders).

Example:
  sluice tail 'http://localhost:8080/events?user=alice'

Flags:
`

// parse reads the command line. The error is for the user and ends in status 2;
// [flag.ErrHelp] when help was asked for, and given on stdout.
func parse(flags *flag.FlagSet, args []string, stdout io.Writer) (*options, error) {
	o := new(options)
	o.Flags(flags)
	o.ToQuery(flags, "subject", "subject", "only events about this subject (`ID`)")
	o.ToQuery(flags, "from", "from", "where to begin: `live` (default), earliest, last:N or since:RFC3339")
	flags.StringVar(&o.lastID, "last-event-id", "", "resume after this `ID` of an earlier event")
	flags.IntVar(&o.count, "count", 0, "end after `N` events of streams")
	flags.BoolVar(&o.json, "json", false, "print one JSON object a line: time, id, event, data (or text, if it isn't JSON)")
	flags.BoolVar(&o.quiet, "quiet", false, "leave out the gateway's own events (sluice.*)")
	if err := o.Parse(flags, args, usage, stdout); err != nil {
		return nil, err
	}
	switch {
	case o.count < 0:
		return nil, errors.New("--count: below zero")
	case !reach.HeaderValue(o.lastID):
		return nil, errors.New("--last-event-id: a control character in it")
	}
	return o, nil
}
