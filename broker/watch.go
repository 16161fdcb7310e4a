package broker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	retryPause = time.Second            // between two looks while something is wrong
	kickPause  = 200 * time.Millisecond // between two looks at least
)

// watch looks at the topics until ctx ends.
func (r *Reader) watch(ctx context.Context) {
	for ctx.Err() == nil {
		pause := r.cfg.Refresh
		if !r.look(ctx) || !r.isSettled() {
			pause = min(pause, retryPause)
		}
		least, next := time.NewTimer(kickPause), time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-next.C:
		case <-r.kick:
			select {
			case <-ctx.Done():
			case <-least.C:
			}
		}
		least.Stop()
		next.Stop()
	}
}

// look asks Kafka what topics there are and where they end, and acts on it. Each topic is
// dealt with by itself, and so is each leader: what one of them takes holds up no other.
// It says whether all was well.
func (r *Reader) look(ctx context.Context) bool {
	names := slices.Sorted(maps.Keys(r.topics))
	asking, cancel := context.WithTimeout(ctx, requestTimeout)
	metas, err := describe(asking, r.cl, names...)
	cancel()
	if err != nil {
		for _, name := range names {
			r.silent(ctx, r.topics[name], err)
		}
		return false
	}

	asking, cancel = context.WithTimeout(ctx, requestTimeout)
	ends := list(asking, r.cl, metas, latest, committed)
	defer ends.wait()
	defer cancel()
	var well atomic.Bool
	well.Store(true)
	var topics sync.WaitGroup
	var stuck stuckPlaces
	for _, name := range names {
		topics.Go(func() {
			asking, cancel := context.WithTimeout(ctx, 2*requestTimeout) // the ends, and what follows from them
			defer cancel()
			if !r.lookAt(ctx, asking, r.topics[name], metas[name], ends, &stuck) {
				well.Store(false)
			}
		})
	}
	topics.Wait()
	r.probe(ctx, &stuck)
	return well.Load()
}

// lookAt acts on what is said of one topic.
func (r *Reader) lookAt(running, ctx context.Context, t *topic, answer topicMeta, ends *listing, stuck *stuckPlaces) (well bool) {
	m, renewed, err := t.identity.believe(ctx, r.cl, t.name, answer)
	switch {
	case errors.Is(err, errLagging):
		return false
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		r.missing(t)
		return false
	case err != nil:
		r.silent(running, t, err)
		return false
	}
	t.renewed = t.renewed || renewed
	stable, errs := ends.of(t.name, m)
	if err := allOf(errs); err != nil {
		r.offline(t, errs)
		r.silent(running, t, err)
		return false
	}
	waits := r.offline(t, errs)
	if err := r.follow(ctx, t, m.reachable(errs), stable, errs, stuck); err != nil {
		r.silent(running, t, err)
		return false
	}
	r.answered(t)
	return !waits
}

// allOf returns an error if no partition has an answer.
func allOf(errs []error) error {
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	return errs[0]
}

// isSettled reports whether all has been read to where it ended at start, and nothing is
// paused.
func (r *Reader) isSettled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.topics {
		if !t.warm || len(t.paused) > 0 {
			return false
		}
	}
	return true
}

// follow brings what is read of a topic in line with what Kafka has.
func (r *Reader) follow(ctx context.Context, t *topic, m topicMeta, stable []int64, errs []error, stuck *stuckPlaces) error {
	// Only this goroutine writes begun, id and the length of next, so they may be read
	// without the lock.
	if !t.begun || t.renewed {
		return r.begin(ctx, t, m, stable, errs)
	}
	if len(m.leaders) > len(t.next) {
		r.grow(t, len(m.leaders))
	}
	r.resume(t, m.id)
	if err := r.place(ctx, t, m); err != nil {
		return err
	}
	if err := r.relocate(ctx, t, m); err != nil {
		return err
	}
	if err := r.retained(ctx, t, m); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	stuck.add(t, m, t.settle(stable, errs))
	r.warmed(t)
	return nil
}

// answered notes that Kafka said what it was asked of a topic.
func (r *Reader) answered(t *topic) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if t.fetchFault != "" && len(t.paused) == 0 && now.Sub(t.fetchFaultAt) > r.cfg.Refresh+2*errorPause && now.Sub(t.resumed) > r.cfg.Refresh+2*errorPause {
		t.fetchFault, t.fetchDenied = "", false // it would have come again
	}
	t.answered, t.fault, t.exists, t.forbidden = now, "", true, false
	if t.fetchFault == "" {
		t.unreadable = time.Time{}
	}
	if t.fetchFault == "" && len(t.offline) == 0 {
		t.recovered()
	}
	r.setStale(t, time.Time{})
}

// delivers notes that Kafka sends records of a topic, whatever else it doesn't answer.
func (r *Reader) delivers(t *topic) {
	t.answered = time.Now()
	if !t.stale.IsZero() {
		t.fault = ""
		r.setStale(t, time.Time{})
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
	if t.begun {
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
