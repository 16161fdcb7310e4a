package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sluice/cmd/internal/reach"
)

// helloWait is how long a stream's first event may take: a gateway that has to ask Kafka
// first takes up to ten seconds.
const helloWait = 15 * time.Second

// opening is how a real stream began. Its holder closes it.
type opening struct {
	*response
	close   func()
	first   event  // the hello; of another server whatever came first
	id      string // of the last event that has one
	outcome string // of sluice.hello; "": there was none
	reset   string // why, if a reset came before it
}

var (
	errNoHello = fmt.Errorf("no event has arrived within %v", helloWait)
	errEnded   = errors.New("the stream ends before its first event")
)

// hello opens a real stream and reads up to its sluice.hello, waiting for a gateway that
// asks to come later.
func (d *doctor) hello(ctx context.Context, a request) (*opening, error) {
	for late := time.Now().Add(helloWait); ; {
		o, err := d.helloOnce(ctx, a)
		var busy *busyError
		if !errors.As(err, &busy) || time.Now().After(late) {
			return o, err
		}
		if !reach.Pause(ctx, min(max(busy.retry, time.Second), 5*time.Second)) {
			return nil, context.Cause(ctx)
		}
	}
}

func (d *doctor) helloOnce(ctx context.Context, a request) (*opening, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(helloWait, func() { cancel(errNoHello) })
	o := &opening{close: func() { cancel(nil) }}
	err := d.begin(ctx, a, o)
	if !late.Stop() {
		err = errNoHello
	}
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// begin opens a stream and reads up to where it says how it begins.
func (d *doctor) begin(ctx context.Context, a request, o *opening) (err error) {
	if o.response, err = d.open(ctx, a); err != nil {
		return err
	}
	switch {
	case !o.isStream():
		return errors.New(reach.Explain(o.Response))
	case o.opaque:
		return errors.New("its encoding can't be read here")
	}
	for done := false; !done; {
		e, err := o.next()
		if err != nil {
			return err
		}
		if done, err = o.take(e); err != nil {
			return err
		}
	}
	return nil
}

// take takes an event in. done: it is the one that the stream begins with.
func (o *opening) take(e event) (done bool, err error) {
	if e.id != "" {
		o.id = e.id
	}
	var data struct{ Reason, Resume string }
	_ = json.Unmarshal([]byte(e.data), &data) // another server's may be anything
	switch {
	case e.name == "sluice.hello":
		o.first, o.outcome = e, data.Resume
		return true, nil
	case e.name == "sluice.unavailable":
		return true, &busyError{data.Reason, o.retry()}
	case e.name == "sluice.reset":
		o.reset = data.Reason
	case !strings.HasPrefix(e.name, "sluice."):
		o.first = e
		return true, nil
	}
	return false, nil
}

// checkResumption says whether an id that is sent back is understood.
func (d *doctor) checkResumption(ctx context.Context) {
	if d.heldBack {
		d.found(checkResume, unknown, "not looked at: while nothing arrives from an open stream, there is no id to send back")
		return
	}
	d.say("opening a real stream, and resuming it")
	first, err := d.hello(ctx, request{})
	if err != nil {
		d.found(checkResume, unknown, "not looked at: %v", plainError(err))
		return
	}
	first.close()
	switch {
	case first.id == "":
		d.found(checkResume, unknown, "the stream's first event has no id")
		return
	case first.outcome == "":
		d.found(checkResume, unknown, "this server doesn't say whether it resumes")
		return
	}
	before := len(d.findings)
	d.tryResume(ctx, "the header Last-Event-ID", problemRequest, request{header: map[string]string{"Last-Event-ID": first.id}})
	d.tryResume(ctx, "the query ?lastEventId=", problemQuery, request{query: map[string]string{"lastEventId": first.id}})
	if len(d.findings) > before {
		return
	}
	// A browser's own reconnect: the newest id in the header, and in the URL whatever the
	// page was opened with.
	d.tryResume(ctx, "the header Last-Event-ID beside an old ?lastEventId=", problemRequest, request{
		header: map[string]string{"Last-Event-ID": first.id}, query: map[string]string{"lastEventId": oldID},
	})
	if len(d.findings) == before {
		d.found(checkResume, ok, "an id sent back is resumed at, by Last-Event-ID, by ?lastEventId=, and by the header where the URL has an older one")
	}
}

// oldID stands for the id that a page was opened with. It is no id, so that a gateway
// which takes it instead of the header's shows that by a reset.
const oldID = "an-older-id"

// tryResume adds a finding unless the stream that is asked for resumes.
func (d *doctor) tryResume(ctx context.Context, by string, lost problem, a request) {
	o, err := d.hello(ctx, a)
	if err != nil {
		d.found(checkResume, unknown, "an id sent back by %s: %v", by, plainError(err))
		return
	}
	o.close()
	switch {
	case o.outcome == "resumed":
	case o.reset != "" || o.outcome == "reset":
		d.found(checkResume, fault, "an id of a moment ago, sent back by %s, is answered by sluice.reset (%s): it was changed on the way, or another gateway was asked that reads another topic or has other keys", by, o.reset)
	default:
		d.fail(checkResume, lost, "Last-Event-ID", "an id sent back by %s is lost: the stream begins %s", by, o.outcome)
	}
}
