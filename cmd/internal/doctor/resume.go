package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// helloWait is how long a stream's first event may take: a gateway that has to ask Kafka first takes up to ten seconds.
const helloWait = 15 * time.Second

// opening is how a real stream began.
type opening struct {
	*visit
	id      string // of the last event that has one
	outcome string // of sluice.hello
	reset   string // why, if a reset came before it
	first   event
}

// hello opens a real stream and reads up to its sluice.hello, waiting for a gateway that asks to come later.
// The stream stays open as long as ctx.
func (d *doctor) hello(ctx context.Context, a ask) (*opening, error) {
	for late := time.Now().Add(helloWait); ; {
		o, err := d.helloOnce(ctx, a)
		var busy *busyError
		if !errors.As(err, &busy) || time.Now().After(late) {
			return o, err
		}
		if !d.pause(ctx, min(max(o.retry, time.Second), 5*time.Second)) {
			return nil, context.Cause(ctx)
		}
	}
}

func (d *doctor) helloOnce(ctx context.Context, a ask) (*opening, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(helloWait, func() { cancel(errNoHello) })
	v, err := d.open(ctx, a)
	if err != nil {
		late.Stop()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, err
	}
	o := &opening{visit: v}
	fail := func(err error) (*opening, error) {
		late.Stop()
		cancel(nil)
		return o, err
	}
	if !v.isStream() {
		return fail(&refusedError{v})
	}
	if v.opaque {
		return fail(errors.New("its encoding can't be read here"))
	}
	for {
		e, err := v.next()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			if err == io.EOF {
				err = errEnded
			}
			return fail(err)
		}
		if e.id != "" {
			o.id = e.id
		}
		var data struct{ Reason, Resume string }
		_ = json.Unmarshal([]byte(e.data), &data) // another server's data may be anything
		if o.first.name == "" && o.first.data == "" {
			o.first = e
		}
		switch e.name {
		case "sluice.unavailable":
			return fail(&busyError{data.Reason})
		case "sluice.reset":
			o.reset = data.Reason
		case "sluice.hello":
			o.outcome = data.Resume
			fallthrough
		default:
			if d.sluice(e) && e.name != "sluice.hello" {
				continue
			}
			if !late.Stop() {
				return fail(errNoHello)
			}
			context.AfterFunc(ctx, func() { cancel(nil) })
			return o, nil
		}
	}
}

var (
	errNoHello = fmt.Errorf("no event has arrived within %v", helloWait)
	errEnded   = errors.New("the stream ends before its first event")
)

// sluice says whether an event is a gateway's own, and not the hello.
func (d *doctor) sluice(e event) bool {
	return e.name == "sluice.heartbeat" || e.name == "sluice.stale" || e.name == "sluice.fresh"
}

// resumes says whether an id that is sent back is understood.
func (d *doctor) resumes(ctx context.Context) {
	if d.heldBack {
		d.found(checkResume, unknown, "not looked at: while nothing arrives from an open stream, there is no id to send back")
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.say("opening a real stream, and resuming it")
	first, err := d.hello(ctx, ask{})
	switch {
	case err != nil:
		d.found(checkResume, unknown, "not looked at: %v", plainly(err))
		return
	case first.id == "":
		d.found(checkResume, unknown, "the stream's first event has no id")
		return
	case first.outcome == "":
		d.found(checkResume, unknown, "this server doesn't say whether it resumes")
		return
	}
	before := len(d.findings)
	d.resumed(ctx, "the header Last-Event-ID", illRequest, ask{header: map[string]string{"Last-Event-ID": first.id}})
	d.resumed(ctx, "the query ?lastEventId=", illQuery, ask{query: map[string]string{"lastEventId": first.id}})
	if len(d.findings) == before {
		d.found(checkResume, ok, "an id sent back is resumed at, by Last-Event-ID and by ?lastEventId=")
	}
}

// resumed adds a finding unless the stream that is asked for resumes.
func (d *doctor) resumed(ctx context.Context, by string, lost ailment, a ask) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch o, err := d.hello(ctx, a); {
	case err != nil:
		d.found(checkResume, unknown, "an id sent back by %s: %v", by, plainly(err))
	case o.outcome == "resumed":
	case o.reset != "" || o.outcome == "reset":
		d.found(checkResume, fault, "an id of a moment ago, sent back by %s, is answered by sluice.reset (%s): it was changed on the way, or another gateway that is asked reads another topic or has other keys", by, o.reset)
	default:
		d.ails(checkResume, lost, "Last-Event-ID", "an id sent back by %s is lost: the stream begins %s", by, o.outcome)
	}
}
