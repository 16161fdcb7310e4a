package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"sluice/cmd/internal/reach"
)

// lifetime is how long a stream lived.
type lifetime struct {
	span   time.Duration
	cut    bool          // before it was to end
	quiet  time.Duration // the silence at its end
	words  string        // of the gateway's goodbye; "": it was cut off
	failed error         // it couldn't be opened
}

// checkSilence says whether a stream is cut off because it is silent. It opens one that
// is silent for the whole patience, and a real one with its heartbeats.
func (d *doctor) checkSilence(ctx context.Context) {
	if d.patience == 0 {
		d.found(checkIdle, unknown, "not looked at: --patience 90s tries how long a silent stream lives")
		return
	}
	d.say("leaving a silent stream and a real one open for %v", d.patience)
	var silent, real lifetime
	var both sync.WaitGroup
	if d.firstProbe != nil {
		both.Go(func() { silent = d.tryProbe(ctx) })
	}
	if !d.heldBack {
		both.Go(func() { real = d.tryRealStream(ctx) })
	}
	both.Wait()
	if ctx.Err() != nil {
		return
	}
	d.judgeLifetimes(silent, real)
}

// judgeLifetimes adds the finding.
func (d *doctor) judgeLifetimes(silent, real lifetime) {
	beat := time.Duration(0)
	if d.firstProbe != nil {
		beat = d.firstProbe.heartbeat
	}
	alive := fmt.Sprintf("a real stream, with heartbeats, lived through %v", about(d.patience))
	if d.heldBack {
		alive = "but as they are held back, a real stream wasn't tried"
	}
	switch {
	case silent.failed != nil || real.failed != nil:
		d.found(checkIdle, unknown, "not looked at: %v", plainError(errors.Join(silent.failed, real.failed)))
	case silent.cut && silent.span <= beat:
		d.fail(checkIdle, problemIdle, "", "cut off after %v of silence, before a heartbeat comes (every %v): a page without events reconnects again and again", about(silent.span), beat)
	case real.cut && real.words == "" && silent.cut && silent.span <= real.span*5/4:
		d.fail(checkIdle, problemLength, "", "cut off after %v, whether silent or not", about(real.span))
	case real.cut && real.words == "":
		d.fail(checkIdle, problemIdle, "", "the real stream was cut off after %v, of which the last %v were silent", about(real.span), about(real.quiet))
	case real.cut:
		d.found(checkIdle, unknown, "the gateway ended the real stream after %v: %s", about(real.span), real.words)
	case silent.cut:
		d.found(checkIdle, ok, "a silent stream is cut off after %v, and heartbeats come every %v: %s", about(silent.span), beat, alive)
	case d.firstProbe == nil:
		d.found(checkIdle, ok, "%s", alive)
	default:
		d.found(checkIdle, ok, "a stream that is silent for %v is not cut off", about(d.patience))
	}
}

// tryProbe has the gateway say nothing for the patience.
func (d *doctor) tryProbe(ctx context.Context) (l lifetime) {
	p, err := d.probe(ctx, plan{count: 1, every: d.patience}, request{})
	switch {
	case p == nil || len(p.arrivals) == 0 && !d.heldBack:
		return lifetime{failed: err}
	case p.goodbye != "":
		return lifetime{failed: errors.New("the gateway ended the stream: " + p.goodbye)}
	}
	l.span = p.ended.Sub(p.began)
	if len(p.arrivals) > 0 && !d.heldBack {
		l.span -= p.arrivals[0].received
	}
	l.cut = len(p.arrivals) < 2
	return l
}

// tryRealStream leaves a real stream open for the patience.
func (d *doctor) tryRealStream(ctx context.Context) (l lifetime) {
	ctx, cancel := context.WithTimeout(ctx, d.patience+slack)
	defer cancel()
	o, err := d.hello(ctx, request{})
	if err != nil {
		return lifetime{failed: err}
	}
	defer o.close()
	began, last := time.Now(), time.Now()
	over := time.AfterFunc(d.patience, cancel)
	defer over.Stop()
	for {
		e, err := o.next()
		now := time.Now()
		if err != nil {
			l.span, l.quiet = now.Sub(began), now.Sub(last)
			l.cut = ctx.Err() == nil
			return l
		}
		last = now
		if e.name == "sluice.closing" && !strings.Contains(e.data, "expiring") {
			l.words = e.data
		}
	}
}

// plainError is an error for a person.
func plainError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errEnded
	}
	plain, _ := reach.Plain(err)
	return plain
}
