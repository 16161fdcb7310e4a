package broker

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// controlWatch checks whether a [Control] reads all messages.
type controlWatch struct {
	*Control
	admin    *kadm.Client
	identity identity
	began    time.Time            // when Run began, or when all messages had last been read
	end      []int64              // the positions from which it is caught up; nil: not known yet
	stuck    map[int32]standstill // partitions with more messages that have not moved
}

// standstill is the position of a client that makes no progress, and since when.
type standstill struct {
	offset int64
	since  time.Time
}

const (
	controlProbes     = 8  // partitions without progress that are fetched at a time
	controlComplaints = 16 // different ones in the log, until all is well
)

// errUnheard says that the topic has messages and the client doesn't fetch them.
var errUnheard = errors.New("the topic has messages, and the client does not fetch them")

// watch checks again and again. It returns when the client must be replaced, or ctx is
// done.
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

// check compares the positions with the ends of the partitions. Its error says why not
// all messages are read. replace says that the client is stuck, or that its topic is
// gone.
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
		w.log.Warn("the control topic was created anew: it is read from its start")
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

// askEnds returns where each partition begins and ends. The client may learn of a new
// partition a moment later.
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

// failure is why the client fails, nil if it doesn't. A failure counts until it would
// have come again. The caller holds the lock.
func (c *Control) failure() error {
	for _, f := range c.failing {
		if time.Since(f.at) < controlSilence {
			return f.err
		}
	}
	return nil
}

// positions returns the client's positions, none before its partition's start, or why the
// client fails.
func (w *controlWatch) positions(start []int64) ([]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.failure(); err != nil {
		return nil, err
	}
	for p, first := range start {
		if p == len(w.next) {
			w.next = append(w.next, first)
		}
		w.next[p] = max(w.next[p], first)
	}
	return append([]int64(nil), w.next...), nil
}

// findStuck returns the partitions that have more messages and have not moved since the
// last check. since is when the first of them last moved.
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

// skipEmpty moves partitions over offsets without a message, which move no client: holes
// that compaction left, markers, and aborted messages. Each partition is asked for alone.
// So an empty answer means that the partition has nothing, and not that another one
// filled the answer.
func (w *controlWatch) skipEmpty(ctx context.Context, m topicMeta, halted []partitionOffset) error {
	for _, at := range halted[:min(len(halted), controlProbes)] {
		answers, err := fetch(ctx, w.cl, m.leaders[at.partition], w.topic, m.id, []partitionOffset{at}, controlMaxBytes)
		if err != nil {
			return err
		}
		for _, r := range answers {
			switch {
			case errors.Is(r.err, kerr.OffsetOutOfRange): // retention passed; the next check knows the start
				continue
			case r.err != nil:
				return r.err
			case len(r.records) > 0:
				r.next = r.records[0].Offset
			case r.empty: // the end is later, so a hole reaches up to it
				r.next = max(r.next, r.lastStableOffset)
			}
			w.noteConsumed(r.partition, r.next, nil)
		}
	}
	return nil
}

// allReached reports whether no partition is before its end.
func allReached(next, end []int64) bool {
	for p, to := range end {
		if next[p] < to {
			return false
		}
	}
	return true
}

// report says whether all messages are read. Each complaint goes to the log once, until
// all is well. A lasting one also goes to callers of [Control.Unheard].
func (w *controlWatch) report(err error) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		err = w.failure() // it may have failed since it was looked at
	}
	if err == nil {
		if len(w.complaints) > 0 {
			clear(w.complaints)
			w.log.Info("the control topic is read again")
		}
		w.began, w.since, w.why = now, time.Time{}, ""
		return
	}
	if now.Sub(w.began) >= controlSilence {
		w.since, w.why = w.began, plainText(err)
	}
	w.complain(err)
}

// complain says once why messages are not read, until all is well. The caller holds the
// lock.
func (c *Control) complain(err error) {
	if text := plainText(err); !c.complaints[text] && len(c.complaints) < controlComplaints {
		c.complaints[text] = true
		c.log.Warn("waiting for the control topic: revocations of other gateways may be missed", "why", text)
	}
}
