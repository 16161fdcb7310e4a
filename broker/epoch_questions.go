package broker

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"sluice/stream"
)

// maxEpochsAsked is how many different epochs of one partition one question may have:
// callers choose them.
const maxEpochsAsked = 64

// epochQuestion asks where leader epochs of a topic ended, for all who want to know when
// it is asked.
type epochQuestion struct {
	answered chan struct{}
	epochs   map[int32]map[int32]stream.EpochEnd // by partition and the epoch asked for
	err      error
}

// add takes up what one caller wants to know; false: there is no room for it.
func (q *epochQuestion) add(epochs []int32) bool {
	for p, e := range epochs {
		asked := q.epochs[int32(p)]
		if _, known := asked[e]; e >= 0 && !known && len(asked) >= maxEpochsAsked {
			return false
		}
	}
	for p, e := range epochs {
		if e < 0 {
			continue
		}
		if q.epochs[int32(p)] == nil {
			q.epochs[int32(p)] = make(map[int32]stream.EpochEnd)
		}
		q.epochs[int32(p)][e] = stream.EpochEnd{Epoch: -1}
	}
	return true
}

// epochEnds answers [stream.EpochHistory.EpochEnds]. As with bounds, Kafka is asked after
// the call began, never before, and callers at the same time share a question.
func (t *past) epochEnds(ctx context.Context, epochs []int32) ([]stream.EpochEnd, error) {
	t.mu.Lock()
	var q *epochQuestion
	if n := len(t.epochQuestions); n > 0 && t.epochQuestions[n-1].add(epochs) {
		q = t.epochQuestions[n-1]
	} else {
		q = &epochQuestion{answered: make(chan struct{}), epochs: make(map[int32]map[int32]stream.EpochEnd)}
		q.add(epochs)
		t.epochQuestions = append(t.epochQuestions, q)
	}
	if !t.askingEpochs {
		t.askingEpochs = true
		t.running.Go(t.answerEpochs)
	}
	t.mu.Unlock()
	select {
	case <-q.answered:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if q.err != nil {
		return nil, q.err
	}
	ends := make([]stream.EpochEnd, len(epochs))
	for p, e := range epochs {
		if ends[p].Epoch = -1; e >= 0 {
			ends[p] = q.epochs[int32(p)][e]
		}
	}
	return ends, nil
}

// answerEpochs asks Kafka until no question is left.
func (t *past) answerEpochs() {
	for {
		t.mu.Lock()
		if len(t.epochQuestions) == 0 {
			t.askingEpochs = false
			t.mu.Unlock()
			return
		}
		q := t.epochQuestions[0]
		t.epochQuestions = t.epochQuestions[1:]
		t.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.cl.Context(), requestTimeout)
		q.err = t.askEpochs(ctx, q)
		cancel()
		close(q.answered)
	}
}

// askEpochs asks until all of a question is answered, since leaders move.
func (t *past) askEpochs(ctx context.Context, q *epochQuestion) error {
	left := make(map[int32][]int32)
	for p, asked := range q.epochs {
		for e := range asked {
			left[p] = append(left[p], e)
		}
	}
	for {
		err := t.askEpochsLeft(ctx, q, left)
		switch {
		case err == nil && len(left) == 0:
			return nil
		case err != nil && (errors.Is(err, kerr.UnknownTopicOrPartition) || !mayAskAgain(err) && !errors.Is(err, errNotAnswered)):
			return err
		}
		if err != nil { // who leads is known anew in a moment
			select {
			case <-ctx.Done():
				return errors.Join(err, ctx.Err())
			case <-time.After(catchupPause):
			}
		}
	}
}

// askEpochsLeft asks for one epoch of each partition that has some left, and takes what
// is answered out of left.
func (t *past) askEpochsLeft(ctx context.Context, q *epochQuestion, left map[int32][]int32) error {
	m, err := t.describe(ctx)
	if err != nil {
		return err
	}
	epochs := make([]int32, len(m.leaders))
	for p := range epochs {
		epochs[p] = -1
	}
	for p, es := range left {
		if int(p) >= len(epochs) || m.leaders[p] < 0 {
			delete(left, p) // nobody knows
		} else {
			epochs[p] = slices.Max(es)
		}
	}
	ends, errs := epochEnds(ctx, t.cl, t.topic, m, epochs)
	var failed error
	for p, e := range epochs {
		switch part := int32(p); {
		case e < 0:
		case errs[p] != nil:
			failed = errs[p]
		default:
			still := left[part][:0]
			for _, other := range left[part] {
				if other == e || sameEnd(ends[p], e, other, m.epochs[p]) {
					q.epochs[part][other] = ends[p]
				} else {
					still = append(still, other)
				}
			}
			if left[part] = still; len(still) == 0 {
				delete(left, part)
			}
		}
	}
	return failed
}

// sameEnd reports whether the answer for one epoch is that for another, too: no epoch is between
// the one asked for and the one that the leader named, and none is above the current one. So the
// questions are about as many as there were elections, whatever callers ask for.
func sameEnd(end stream.EpochEnd, asked, other, current int32) bool {
	if end.Epoch >= 0 {
		return end.Epoch <= other && other <= asked
	}
	return current >= 0 && asked > current && other > current
}
