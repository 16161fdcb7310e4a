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
	var highs *listing
	if now := time.Now(); now.Sub(r.highsAt) >= r.cfg.HighWatermarks {
		r.highsAt = now
		highs = list(asking, r.cl, metas, latest, uncommitted)
		defer highs.wait()
	}
	var well atomic.Bool
	well.Store(true)
	var topics sync.WaitGroup
	var stuck stuckPlaces
	for _, name := range names {
		topics.Go(func() {
			asking, cancel := context.WithTimeout(ctx, 2*requestTimeout) // the ends, and what follows from them
			defer cancel()
			if !r.lookAt(ctx, asking, r.topics[name], metas[name], ends, highs, &stuck) {
				well.Store(false)
			}
		})
	}
	topics.Wait()
	r.probe(ctx, &stuck)
	return well.Load()
}

// lookAt acts on what is said of one topic.
func (r *Reader) lookAt(running, ctx context.Context, t *topic, answer topicMeta, ends, highs *listing, stuck *stuckPlaces) (well bool) {
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
	if highs != nil {
		r.noteHighs(t, m, highs)
	}
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

// noteHighs keeps the high watermarks for the next look: what was written by now and isn't
// stable by then is held back by an open transaction (KIP-98).
func (r *Reader) noteHighs(t *topic, m topicMeta, highs *listing) {
	asked, errs := highs.of(t.name, m)
	for p, err := range errs {
		if err != nil {
			asked[p] = -1
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t.highAsked = asked
}

// isSettled reports whether all has been read to where it ended at start, nothing is paused,
// and nothing waits for records that Kafka has.
func (r *Reader) isSettled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.topics {
		if !t.warm || len(t.paused) > 0 || len(t.stuck) > 0 {
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
