package broker

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// answered notes that Kafka said what it was asked of a topic.
func (r *Reader) answered(t *topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.forgive(t, now)
	t.answered, t.fault, t.exists, t.forbidden = now, "", true, false
	text := r.fetchText(t)
	switch {
	case text != "":
		t.complain(text)
	case len(t.faults) == 0:
		t.unreadable = time.Time{}
		if len(t.offline) == 0 {
			t.recovered()
		}
	}
	since := r.unfetched(t)
	if since.IsZero() && t.stillAwaits() {
		since = t.stale
	}
	r.setStale(t, since)
}

// delivers notes that Kafka sends records of a topic, whatever else it doesn't answer.
func (r *Reader) delivers(t *topic) {
	t.answered = time.Now()
	if !t.stale.IsZero() {
		t.fault = ""
		r.setStale(t, r.unfetched(t))
	}
}

// missing notes that Kafka answers and has no such topic.
func (r *Reader) missing(t *topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.answered, t.fault, t.exists, t.forbidden = time.Now(), "the topic "+t.name+" does not exist", false, false
	t.cannotRead()
	t.complain(t.fault)
	r.setStale(t, time.Time{})
}

// silent notes that Kafka didn't answer, or with an error. Before the topic was found
// that is said at once; afterwards only if it lasts, as brokers restart and leaders move
// all the time.
func (r *Reader) silent(ctx context.Context, t *topic, err error) {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // the reader is ending
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.forbidden = errors.Is(err, kerr.TopicAuthorizationFailed); t.forbidden {
		t.cannotRead()
	}
	lasting := time.Since(t.answered) >= r.cfg.StaleAfter
	if t.begun && !lasting {
		return
	}
	t.fault = inWords(err)
	t.complain(t.fault)
	if t.begun && t.stale.IsZero() { // else it has been said, with an earlier time
		r.setStale(t, t.answered)
	}
}

func (r *Reader) setStale(t *topic, since time.Time) {
	if t.stale.Equal(since) {
		return
	}
	t.stale = since
	for _, v := range t.views {
		r.sink.SetStale(v.stream, since)
	}
}
