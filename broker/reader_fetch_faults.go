package broker

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// fetchFault says why a partition isn't fetched although Kafka answers for its topic.
type fetchFault struct {
	since time.Time // when it first failed
	last  time.Time // when it last did
	text  string    // in plain words
	moves bool      // leaders that move and offsets that go do this for a moment: it is said once it lasts

	denied bool // this user may describe the topic, and not read it
}

// lasts reports whether a fetch has failed again after d, with none between that succeeded.
func (f *fetchFault) lasts(d time.Duration) bool { return f.last.Sub(f.since) >= d }

// notDelivered is what is said of a partition with records that Kafka doesn't send, without
// an error: a fetch that hangs, or one whose errors the client tries again by itself.
const notDelivered = "Kafka has records and does not send them"

// fails notes that a fetch of a partition failed.
func (r *Reader) fails(t *topic, partition int32, err error) {
	now := time.Now()
	moves := errors.Is(err, kerr.OffsetOutOfRange) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition)
	f := fetchFault{since: now, last: now, moves: moves, denied: errors.Is(err, kerr.TopicAuthorizationFailed)}
	if f.text = inWords(partitionError(err)); errors.Is(err, kerr.OffsetOutOfRange) {
		f.text = "Kafka takes the position for out of range"
	}
	if was, there := t.faults[partition]; there {
		f.since = was.since
	}
	t.faults[partition] = f
	if f.denied {
		t.cannotRead()
	}
	if !moves || f.lasts(r.cfg.StaleAfter) {
		t.complain(f.text)
	}
}

// succeeds notes that Kafka sent records of a partition.
func (t *topic) succeeds(partition int32) {
	delete(t.faults, partition)
	delete(t.stuck, partition)
	t.delivered[partition] = time.Now()
}

// forgive forgets faults that would have come again by now: a fetch that brings nothing
// isn't shown by a poll.
func (r *Reader) forgive(t *topic, now time.Time) {
	enough := r.cfg.Refresh + 2*errorPause
	for p, f := range t.faults {
		_, paused := t.paused[p]
		if !paused && !t.lost[p] && now.Sub(f.last) > enough && now.Sub(t.resumed) > enough {
			delete(t.faults, p)
		}
	}
}

// waitsFor notes since when a partition has had records that aren't sent.
func (t *topic) waitsFor(partition int32, isStuck bool, now time.Time) {
	if !isStuck || !t.warm { // until it is warm, others may have their turn first
		delete(t.stuck, partition)
	} else if _, known := t.stuck[partition]; !known {
		t.stuck[partition] = now
	}
}

// fetchText says why the topic isn't fetched, or not all of it; "" it is.
func (r *Reader) fetchText(t *topic) string {
	for _, p := range slices.Sorted(maps.Keys(t.faults)) {
		if f := t.faults[p]; !f.moves || f.lasts(r.cfg.StaleAfter) {
			return f.text
		}
	}
	for _, since := range t.stuck {
		if time.Since(since) >= r.cfg.StaleAfter {
			return notDelivered
		}
	}
	return ""
}

// fetchDenied says that Kafka lets this user describe the topic, and not read it.
func (t *topic) fetchDenied() bool {
	for _, f := range t.faults {
		if f.denied {
			return true
		}
	}
	return false
}

// unfetched says since when nothing of a topic is fetched; zero: it is, as far as is known.
// A partition that sends records although others fail keeps the topic from being stale, as
// one with a leader does where others have none.
func (r *Reader) unfetched(t *topic) (since time.Time) {
	earlier := func(at time.Time) {
		if since.IsZero() || at.Before(since) {
			since = at
		}
	}
	for _, f := range t.faults {
		if f.lasts(r.cfg.StaleAfter) {
			earlier(f.since)
		}
	}
	for _, at := range t.stuck {
		if time.Since(at) >= r.cfg.StaleAfter {
			earlier(at)
		}
	}
	if since.IsZero() {
		return since
	}
	for p, at := range t.delivered {
		_, fails := t.faults[p]
		_, waits := t.stuck[p]
		_, offline := t.offline[p]
		if !fails && !waits && !offline && at.After(since) {
			return time.Time{}
		}
	}
	return since
}

// stillAwaits says that a stale topic has records to read, and none has come since: that
// leaders answer again doesn't mean that they send.
func (t *topic) stillAwaits() bool {
	if t.stale.IsZero() {
		return false
	}
	awaits := false
	for p, end := range t.stable {
		if t.delivered[int32(p)].After(t.stale) {
			return false
		}
		_, offline := t.offline[int32(p)]
		awaits = awaits || !offline && t.next[p] < end
	}
	return awaits
}

// forgetFetching begins anew with a topic that was created anew.
func (t *topic) forgetFetching() {
	clear(t.faults)
	clear(t.stuck)
	clear(t.delivered)
}
