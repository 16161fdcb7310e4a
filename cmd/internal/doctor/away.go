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

// away says what pages are answered while no gateway runs, with the operator's help.
func (d *doctor) away(ctx context.Context) {
	if !d.down {
		d.found(checkAway, unknown, "not looked at: --down asks you to stop the gateway, and tells what pages are answered then")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, operatorPatience)
	defer cancel()
	id := ""
	if before, err := d.hello(ctx, ask{}); err == nil {
		id = before.id
		before.close()
	}
	d.say("stop the gateway now (all of them, if there are several behind this address); waiting until it is away")
	answer, err := d.untilAway(ctx)
	if ctx.Err() != nil {
		d.found(checkAway, unknown, "the gateway was not seen away")
		return
	}
	before := len(d.findings)
	if err != nil {
		d.found(checkAway, ok, "no answer at all (%v), after which an EventSource comes back by itself", plainly(err))
	} else {
		d.judgeAway(answer)
	}
	if len(d.findings) == before {
		d.found(checkAway, ok, "200 text/event-stream with retry: %d, and the end: a page comes back by itself%s", answer.retry.Milliseconds(), d.spread(ctx, answer))
	}
	d.say("start the gateway again; waiting until it answers")
	d.back(ctx, id)
}

// waitingAnswer is what is said while the gateway is away.
type waitingAnswer struct {
	*visit
	body  string
	retry time.Duration // -1: none
}

// untilAway asks until an answer is not the gateway's. err: there was none at all.
func (d *doctor) untilAway(ctx context.Context) (*waitingAnswer, error) {
	for {
		answer, own, err := d.look(ctx)
		if !own || ctx.Err() != nil {
			return answer, err
		}
		reach.Pause(ctx, lookAgain)
	}
}

// look asks once. own: the gateway answers.
func (d *doctor) look(ctx context.Context) (answer *waitingAnswer, own bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	a := ask{header: map[string]string{"Origin": d.pageOrigin(), "Accept-Encoding": "identity"}}
	if d.probed != nil { // it ends by itself, and at once
		a.query = map[string]string{"probe": plan{count: 1, every: 10 * time.Millisecond}.String()}
	}
	v, err := d.open(ctx, a)
	if err != nil {
		return nil, false, err
	}
	if d.probed == nil && v.isStream() { // it may not end by itself
		e, err := v.next()
		if err == nil {
			return nil, e.data != "", nil
		}
		return &waitingAnswer{visit: v, retry: v.retry()}, !errors.Is(err, io.EOF), nil
	}
	raw, err := io.ReadAll(io.LimitReader(v.Body, 64<<10))
	if err != nil {
		return nil, strings.Contains(string(raw), "event: sluice."), err
	}
	answer = &waitingAnswer{visit: v, body: string(raw)}
	read := newReader(strings.NewReader(answer.body))
	_, _ = read.next() // for its retry: a waiting answer has no event
	answer.retry = read.retry()
	own = strings.Contains(answer.body, "event: sluice.") || strings.Contains(answer.body, "urn:sluice:problem:")
	return answer, own, nil
}

// judgeAway adds what is wrong with what is said while the gateway is away.
func (d *doctor) judgeAway(answer *waitingAnswer) {
	if len(d.recognised) == 0 {
		d.recognised = recognise(answer.Header)
		if name := recogniseText(answer.body); name != "" {
			d.recognised = append(d.recognised, name)
		}
	}
	switch {
	case answer.StatusCode != http.StatusOK:
		d.ails(checkAway, illAway, "", "%s%s, which ends every page's EventSource for good: it has to be 200, text/event-stream, with retry: and the end", answer.Status, proxyStatus(answer.Header))
	case !answer.isStream():
		d.ails(checkAway, illAway, "", "200, but %q: only text/event-stream lets an EventSource come back", answer.Header.Get("Content-Type"))
	case answer.retry < 0:
		d.ails(checkAway, illAway, "", "an empty event stream without retry: a browser comes back at once or after its own few seconds, all pages together")
	}
	if d.origin == "" || answer.StatusCode != http.StatusOK || d.origin == originOf(d.URL) {
		return
	}
	if answer.Header.Get("Access-Control-Allow-Origin") != d.origin || answer.Header.Get("Access-Control-Allow-Credentials") != "true" {
		d.ails(checkAway, illAway, "", "the answer has not the headers of CORS for %s: it ends that origin's pages for good, as a 502 would", d.origin)
	}
}

// spread says whether everybody is told to come back at the same time.
func (d *doctor) spread(ctx context.Context, first *waitingAnswer) string {
	for range 5 {
		answer, _, err := d.look(ctx)
		if err != nil || answer.retry != first.retry {
			return ""
		}
	}
	return fmt.Sprintf("\nall pages are told the same %v, and come back together: spread it, as the recipes do", first.retry)
}

// back waits for the gateway, and resumes there.
func (d *doctor) back(ctx context.Context, id string) {
	for ctx.Err() == nil {
		a := ask{}
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
			d.found(checkAway, ok, "the gateway is back")
		case o.outcome == "resumed":
			d.found(checkAway, ok, "the gateway is back, and resumes where the stream was before")
		default:
			d.found(checkAway, fault, "the gateway is back, but doesn't resume where the stream was before: it begins %s %s", o.outcome, o.reset)
		}
		return
	}
	d.found(checkAway, unknown, "the gateway was not seen coming back")
}
