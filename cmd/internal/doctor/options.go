package doctor

import (
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"sluice/cmd/internal/reach"
)

// options is what the command line asks for.
type options struct {
	reach.Options
	origin   string        // of a page to look with; "": as a page of the URL's own origin
	patience time.Duration // of silence to try; 0: none
	down     bool
	proxy    string // "": the one that is recognised
	json     bool
}

// maxPatience is as long as a gateway's probe may be silent.
const maxPatience = 5 * time.Minute

const usage = `Usage: sluice doctor [flags] URL

Opens a stream through all that is in between, and has the gateway send events at known
times. It says what happens to them on the way, and which lines of the proxy's
configuration to change.
URL is where browsers find the stream (https://shop.example, or …/events?stream=orders).
Exit status: 0 nothing is wrong, 1 something is wrong or the gateway can't be reached,
2 bad usage.

Example:
  sluice doctor https://shop.example --token-file token --proxy nginx

Flags:
`

// parse reads the command line, as reach.Options.Parse does.
func parse(flags *flag.FlagSet, args []string, stdout io.Writer) (*options, error) {
	o := new(options)
	o.Flags(flags)
	flags.StringVar(&o.origin, "origin", "", "look as a page of this other origin would, cookies allowed (`https://shop.example`)")
	flags.DurationVar(&o.patience, "patience", 0, "find out whether a stream that is silent for this long is cut off (90s; at most 5m)")
	flags.BoolVar(&o.down, "down", false, "find out what is answered while the gateway is away: asks you to stop it, and to start it again")
	flags.StringVar(&o.proxy, "proxy", "", "say what to change in this proxy: "+strings.Join(proxyNames, ", ")+" or all (default: the one that is recognised)")
	flags.BoolVar(&o.json, "json", false, "print one JSON document")
	if err := o.Parse(flags, args, usage, stdout); err != nil {
		return nil, err
	}
	switch u, err := url.Parse(o.origin); {
	case o.origin != "" && (err != nil || u.Scheme == "" || u.Host == "" || u.String() != u.Scheme+"://"+u.Host):
		return nil, fmt.Errorf("--origin is written like https://shop.example, with no path")
	case o.patience < 0 || o.patience > maxPatience || o.patience > 0 && o.patience < time.Second:
		return nil, fmt.Errorf("--patience is from 1s to %v", maxPatience)
	case o.proxy != "" && o.proxy != allProxies && !slices.Contains(proxyNames, o.proxy):
		return nil, fmt.Errorf("--proxy is one of %s and all", strings.Join(proxyNames, ", "))
	}
	return o, nil
}
