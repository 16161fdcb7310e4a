package doctor

import (
	"context"
	"fmt"
	"time"
)

// large is a probe that fills buffers: 64 KB and more, a kilobyte at a time.
var large = plan{count: 64, bytes: 1024, every: 30 * time.Millisecond}

// attempts at a probe that seems to be held back: what a proxy does it does each time,
// what a busy machine does it doesn't.
const attempts = 3

// bytes says whether events arrive as they are sent.
func (d *doctor) bytes(ctx context.Context, first *probed) {
	if first.opaque {
		d.opaque(ctx, first)
		return
	}
	if len(first.arrivals) <= small.count {
		d.ails(checkBytes, illLength, "", "the stream was cut off after %v, with %d of %d events", about(first.ended.Sub(first.began)), len(first.arrivals), small.count+1)
		return
	}
	p := paceOf(first.arrivals, small.every, d.trip)
	for attempt := 1; attempt < attempts && p.shape != atOnce; attempt++ {
		if again, err := d.probe(ctx, small, ask{}); err == nil && !again.opaque {
			if q := paceOf(again.arrivals, small.every, d.trip); q.held < p.held {
				p = q
			}
		}
	}
	if p.shape == atOnce {
		d.found(checkBytes, ok, "at once: of %d events %v apart, half arrive within %v and all within %v of being sent", len(first.arrivals), small.every, about(p.held), about(p.worst))
		return
	}
	ill, because := illBuffer, ""
	if first.Header.Get("Content-Encoding") != "" && d.fineWhenPlain(ctx) {
		ill, because = illCompress, "; by compression: without it they come at once"
	}
	d.heldBack = p.shape == untilEnd
	d.ails(checkBytes, ill, "", "%s%s", d.held(ctx, p), because)
}

// held says how events are held back.
func (d *doctor) held(ctx context.Context, p pace) string {
	switch p.shape {
	case delayed:
		return fmt.Sprintf("late: each event arrives by itself, but %v after it was sent", about(p.held))
	case bunched:
		return fmt.Sprintf("held back for up to %v: several events arrive together, though they were sent %v apart", about(p.worst), small.every)
	}
	d.say("events are held back: looking for how much at a time")
	big, err := d.probe(ctx, large, ask{})
	if err == nil && !big.opaque {
		if q := paceOf(big.arrivals, large.every, d.trip); q.shape == bunched {
			return fmt.Sprintf("held back in blocks of about %s: nothing arrives before as much has been sent", kilobytes(q.bunch))
		}
	}
	return fmt.Sprintf("held back to the end: nothing arrives while the stream is open, not even %s of it", kilobytes(large.count*large.bytes))
}

// opaque judges an answer whose encoding isn't read here, by when its bytes came.
func (d *doctor) opaque(ctx context.Context, first *probed) {
	if first.raw.first.IsZero() {
		d.found(checkBytes, unknown, "nothing arrived")
		return
	}
	if early := first.ended.Sub(first.raw.first); early > small.length()/2 {
		d.found(checkBytes, ok, "they begin to arrive %v before the stream's end; more can't be seen in this encoding", about(early))
		return
	}
	ill, because := illBuffer, ""
	if d.fineWhenPlain(ctx) {
		ill, because = illCompress, "; by compression: without it they come at once"
	}
	d.heldBack = true
	d.ails(checkBytes, ill, "", "held back to the end: nothing arrives while the stream is open%s", because)
}

// fineWhenPlain says whether events come at once for who doesn't take them compressed.
func (d *doctor) fineWhenPlain(ctx context.Context) bool {
	for range attempts {
		plain, err := d.probe(ctx, small, ask{header: map[string]string{"Accept-Encoding": "identity"}})
		if err != nil || plain.opaque {
			return false
		}
		if paceOf(plain.arrivals, small.every, d.trip).shape == atOnce {
			return true
		}
	}
	return false
}

// compression says whether a browser gets the stream compressed.
func (d *doctor) compression(p *probed) {
	if encoding := p.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		d.ails(checkCompression, illCompress, "", "compressed (%s), though the gateway says no-transform: a compressor waits for more to compress, and keeps a window for each stream", encoding)
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
