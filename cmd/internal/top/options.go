package top

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/reach"
)

// options is what the command line asks for.
type options struct {
	reach.Options
	stream   string
	interval time.Duration
	count    int // end after so many pictures; 0 never
	json     bool
	question url.Values // of /decisions; nil: none
}

const usage = `Usage: sluice top [flags] [URL]

Shows a gateway at work: streams with their rates and lag, connections, memory. With --why
or --user it says why somebody got an event, or didn't. The gateway remembers that if its
configuration has "decisions". URL is the gateway's admin address (default
http://127.0.0.1:9090). On a terminal, q ends it.

Example:
  sluice top --user alice

Flags:
`

const (
	defaultURL  = "http://127.0.0.1:9090"
	minInterval = 100 * time.Millisecond
)

// parse reads the command line. The error is for the user.
func parse(flags *flag.FlagSet, args []string, stdout io.Writer) (*options, error) {
	o := new(options)
	o.Access(flags)
	var why, user, subject string
	flags.StringVar(&o.stream, "stream", "", "only these streams (`a,b`)")
	flags.DurationVar(&o.interval, "interval", time.Second, "how often to look, and over what `TIME` rates are")
	flags.IntVar(&o.count, "n", 0, "end after `N` pictures")
	flags.BoolVar(&o.json, "json", false, "print one snapshot, with rates over an interval, as JSON; or the answer to --why or --user")
	flags.StringVar(&why, "why", "", "what happened to the record `topic/partition/offset`, for --user or all users of the record")
	flags.StringVar(&user, "user", "", "what happened to the newest records for this user (`NAME`)")
	flags.StringVar(&subject, "subject", "", "with --user: of those about this (`ID`), of any user")
	words, err := cmdline.Words(flags, args, usage, stdout)
	if err != nil {
		return nil, err
	}
	if err := cmdline.TooMany(words, 1); err != nil {
		return nil, err
	}
	if len(words) == 0 {
		words = []string{defaultURL}
	}
	if err := o.Reach(words[0]); err != nil {
		return nil, err
	}
	switch {
	case o.interval < minInterval:
		return nil, fmt.Errorf("--interval: %v is below %v", o.interval, minInterval)
	case o.count < 0:
		return nil, errors.New("--n: below zero")
	case subject != "" && (user == "" || why != ""):
		return nil, errors.New("--subject goes with --user, and without --why")
	}
	o.question, err = question(why, user, o.stream, subject)
	return o, err
}

// question is what /decisions is asked; nil: nothing.
func question(why, user, stream, subject string) (url.Values, error) {
	if why == "" && user == "" {
		return nil, nil
	}
	q := url.Values{}
	for name, value := range map[string]string{"user": user, "stream": stream, "subject": subject} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if why == "" {
		return q, nil
	}
	parts := strings.Split(why, "/")
	if len(parts) != 3 || parts[0] == "" {
		return nil, errors.New("--why: write it as topic/partition/offset, such as order-topic/0/42")
	}
	for _, n := range parts[1:] {
		if _, err := strconv.ParseUint(n, 10, 63); err != nil {
			return nil, fmt.Errorf("--why: %q is no number", n)
		}
	}
	q.Set("topic", parts[0])
	q.Set("partition", parts[1])
	q.Set("offset", parts[2])
	return q, nil
}
