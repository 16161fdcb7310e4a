package broker

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// noteAnswer notes that Kafka answered all questions about a topic.
func (r *Reader) noteAnswer(t *topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.forgetOldFaults(t, now)
	t.answeredAt, t.outage, t.exists, t.forbidden = now, "", true, false
	t.noteNotMissing()
	text := r.fetchText(t)
	switch {
	case text != "":
		t.complain(text)
	case len(t.fetchFaults) == 0:
		t.unreadableSince = time.Time{}
		if len(t.leaderlessSince) == 0 {
			t.recovered()
		}
	}
	since := r.unfetchedSince(t)
	if since.IsZero() && t.awaitsRecords() {
		since = t.staleSince
	}
	r.setStale(t, since)
}

// noteDelivery notes that Kafka sends records of a topic, even if it answers nothing
// else.
func (r *Reader) noteDelivery(t *topic) {
	t.answeredAt = time.Now()
	if !t.staleSince.IsZero() {
		t.outage = ""
		r.setStale(t, r.unfetchedSince(t))
	}
}

// noteMissing notes that Kafka answers, and has no such topic.
func (r *Reader) noteMissing(t *topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t.answeredAt, t.outage, t.exists, t.forbidden = time.Now(), "the topic "+t.name+" does not exist", false, false
	t.noteUnreadable()
	if t.missed++; t.missed == 1 {
		t.missingSince = time.Now()
	}
	t.complain(t.outage)
	r.setStale(t, time.Time{})
}

// noteNoAnswer notes that Kafka didn't answer, or answered with an error. Before the
// topic is found, the sink is told at once. Later it is told only if this lasts, since
// brokers restart and leaders move.
func (r *Reader) noteNoAnswer(ctx context.Context, t *topic, err error) {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // the reader is ending
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t.noteNotMissing()
	if t.forbidden = errors.Is(err, kerr.TopicAuthorizationFailed); t.forbidden {
		t.noteUnreadable()
	}
	lasting := time.Since(t.answeredAt) >= r.cfg.StaleAfter
	if t.begun && !lasting {
		return
	}
	t.outage = plainText(err)
	t.complain(t.outage)
	if t.begun && t.staleSince.IsZero() { // else the sink was told, with an earlier time
		r.setStale(t, t.answeredAt)
	}
}

// setStale tells the sink since when the topic is stale. The zero time: it is not.
func (r *Reader) setStale(t *topic, since time.Time) {
	if t.staleSince.Equal(since) {
		return
	}
	t.staleSince = since
	for _, v := range t.views {
		if v.several == nil {
			r.sink.SetStale(v.stream, since)
		}
	}
	for _, v := range t.several {
		r.tellSeveralStale(v.stream)
	}
}
