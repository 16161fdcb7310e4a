// Package top is `sluice top`: a gateway at work, in a terminal, from the same answers
// that the console shows; and the question why somebody got an event, or didn't.
//
// Files:
//   - top.go, options.go: the command.
//   - admin_client.go, snapshot.go: asking the gateway, and what it answers.
//   - render.go, screen.go: a snapshot as text, and the terminal it is drawn on.
//   - keys_unix.go, keys_other.go: the keys that are pressed.
//   - decisions.go: why somebody got an event.
package top

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"

	"sluice/cmd/internal/cmdline"
	"sluice/cmd/internal/reach"
)

// Run is the command. It returns the exit status. 0: ctx or the user ended it, or what
// was asked for was said. 1: the gateway didn't say it. 2: the command line is wrong.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sluice top", flag.ContinueOnError)
	o, err := parse(flags, args, stdout)
	if err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	transport, err := o.Transport()
	if err != nil {
		return cmdline.Status(flags, err, stderr)
	}
	transport.ResponseHeaderTimeout = 10 * time.Second
	defer transport.CloseIdleConnections()
	a := &adminClient{options: o, http: &http.Client{Transport: transport}}
	switch {
	case o.question != nil:
		err = a.printDecisions(ctx, stdout)
	case o.json:
		err = a.snapshot(ctx, stdout)
	default:
		err = a.watch(ctx, stdin, stdout)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(stderr, "sluice top:", reach.Printable(err.Error()))
		return 1
	}
	return 0
}

// snapshot prints one, with the rates over an interval.
func (a *adminClient) snapshot(ctx context.Context, out io.Writer) error {
	first, err := a.live(ctx)
	if err != nil {
		return err
	}
	if !reach.Pause(ctx, a.interval) {
		return ctx.Err()
	}
	last, err := a.live(ctx)
	if err != nil {
		return err
	}
	r := between(first, last)
	if r == nil {
		return errors.New("the gateway was started anew meanwhile: ask again")
	}
	text, err := json.MarshalIndent(struct {
		*snapshot
		Rates *rates `json:"rates"`
	}{last, r}, "", "  ")
	if err != nil {
		return err
	}
	_, err = out.Write(append(reach.PrintableJSON(text), '\n'))
	return err
}

// watch draws until ctx, the user or --n ends it. A gateway that doesn't answer is waited
// for, unless it never did and nobody looks.
func (a *adminClient) watch(ctx context.Context, stdin io.Reader, out io.Writer) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	s, err := open(stdin, out, quit)
	if err != nil {
		return err
	}
	defer s.close()
	var last *snapshot
	var r *rates
	var away time.Time // since when it doesn't answer
	for drawn := 0; ; {
		now, err := a.live(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && last == nil && !s.terminal:
			return err
		case err == nil:
			last, r, away = now, between(last, now), time.Time{}
		case away.IsZero():
			away = time.Now()
		}
		width, height := s.size()
		var lines []string
		if err != nil {
			lines = append(lines, clip(reach.Printable(fmt.Sprintf("NO ANSWER for %s: %v", age(time.Since(away)), err)), width))
		}
		if last != nil {
			lines = append(lines, render(last, r, width)...)
		}
		if werr := s.draw(lines[:min(len(lines), height)]); werr != nil {
			return werr
		}
		if drawn++; drawn == a.count || !reach.Pause(ctx, a.interval) {
			return nil
		}
	}
}
