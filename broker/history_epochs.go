package broker

import (
	"context"
	"slices"

	"sluice/stream"
)

// maxEpochsAsked bounds the epochs of one partition in one question. Callers choose them.
const maxEpochsAsked = 64

// epochQuestion asks where leader epochs of a topic ended, for all callers that joined
// it.
type epochQuestion struct {
	epochs map[int32]map[int32]stream.EpochEnd // by partition and the epoch asked for
}

// add takes up the epochs of one caller. It returns false if there is no room for them.
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

// epochEnds answers [stream.EpochHistory.EpochEnds]. Kafka is asked after the call began.
func (t *topicHistory) epochEnds(ctx context.Context, epochs []int32) ([]stream.EpochEnd, error) {
	q, err := t.epochs.answer(ctx,
		func(q *epochQuestion) bool { return q.add(epochs) },
		func() *epochQuestion {
			q := &epochQuestion{epochs: make(map[int32]map[int32]stream.EpochEnd)}
			q.add(epochs)
			return q
		})
	if err != nil {
		return nil, err
	}
	ends := make([]stream.EpochEnd, len(epochs))
	for p, e := range epochs {
		if ends[p].Epoch = -1; e >= 0 {
			ends[p] = q.epochs[int32(p)][e]
		}
	}
	return ends, nil
}

// askEpochs asks until all of a question is answered.
func (t *topicHistory) askEpochs(ctx context.Context, q *epochQuestion) error {
	left := make(map[int32][]int32)
	for p, asked := range q.epochs {
		for e := range asked {
			left[p] = append(left[p], e)
		}
	}
	return untilAnswered(ctx, func() error {
		for len(left) > 0 {
			if err := t.askEpochsLeft(ctx, q, left); err != nil {
				return err
			}
		}
		return nil
	})
}

// askEpochsLeft asks for one epoch of each partition in left. It takes out of left what
// is answered.
func (t *topicHistory) askEpochsLeft(ctx context.Context, q *epochQuestion, left map[int32][]int32) error {
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
			delete(left, p) // no leader, or no such partition: it stays unknown
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

// sameEnd reports whether the answer for one epoch holds for another epoch, too. It does
// if no epoch lies between the one asked for and the one that the leader named, or if
// both are above the current one. So there are about as many questions as there were
// elections, whatever callers ask for.
func sameEnd(end stream.EpochEnd, asked, other, current int32) bool {
	if end.Epoch >= 0 {
		return end.Epoch <= other && other <= asked
	}
	return current >= 0 && asked > current && other > current
}
