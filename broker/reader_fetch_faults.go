package broker

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// fetchFault says why a partition can't be fetched although Kafka answers for its topic.
type fetchFault struct {
	since time.Time // when it first failed
	last  time.Time // when it last did
	text  string    // in plain words
	moves bool      // a moving leader or retention may cause it for a moment: it counts once it lasts

	denied bool // this user may describe the topic, but not read it
}

// lasts reports whether a fetch has failed again after d, and none succeeded in between.
func (f *fetchFault) lasts(d time.Duration) bool { return f.last.Sub(f.since) >= d }

// notDelivered is said of a partition that has records, which Kafka doesn't send, without
// an error. The fetch hangs, or the client retries by itself.
const notDelivered = "Kafka has records and does not send them"

// noteFetchError notes that a fetch of a partition failed.
func (r *Reader) noteFetchError(t *topic, partition int32, err error) {
	now := time.Now()
	moves := errors.Is(err, kerr.OffsetOutOfRange) || errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition)
	f := fetchFault{since: now, last: now, moves: moves, denied: errors.Is(err, kerr.TopicAuthorizationFailed)}
	if f.text = plainText(partitionError(err)); errors.Is(err, kerr.OffsetOutOfRange) {
		f.text = "Kafka says that the position is out of range"
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

// forgetOldFaults forgets faults that would have come again by now. A poll doesn't show a
// fetch that succeeds and brings nothing.
func (r *Reader) forgetOldFaults(t *topic, now time.Time) {
	enough := r.cfg.Refresh + 2*errorPause
	for p, f := range t.fetchFaults {
		_, paused := t.pausedSince[p]
		if !paused && !t.lost[p] && now.Sub(f.last) > enough && now.Sub(t.resumedAt) > enough {
			delete(t.fetchFaults, p)
		}
	}
}

// noteWaiting notes since when a partition has had records that Kafka doesn't send.
func (t *topic) noteWaiting(partition int32, isStuck bool, now time.Time) {
	if !isStuck || !t.warm { // before the topic is warm, other partitions may have their turn first
		delete(t.stuckSince, partition)
	} else if _, known := t.stuckSince[partition]; !known {
		t.stuckSince[partition] = now
	}
}

// fetchText says why the topic, or a part of it, is not fetched. "": all of it is.
func (r *Reader) fetchText(t *topic) string {
	if h := r.heldAt(t); h != nil {
		return h.text()
	}
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

// fetchDenied reports whether Kafka lets this user describe the topic, but not read it.
func (t *topic) fetchDenied() bool {
	for _, f := range t.fetchFaults {
		if f.denied {
			return true
		}
	}
	return false
}

// unfetchedSince says since when nothing of a topic is fetched. The zero time: it is
// fetched, as far as is known. One partition that sends records keeps the topic from
// being stale, as one with a leader does.
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
	if h := r.heldAt(t); h != nil { // whatever other partitions have
		earlier(h.since)
		return since
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

// awaitsRecords reports whether a stale topic has records to read, and none has come
// since. Leaders that answer again need not send records.
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

// forgetFetching forgets all faults of a topic that was created anew.
func (t *topic) forgetFetching() {
	clear(t.fetchFaults)
	clear(t.stuckSince)
	clear(t.deliveredAt)
}
