// Package doctor is `sluice doctor`. It proves that a stream arrives as it was sent,
// through all that is between a browser and a gateway. Where it doesn't, it names what to
// change. It judges from outside, by what a browser would send and get. The gateway helps
// by events whose times are known (see the probe parameter of GET /events). They take the
// very route of real ones, so that a proxy's rules apply to them too.
//
// Files:
//   - check_stream.go: opens the stream, and calls the checks that need no more.
//   - check_buffering.go, check_headers.go: how events and headers arrive.
//   - check_resume.go, check_worker.go, check_cors.go, check_idle.go, check_downtime.go:
//     one check each.
//   - probe.go, probe_pace.go: events at known times, and what their arrival shows.
//   - probe_missing.go: a server that knows no probes.
//   - request.go, sse.go: one request, its response, and reading events from it.
//   - finding.go, report.go: what was found, and how it is printed.
//   - cures.go, proxies.go: lines to change, and how a proxy is recognised.
//   - doctor.go, options.go: the command.
package doctor

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/reach"
)

// Run is the command. It returns the exit status: 0 when nothing is wrong, 1 when
// something is, the gateway can't be reached or ctx ended it, 2 for a bad command line.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice doctor", flag.ContinueOnError)
	o, err := parse(flags, args, stdout)
	if err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	transport, err := o.Transport()
	if err != nil {
		fmt.Fprintln(stderr, "sluice doctor:", err)
		return 2
	}
	transport.ResponseHeaderTimeout = 0 // a proxy that holds all back holds the header back too: each request has its own bound
	defer transport.CloseIdleConnections()
	d := &doctor{
		options: o,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // an EventSource would follow, and stay there: that is worth a finding
		}},
		notices: stderr,
	}
	d.examine(ctx)
	r := d.report(ctx)
	if err := r.write(stdout, o.json, reach.Terminal(stdout)); err != nil {
		fmt.Fprintln(stderr, "sluice doctor: output:", err)
		return 1
	}
	if r.Faults > 0 || r.Interrupted {
		return 1
	}
	return 0
}

// doctor is one examination. All of it belongs to the goroutine in examine.
type doctor struct {
	*options
	client  *http.Client
	notices io.Writer

	findings []finding

	// What later checks know from earlier ones.
	trip       time.Duration // what a request and its answer take
	recognised []string      // the proxies that the stream has passed, and show
	nearby     []string      // those that answer at the same address, for other paths: the stream may pass them
	direct     bool          // nothing is in between
	firstProbe *probeResult  // the first probe; nil: the server knows none
	heldBack   bool          // nothing arrives while a stream is open
}

// examine makes one check after the other, as far as they can be made.
func (d *doctor) examine(ctx context.Context) {
	d.say("asking for a stream, and for events at known times")
	if !d.openStream(ctx) || ctx.Err() != nil {
		return
	}
	for _, check := range []func(context.Context){d.checkResumption, d.checkServiceWorker, d.checkOrigin, d.checkSilence, d.checkDowntime} {
		if check(ctx); ctx.Err() != nil {
			return
		}
	}
}

// found adds a finding.
func (d *doctor) found(check string, v verdict, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, Verdict: v, Seen: reach.Printable(fmt.Sprintf(format, args...))})
}

// fail adds a fault that has cures. about is the header or origin concerned, if there is
// one.
func (d *doctor) fail(check string, which problem, about, format string, args ...any) {
	d.found(check, fault, format, args...)
	f := &d.findings[len(d.findings)-1]
	f.problem, f.Cure = which, curesFor(which, d.inBetween(), about)
}

// inBetween are the proxies whose cures are shown.
func (d *doctor) inBetween() []string {
	seen := slices.Concat(d.recognised, d.nearby)
	switch {
	case d.proxy == allProxies, d.proxy == "" && !d.direct && len(seen) == 0: // it could be any
		return proxyNames
	case d.proxy != "":
		return []string{d.proxy}
	case d.direct:
		return nil
	}
	return seen
}

func (d *doctor) report(ctx context.Context) *report {
	r := &report{URL: d.URL.Scheme + "://" + d.URL.Host + d.URL.Path, Proxies: append(append([]string{}, d.recognised...), d.nearby...), Findings: d.findings, Interrupted: ctx.Err() != nil}
	for _, f := range r.Findings {
		if f.Verdict == fault {
			r.Faults++
		}
	}
	return r
}

// say tells a person what is being waited for.
func (d *doctor) say(format string, args ...any) {
	fmt.Fprintf(d.notices, "sluice doctor: "+format+"\n", args...)
}

// pageOrigin is of the page that the stream is opened by.
func (d *doctor) pageOrigin() string {
	if d.origin != "" {
		return d.origin
	}
	return originOf(d.URL)
}
