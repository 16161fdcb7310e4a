package doctor

import (
	"context"
	"fmt"
	"time"
)

// largePlan is a probe that fills buffers: 64 KB and more, a kilobyte at a time.
var largePlan = plan{count: 64, bytes: 1024, every: 30 * time.Millisecond}

// attempts at a probe that seems to be held back: what a proxy does it does each time,
// what a busy machine does it doesn't.
const attempts = 3

// judgeArrivals says whether events arrive as they are sent.
func (d *doctor) judgeArrivals(ctx context.Context, first *probeResult) {
	if first.opaque {
		d.judgeOpaque(ctx, first)
		return
	}
	if len(first.arrivals) <= smallPlan.count {
		d.fail(checkBytes, problemLength, "", "the stream was cut off after %v, with %d of %d events", about(first.ended.Sub(first.began)), len(first.arrivals), smallPlan.count+1)
		return
	}
	p := paceOf(first.arrivals, smallPlan.every, d.trip)
	for attempt := 1; attempt < attempts && p.shape != atOnce; attempt++ {
		if again, err := d.probe(ctx, smallPlan, request{}); err == nil && !again.opaque {
			if q := paceOf(again.arrivals, smallPlan.every, d.trip); q.held < p.held {
				p = q
			}
		}
	}
	if p.shape == atOnce {
		d.found(checkBytes, ok, "at once: of %d events %v apart, half arrive within %v and all within %v of being sent", len(first.arrivals), smallPlan.every, about(p.held), about(p.worst))
		return
	}
	which, because := problemBuffer, ""
	if first.Header.Get("Content-Encoding") != "" && d.fineWhenPlain(ctx) {
		which, because = problemCompress, "; by compression: without it they come at once"
	}
	d.heldBack = p.shape == untilEnd
	d.fail(checkBytes, which, "", "%s%s", d.describeHold(ctx, p), because)
}

// describeHold says how events are held back.
func (d *doctor) describeHold(ctx context.Context, p pace) string {
	switch p.shape {
	case delayed:
		return fmt.Sprintf("late: each event arrives by itself, but %v after it was sent", about(p.held))
	case bunched:
		return fmt.Sprintf("held back for up to %v: several events arrive together, though they were sent %v apart", about(p.worst), smallPlan.every)
	}
	d.say("events are held back: looking for how much at a time")
	big, err := d.probe(ctx, largePlan, request{})
	if err == nil && !big.opaque {
		if q := paceOf(big.arrivals, largePlan.every, d.trip); q.shape == bunched {
			return fmt.Sprintf("held back in blocks of about %s: nothing arrives before as much has been sent", kilobytes(q.bunch))
		}
	}
	return fmt.Sprintf("held back to the end: nothing arrives while the stream is open, not even %s of it", kilobytes(largePlan.count*largePlan.bytes))
}

// judgeOpaque judges an answer whose encoding isn't read here, by when its bytes came.
func (d *doctor) judgeOpaque(ctx context.Context, first *probeResult) {
	if first.raw.first.IsZero() {
		d.found(checkBytes, unknown, "nothing arrived")
		return
	}
	if early := first.ended.Sub(first.raw.first); early > smallPlan.length()/2 {
		d.found(checkBytes, ok, "they begin to arrive %v before the stream's end; more can't be seen in this encoding", about(early))
		return
	}
	which, because := problemBuffer, ""
	if d.fineWhenPlain(ctx) {
		which, because = problemCompress, "; by compression: without it they come at once"
	}
	d.heldBack = true
	d.fail(checkBytes, which, "", "held back to the end: nothing arrives while the stream is open%s", because)
}

// fineWhenPlain says whether events come at once for who doesn't take them compressed.
func (d *doctor) fineWhenPlain(ctx context.Context) bool {
	for range attempts {
		plain, err := d.probe(ctx, smallPlan, request{header: map[string]string{"Accept-Encoding": "identity"}})
		if err != nil || plain.opaque {
			return false
		}
		if paceOf(plain.arrivals, smallPlan.every, d.trip).shape == atOnce {
			return true
		}
	}
	return false
}

// judgeCompression says whether a browser gets the stream compressed.
func (d *doctor) judgeCompression(p *probeResult) {
	if encoding := p.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		d.fail(checkCompression, problemCompress, "", "compressed (%s), though the gateway says no-transform: a compressor waits for more to compress, and keeps a window for each stream", encoding)
		return
	}
	d.found(checkCompression, ok, "none, though asked with Accept-Encoding: %s", browserEncodings)
}

// about rounds a time for reading.
func about(t time.Duration) time.Duration {
	switch {
	case t >= 10*time.Second:
		return t.Round(time.Second)
	case t >= time.Second:
		return t.Round(100 * time.Millisecond)
	}
	return max(time.Millisecond, t.Round(time.Millisecond))
}

func kilobytes(n int) string { return fmt.Sprintf("%d KB", max(1, (n+512)/1024)) }
