package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sluice/cmd/internal/reach"
)

const (
	lookAgain        = 500 * time.Millisecond // while waiting for the operator
	operatorPatience = 15 * time.Minute
)

// checkDowntime says what pages are answered while no gateway runs, with the operator's
// help.
func (d *doctor) checkDowntime(ctx context.Context) {
	if !d.down {
		d.found(checkAtDowntime, unknown, "not looked at: --down asks you to stop the gateway, and tells what pages are answered then")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, operatorPatience)
	defer cancel()
	id := ""
	if before, err := d.hello(ctx, request{}); err == nil {
		id = before.id
		before.close()
	}
	d.say("stop the gateway now (all of them, if there are several behind this address); waiting until it is away")
	answer, err := d.awaitDown(ctx)
	if ctx.Err() != nil {
		d.found(checkAtDowntime, unknown, "the gateway was not seen away")
		return
	}
	before := len(d.findings)
	if err != nil {
		d.found(checkAtDowntime, ok, "no answer at all (%v), after which an EventSource comes back by itself", plainError(err))
	} else {
		d.judgeDowntime(answer)
	}
	if len(d.findings) == before {
		d.found(checkAtDowntime, ok, "200 text/event-stream with retry: %d, and the end: a page comes back by itself%s", answer.retry.Milliseconds(), d.spreadNote(ctx, answer))
	}
	d.say("start the gateway again; waiting until it answers")
	d.awaitUp(ctx, id)
}

// downtimeAnswer is what is said while the gateway is away.
type downtimeAnswer struct {
	*response
	body  string
	retry time.Duration // -1: none
}

// awaitDown asks until an answer is not the gateway's. err: there was none at all.
func (d *doctor) awaitDown(ctx context.Context) (*downtimeAnswer, error) {
	for {
		answer, own, err := d.askOnce(ctx)
		if !own || ctx.Err() != nil {
			return answer, err
		}
		reach.Pause(ctx, lookAgain)
	}
}

// askOnce asks once. own: the gateway answers.
func (d *doctor) askOnce(ctx context.Context) (answer *downtimeAnswer, own bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	a := request{header: map[string]string{"Origin": d.pageOrigin(), "Accept-Encoding": "identity"}}
	if d.firstProbe != nil { // it ends by itself, and at once
		a.query = map[string]string{"probe": plan{count: 1, every: 10 * time.Millisecond}.String()}
	}
	v, err := d.open(ctx, a)
	if err != nil {
		return nil, false, err
	}
	if d.firstProbe == nil && v.isStream() { // it may not end by itself
		e, err := v.next()
		if err == nil {
			return nil, e.data != "", nil
		}
		return &downtimeAnswer{response: v, retry: v.retry()}, !errors.Is(err, io.EOF), nil
	}
	raw, err := io.ReadAll(io.LimitReader(v.Body, 64<<10))
	if err != nil {
		return nil, strings.Contains(string(raw), "event: sluice."), err
	}
	answer = &downtimeAnswer{response: v, body: string(raw)}
	read := newTimedReader(strings.NewReader(answer.body))
	_, _ = read.next() // for its retry: a waiting answer has no event
	answer.retry = read.retry()
	own = strings.Contains(answer.body, "event: sluice.") || strings.Contains(answer.body, "urn:sluice:problem:")
	return answer, own, nil
}

// judgeDowntime adds what is wrong with what is said while the gateway is away.
func (d *doctor) judgeDowntime(answer *downtimeAnswer) {
	if len(d.recognised) == 0 {
		d.recognised = recognise(answer.Header)
		if name := recogniseText(answer.body); name != "" {
			d.recognised = append(d.recognised, name)
		}
	}
	switch {
	case answer.StatusCode != http.StatusOK:
		d.fail(checkAtDowntime, problemDowntime, "", "%s%s, which ends every page's EventSource permanently: answer 200 text/event-stream with retry:, and end there", answer.Status, proxyStatus(answer.Header))
	case !answer.isStream():
		d.fail(checkAtDowntime, problemDowntime, "", "200, but %q: only text/event-stream lets an EventSource come back", answer.Header.Get("Content-Type"))
	case answer.retry < 0:
		d.fail(checkAtDowntime, problemDowntime, "", "an empty event stream without retry: a browser comes back at once or after its own few seconds, all pages together")
	}
	if d.origin == "" || answer.StatusCode != http.StatusOK || d.origin == originOf(d.URL) {
		return
	}
	if answer.Header.Get("Access-Control-Allow-Origin") != d.origin || answer.Header.Get("Access-Control-Allow-Credentials") != "true" {
		d.fail(checkAtDowntime, problemDowntime, "", "the answer has no headers of CORS for %s: it ends that origin's streams permanently, as a 502 would", d.origin)
	}
}

// spreadNote says whether everybody is told to come back at the same time.
func (d *doctor) spreadNote(ctx context.Context, first *downtimeAnswer) string {
	for range 5 {
		answer, _, err := d.askOnce(ctx)
		if err != nil || answer.retry != first.retry {
			return ""
		}
	}
	return fmt.Sprintf("\nall pages are told the same %v, and come back together: spread it, as the recipes do", first.retry)
}

// awaitUp waits for the gateway, and resumes there.
func (d *doctor) awaitUp(ctx context.Context, id string) {
	for ctx.Err() == nil {
		a := request{}
		if id != "" {
			a.header = map[string]string{"Last-Event-ID": id}
		}
		o, err := d.helloOnce(ctx, a)
		if err != nil {
			reach.Pause(ctx, lookAgain)
			continue
		}
		o.close()
		switch {
		case id == "" || o.outcome == "":
			d.found(checkAtDowntime, ok, "the gateway is back")
		case o.outcome == "resumed":
			d.found(checkAtDowntime, ok, "the gateway is back, and resumes where the stream was before")
		default:
			d.found(checkAtDowntime, fault, "the gateway is back, but doesn't resume where the stream was before: it begins %s %s", o.outcome, o.reset)
		}
		return
	}
	d.found(checkAtDowntime, unknown, "the gateway was not seen coming back")
}
