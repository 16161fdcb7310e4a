// Package tail is `sluice tail`: it follows a stream in the terminal and resumes by
// itself. The r3labs client reads. What that client leaves open is closed around it: see
// [wholeEvents] and [follower.connect]. It is a tool to look with, and never the judge of
// what was lost.
//
// Files:
//   - tail.go, options.go: the command, and one connection after the other.
//   - whole_events.go: hands on whole events only, and ends a silent connection.
//   - refusal.go, backoff.go: whether to come again, and when.
//   - print.go: an event as text or JSON.
package tail

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	r3 "github.com/r3labs/sse/v2"
	retry "gopkg.in/cenkalti/backoff.v1"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/reach"
)

// Run is the command. It returns the exit status: 0 when ctx ended it or
// --count was reached, 1 when the server refused, 2 for a bad command line.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice tail", flag.ContinueOnError)
	o, err := parse(flags, args, stdout)
	if err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	transport, err := o.Transport()
	if err != nil {
		fmt.Fprintln(stderr, "sluice tail:", err)
		return 2
	}
	defer transport.CloseIdleConnections()
	f := &follower{
		options: o,
		http:    &http.Client{Transport: transport},
		printer: printer{out: stdout, json: o.json, quiet: o.quiet, colour: reach.Terminal(stdout), now: time.Now},
		stderr:  stderr,
		lastID:  o.lastID,
		backoff: backoff{retry: firstWait},
	}
	if err := f.follow(ctx); err != nil {
		fmt.Fprintln(stderr, "sluice tail:", reach.Printable(err.Error()))
		return 1
	}
	return 0
}

// follower follows one stream over as many connections as it takes. All of it
// belongs to the goroutine in follow: the client calls back on that one.
type follower struct {
	*options
	http    *http.Client
	printer printer
	stderr  io.Writer

	lastID   string // id of the last whole event: where the next connection resumes
	backoff  backoff
	seen     int  // events of streams printed
	toldAway bool // the user knows that the server is away
}

// errDone ends following: --count was reached.
var errDone = errors.New("done")

// follow connects until ctx ends, --count is reached (both nil) or coming again is
// useless.
func (f *follower) follow(ctx context.Context) error {
	for {
		err := f.connect(ctx)
		var refused *refusal
		var later *retryLater
		switch {
		case ctx.Err() != nil, errors.Is(err, errDone):
			return nil //nolint:nilerr // it ended because it was to end
		case errors.As(err, &refused):
			return err
		case err == nil:
			err = errors.New("the server ended the stream")
		}
		var atLeast time.Duration
		if errors.As(err, &later) {
			atLeast = later.after
		}
		if !f.toldAway {
			f.toldAway = true
			fmt.Fprintf(f.stderr, "sluice tail: %s; trying again\n", reach.Printable(err.Error()))
		}
		if !reach.Pause(ctx, f.backoff.next(atLeast)) {
			return nil
		}
	}
}

// connect holds one connection from request to end. nil: the server ended the stream.
//
// Each connection has a new client, with a back-off that never comes again. The client's
// own back-off would come again at once, with an id it should not have kept. It also
// takes a clean end for the end of all.
func (f *follower) connect(ctx context.Context) error {
	header, err := f.Header()
	if err != nil {
		return &refusal{err.Error()}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	client := r3.NewClient(f.URL.String(), r3.ClientMaxBufferSize(2*maxEvent)) // each line of data is some bytes longer there
	client.Connection = f.http
	client.Headers = header
	client.ReconnectStrategy = &retry.StopBackOff{}
	if f.lastID != "" {
		client.LastEventID.Store([]byte(f.lastID))
	}
	var events *wholeEvents
	client.ResponseValidator = func(_ *r3.Client, resp *http.Response) error {
		if err := judge(resp); err != nil {
			resp.Body.Close()
			return err
		}
		f.backoff.failures = 0
		events = newWholeEvents(resp.Body, f.lastID)
		resp.Body = events
		return nil
	}

	err = client.SubscribeRawWithContext(ctx, func(e *r3.Event) {
		if ctx.Err() != nil {
			return // the client still hands on what it had read
		}
		if err := f.take(e); err != nil {
			cancel(err)
		}
	})
	if events != nil {
		f.lastID = events.lastID
		f.backoff.ask(events.retry())
	}
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return cause
	case errors.Is(err, errTooLong):
		return &refusal{err.Error()}
	case err != nil:
		return plain(err)
	}
	return nil
}

// take prints one event. errDone: it was the last one asked for; a *refusal: it can't be
// printed.
func (f *follower) take(e *r3.Event) error {
	ev := event{ID: string(e.ID), Name: string(e.Event), Data: string(e.Data)}
	if ev.Name == "" {
		ev.Name = "message"
	}
	// A gateway that only says "not now" is still away.
	f.toldAway = f.toldAway && ev.Name == "sluice.unavailable"
	if err := f.printer.print(ev); err != nil {
		return &refusal{"output: " + err.Error()}
	}
	if ev.own() {
		return nil
	}
	f.seen++
	if f.seen == f.count {
		return errDone
	}
	return nil
}
