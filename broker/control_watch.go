package broker

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// controlWatch looks whether a [Control] hears all there is.
type controlWatch struct {
	*Control
	admin    *kadm.Client
	identity identity
	began    time.Time            // of Run, or when all was last heard
	end      []int64              // what has to be heard before it is caught up; nil: not known yet
	stuck    map[int32]standstill // partitions with more to hear, and where the client stands in them
}

// standstill is where a client stands in a partition, and since when.
type standstill struct {
	offset int64
	since  time.Time
}

const (
	controlProbes     = 8  // partitions in which the client doesn't move that are looked into at a time
	controlComplaints = 16 // different ones that go to the log until all is well
)

// errUnheard says that there are messages that the client doesn't bring.
var errUnheard = errors.New("messages are there, and the client doesn't bring them")

// watch looks again and again. It returns when the client is to be replaced, or ctx is done.
func (w *controlWatch) watch(ctx context.Context) {
	w.stuck = make(map[int32]standstill)
	for {
		replace, err := w.check(ctx)
		if ctx.Err() != nil {
			return
		}
		w.report(err)
		if replace {
			return
		}
		wait := controlRefresh
		if err != nil || !w.isCaughtUp.Load() {
			wait = controlPause / 5
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// check compares what has been heard with where the partitions end. Its error is why not all is
// heard. replace says that the client reads a topic that is gone, or is stuck.
func (w *controlWatch) check(ctx context.Context) (replace bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	metas, err := describe(ctx, w.cl, w.topic)
	if err != nil {
		return false, err
	}
	m, renewed, err := w.identity.believe(ctx, w.cl, w.topic, metas[w.topic])
	if err != nil {
		return false, err
	}
	if renewed {
		w.log.Warn("the control topic was created anew; it is heard from its start")
		w.end = nil
		return true, nil
	}
	start, end, err := w.askEnds(ctx, len(m.leaders))
	if err != nil {
		return false, err
	}
	if w.end == nil {
		w.end = end
	}
	next, err := w.positions(start)
	if err != nil {
		return errors.Is(err, kerr.UnknownTopicID) && time.Since(w.began) > controlSilence, err
	}
	halted, since := w.findStuck(next, end)
	if len(halted) > 0 {
		if err := w.skipEmpty(ctx, m, halted); err != nil {
			return false, err
		}
		if next, err = w.positions(start); err != nil {
			return false, err
		}
	}
	if !w.isCaughtUp.Load() && allReached(next, w.end) {
		w.isCaughtUp.Store(true)
		w.log.Info("the control topic has been read")
	}
	if !since.IsZero() && time.Since(since) > controlSilence {
		return true, errUnheard
	}
	return false, nil
}

// askEnds returns where each partition begins and ends. The client may learn of a new partition a
// moment later.
func (w *controlWatch) askEnds(ctx context.Context, partitions int) (start, end []int64, err error) {
	err = untilAnswered(ctx, func() (err error) {
		listed, failed := w.admin.ListStartOffsets(ctx, w.topic)
		if start, err = allOffsets(listed, failed, w.topic, partitions); err != nil {
			return err
		}
		listed, failed = w.admin.ListCommittedOffsets(ctx, w.topic)
		end, err = allOffsets(listed, failed, w.topic, partitions)
		return err
	})
	return start, end, err
}

// positions returns where the client stands, not before the partitions' starts, or how it fails.
// A failure counts for as long as it would take to come again.
func (w *controlWatch) positions(start []int64) ([]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.failing {
		if time.Since(f.at) < controlSilence {
			return nil, f.err
		}
	}
	for p, first := range start {
		if p == len(w.next) {
			w.next = append(w.next, first)
		}
		w.next[p] = max(w.next[p], first)
	}
	return append([]int64(nil), w.next...), nil
}

// findStuck returns where the client has more to hear and hasn't moved since the last look, and since
// when the first of these stand.
func (w *controlWatch) findStuck(next, end []int64) (at []partitionOffset, since time.Time) {
	for p, to := range end {
		partition := int32(p)
		if next[p] >= to {
			delete(w.stuck, partition)
			continue
		}
		s, known := w.stuck[partition]
		if !known || s.offset != next[p] {
			w.stuck[partition] = standstill{next[p], time.Now()}
			continue
		}
		at = append(at, partitionOffset{partition, next[p]})
		if since.IsZero() || s.since.Before(since) {
			since = s.since
		}
	}
	return at, since
}

// skipEmpty moves partitions over what is no message and so moves no client: holes that compaction left,
// markers, and what was aborted. Each is asked for alone, so that an empty answer says that it has
// nothing, and not that another one filled the answer.
func (w *controlWatch) skipEmpty(ctx context.Context, m topicMeta, halted []partitionOffset) error {
	for _, at := range halted[:min(len(halted), controlProbes)] {
		answers, err := fetch(ctx, w.cl, m.leaders[at.partition], w.topic, m.id, []partitionOffset{at}, controlMaxBytes)
		if err != nil {
			return err
		}
		for _, r := range answers {
			switch {
			case errors.Is(r.err, kerr.OffsetOutOfRange): // retention passed; the next look knows the start
				continue
			case r.err != nil:
				return r.err
			case len(r.records) > 0:
				r.next = r.records[0].Offset
			case r.empty: // and yet it ends later: the hole reaches to its end
				r.next = max(r.next, r.lastStableOffset)
			}
			w.noteConsumed(r.partition, r.next, nil)
		}
	}
	return nil
}

// allReached reports whether no partition stands before its end.
func allReached(next, end []int64) bool {
	for p, to := range end {
		if next[p] < to {
			return false
		}
	}
	return true
}

// report makes known whether all is heard: each complaint once to the log until all is well, and to
// who asks [Control.Unheard] when it lasts.
func (w *controlWatch) report(err error) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		if len(w.complaints) > 0 {
			clear(w.complaints)
			w.log.Info("the control topic is heard again")
		}
		w.began, w.since, w.why = now, time.Time{}, ""
		return
	}
	if now.Sub(w.began) >= controlSilence {
		w.since, w.why = w.began, plainText(err)
	}
	w.complain(err)
}

// complain says once why nothing is heard, until all is well. The lock is held.
func (c *Control) complain(err error) {
	if text := plainText(err); !c.complaints[text] && len(c.complaints) < controlComplaints {
		c.complaints[text] = true
		c.log.Warn("waiting for the control topic: revocations of other gateways may be missed", "why", text)
	}
}
