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

// noteFetchError notes that a fetch of a partition failed.
func (r *Reader) noteFetchError(t *topic, partition int32, err error) {
	now := time.Now()
	moves := errors.Is(err, kerr.OffsetOutOfRange) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition)
	f := fetchFault{since: now, last: now, moves: moves, denied: errors.Is(err, kerr.TopicAuthorizationFailed)}
	if f.text = plainText(partitionError(err)); errors.Is(err, kerr.OffsetOutOfRange) {
		f.text = "Kafka takes the position for out of range"
	}
	if was, there := t.fetchFaults[partition]; there {
		f.since = was.since
	}
	t.fetchFaults[partition] = f
	if f.denied {
		t.noteUnreadable()
	}
	if !moves || f.lasts(r.cfg.StaleAfter) {
		t.complain(f.text)
	}
}

// noteRecords notes that Kafka sent records of a partition.
func (t *topic) noteRecords(partition int32) {
	delete(t.fetchFaults, partition)
	delete(t.stuckSince, partition)
	t.deliveredAt[partition] = time.Now()
}

// forgetOldFaults forgets faults that would have come again by now: a fetch that brings nothing
// isn't shown by a poll.
func (r *Reader) forgetOldFaults(t *topic, now time.Time) {
	enough := r.cfg.Refresh + 2*errorPause
	for p, f := range t.fetchFaults {
		_, paused := t.pausedSince[p]
		if !paused && !t.lost[p] && now.Sub(f.last) > enough && now.Sub(t.resumedAt) > enough {
			delete(t.fetchFaults, p)
		}
	}
}

// noteWaiting notes since when a partition has had records that aren't sent.
func (t *topic) noteWaiting(partition int32, isStuck bool, now time.Time) {
	if !isStuck || !t.warm { // until it is warm, others may have their turn first
		delete(t.stuckSince, partition)
	} else if _, known := t.stuckSince[partition]; !known {
		t.stuckSince[partition] = now
	}
}

// fetchText says why the topic isn't fetched, or not all of it; "" it is.
func (r *Reader) fetchText(t *topic) string {
	for _, p := range slices.Sorted(maps.Keys(t.fetchFaults)) {
		if f := t.fetchFaults[p]; !f.moves || f.lasts(r.cfg.StaleAfter) {
			return f.text
		}
	}
	for _, since := range t.stuckSince {
		if time.Since(since) >= r.cfg.StaleAfter {
			return notDelivered
		}
	}
	return ""
}

// fetchDenied says that Kafka lets this user describe the topic, and not read it.
func (t *topic) fetchDenied() bool {
	for _, f := range t.fetchFaults {
		if f.denied {
			return true
		}
	}
	return false
}

// unfetchedSince says since when nothing of a topic is fetched; zero: it is, as far as is known.
// A partition that sends records although others fail keeps the topic from being stale, as
// one with a leader does where others have none.
func (r *Reader) unfetchedSince(t *topic) (since time.Time) {
	earlier := func(at time.Time) {
		if since.IsZero() || at.Before(since) {
			since = at
		}
	}
	for _, f := range t.fetchFaults {
		if f.lasts(r.cfg.StaleAfter) {
			earlier(f.since)
		}
	}
	for _, at := range t.stuckSince {
		if time.Since(at) >= r.cfg.StaleAfter {
			earlier(at)
		}
	}
	if since.IsZero() {
		return since
	}
	for p, at := range t.deliveredAt {
		_, fails := t.fetchFaults[p]
		_, waits := t.stuckSince[p]
		_, offline := t.leaderlessSince[p]
		if !fails && !waits && !offline && at.After(since) {
			return time.Time{}
		}
	}
	return since
}

// awaitsRecords says that a stale topic has records to read, and none has come since: that
// leaders answer again doesn't mean that they send.
func (t *topic) awaitsRecords() bool {
	if t.staleSince.IsZero() {
		return false
	}
	awaits := false
	for p, end := range t.lastStableOffsets {
		if t.deliveredAt[int32(p)].After(t.staleSince) {
			return false
		}
		_, offline := t.leaderlessSince[int32(p)]
		awaits = awaits || !offline && t.next[p] < end
	}
	return awaits
}

// forgetFetching begins anew with a topic that was created anew.
func (t *topic) forgetFetching() {
	clear(t.fetchFaults)
	clear(t.stuckSince)
	clear(t.deliveredAt)
}
