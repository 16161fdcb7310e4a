package broker

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	retryPause = time.Second            // between two rounds while something is wrong
	kickPause  = 200 * time.Millisecond // between two rounds at least
)

// watch goes through the topics, round after round, until ctx ends.
func (r *Reader) watch(ctx context.Context) {
	for ctx.Err() == nil {
		pause := r.cfg.Refresh
		if !r.watchOnce(ctx) || !r.isSettled() {
			pause = min(pause, retryPause)
		}
		least, next := time.NewTimer(kickPause), time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-next.C:
		case <-r.wakeups:
			select {
			case <-ctx.Done():
			case <-least.C:
			}
		}
		least.Stop()
		next.Stop()
	}
}

// watchRound is what one round of the watch finds out.
type watchRound struct {
	ends *listing // where the topics end, as their leaders say

	mu      sync.Mutex           // guards the rest, since topics are handled concurrently
	failed  bool                 // not all was well
	reached map[string]topicMeta // topics whose leaders answered, without the leaders that did not
	stuck   stuckPartitions
}

// watchOnce asks Kafka once about all topics and acts on the answers. Each of its
// questions has a separate time limit. A slow topic or leader delays no other. It reports
// whether all was well.
func (r *Reader) watchOnce(ctx context.Context) bool {
	err := r.discover(ctx)
	var metas map[string]topicMeta
	if err == nil {
		metas, err = r.askTopics(ctx)
	}
	if err != nil {
		for _, t := range r.topics {
			r.noteNoAnswer(ctx, t, err)
		}
		return false
	}
	r.beginSeveral(metas)
	r.admit(metas)
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	w := &watchRound{ends: list(asking, r.cl, metas, latest, committed), reached: make(map[string]topicMeta)}
	var topics sync.WaitGroup
	for name, t := range r.topics {
		topics.Go(func() { r.watchTopic(ctx, w, t, metas[name]) })
	}
	topics.Wait()
	cancel()
	w.ends.wait()
	r.fetchStuck(ctx, &w.stuck)
	r.askHighWatermarks(ctx, w.reached)
	r.endSeveralRound()
	return !w.failed
}

// askTopics asks any broker which topics exist.
func (r *Reader) askTopics(ctx context.Context) (map[string]topicMeta, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if len(r.topics) == 0 { // no names would ask for all there are
		return nil, nil
	}
	return describe(ctx, r.cl, slices.Collect(maps.Keys(r.topics))...)
}

// watchTopic acts on the answers about one topic.
func (r *Reader) watchTopic(ctx context.Context, w *watchRound, t *topic, answer topicMeta) {
	m, well := r.identify(ctx, t, answer)
	if well {
		well = r.reach(ctx, w, t, m)
	}
	if !well {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.failed = true
	}
}

// identify finds out which topic an answer is about. ok: the topic exists.
func (r *Reader) identify(ctx context.Context, t *topic, answer topicMeta) (m topicMeta, ok bool) {
	var renewed bool
	err := within(ctx, requestTimeout, func(ctx context.Context) (err error) {
		m, renewed, err = t.identity.believe(ctx, r.cl, t.name, answer)
		return err
	})
	switch {
	case errors.Is(err, errLagging):
		r.mu.Lock()
		defer r.mu.Unlock()
		t.noteNotMissing()
		return m, false
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		r.noteMissing(t)
		return m, false
	case err != nil:
		r.noteNoAnswer(ctx, t, err)
		return m, false
	}
	t.renewed = t.renewed || renewed
	return m, true
}

// reach waits until the leaders say where the topic ends, and then follows it. It reports
// whether all was well.
func (r *Reader) reach(ctx context.Context, w *watchRound, t *topic, m topicMeta) bool {
	stable, errs := w.ends.of(t.name, m)
	someOffline := r.noteLeaderless(t, errs)
	if err := allFailed(errs); err != nil {
		r.noteNoAnswer(ctx, t, err)
		return false
	}
	m = m.reachable(errs)
	if err := r.follow(ctx, w, t, m, stable, errs); err != nil {
		r.noteNoAnswer(ctx, t, err)
		return false
	}
	r.noteAnswer(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reached[t.name] = m
	return !someOffline
}

// follow takes up what has changed in a topic.
func (r *Reader) follow(ctx context.Context, w *watchRound, t *topic, m topicMeta, stable []int64, errs []error) error {
	// Only the watch writes begun, id and the length of next, so it may read them without
	// the lock.
	if t.isRefused() {
		return nil
	}
	if !t.begun || t.renewed {
		return within(ctx, 2*requestTimeout, func(ctx context.Context) error { return r.begin(ctx, t, m, stable, errs) })
	}
	if len(m.leaders) > len(t.next) {
		r.grow(t, len(m.leaders))
	}
	r.resume(t, m.id)
	err := cmp.Or(
		within(ctx, requestTimeout, func(ctx context.Context) error { return r.beginLeaderless(ctx, t, m) }),
		within(ctx, requestTimeout, func(ctx context.Context) error { return r.findLost(ctx, t, m) }),
		within(ctx, requestTimeout, func(ctx context.Context) error { return r.checkRetention(ctx, t, m) }),
	)
	r.mu.Lock()
	defer r.mu.Unlock()
	w.stuck.add(t, m, t.noteEnds(stable, errs))
	r.checkWarm(t)
	return err
}

// within calls ask with a context that ends after d at the latest.
func within(ctx context.Context, d time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return ask(ctx)
}

// askHighWatermarks asks from time to time how far the topics have been written.
func (r *Reader) askHighWatermarks(ctx context.Context, metas map[string]topicMeta) {
	now := time.Now()
	if now.Sub(r.highsAt) < r.cfg.HighWatermarks {
		return
	}
	r.highsAt = now
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	highs := list(ctx, r.cl, metas, latest, uncommitted)
	defer highs.wait()
	for name, m := range metas {
		r.noteHighs(r.topics[name], m, highs)
	}
}

// allFailed returns an error if no partition has an answer.
func allFailed(errs []error) error {
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return errs[0]
}

// noteHighs keeps the high watermarks for the next round. A record that is written by now
// and not stable by then is held back by an open transaction (KIP-98).
func (r *Reader) noteHighs(t *topic, m topicMeta, highs *listing) {
	asked, errs := highs.of(t.name, m)
	for p, err := range errs {
		if err != nil {
			asked[p] = -1
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t.newHighWatermarks = asked
}

// isSettled reports whether all topics are warm, no partition is paused, and none waits
// for records that Kafka has.
func (r *Reader) isSettled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.topics {
		if !t.warm && !t.isRefused() || len(t.pausedSince) > 0 || len(t.stuckSince) > 0 {
			return false
		}
	}
	return true
}
