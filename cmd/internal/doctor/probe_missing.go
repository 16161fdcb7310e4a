package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// judgeWithoutProbes does what can be done with a server that knows no probes: an older
// sluice, or another's. p is the stream it opened instead; it has been read up to its
// first event.
func (d *doctor) judgeWithoutProbes(ctx context.Context, p *probeResult) {
	d.judgeCompression(p)
	d.judgeHTTPVersions(p)
	d.judgeResponseHeaders(p)
	const note = "; this server knows no probes, or the query is lost on the way to it, so what is held back in part can't be seen"
	o, err := d.hello(ctx, request{})
	switch {
	case errors.Is(err, errNoHello):
		d.found(checkBytes, unknown, "%v: the server is silent, or all is held back%s", err, note)
		d.heldBack = true
		return
	case err != nil:
		d.found(checkBytes, unknown, "%v%s", plainError(err), note)
		return
	}
	defer o.close()
	first := o.first.at.Sub(o.began)
	var hello struct{ Heartbeat int64 }
	_ = json.Unmarshal([]byte(o.first.data), &hello) // another's may be anything
	beat := time.Duration(hello.Heartbeat) * time.Millisecond
	if o.first.name != "sluice.hello" || beat <= 0 || beat > time.Minute {
		d.found(checkBytes, ok, "the first event arrives after %v, while the stream stays open%s", about(first), note)
		return
	}
	d.say("no probes: waiting for two of its heartbeats, %v each at most", beat)
	text, v := d.twoBeats(ctx, o, beat)
	d.found(checkBytes, v, "the first event arrives after %v, %s%s", about(first), text, note)
}

// twoBeats waits for two events more, neither of which may be later than a heartbeat and
// some.
func (d *doctor) twoBeats(ctx context.Context, o *opening, beat time.Duration) (string, verdict) {
	late := beat + 5*time.Second
	for range 2 {
		timer := time.AfterFunc(late, func() { o.Body.Close() })
		_, err := o.next()
		if !timer.Stop() {
			return fmt.Sprintf("but then nothing for %v, though heartbeats are sent every %v", about(late), beat), fault
		}
		if err != nil {
			return "and then the stream ends", fault
		}
	}
	return "and two heartbeats after it", ok
}
