package broker

import (
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// identity knows which topic of a name is followed. Brokers learn of a change one after
// the other. So an answer may be older than what is known here: it has fewer partitions,
// no topic, or the topic of that name before. Only if most brokers say so, and none
// denies it, is it another topic.
//
// The zero value knows nothing. It is for one goroutine at a time.
type identity struct {
	known  topicMeta // the newest answer that was believed
	epoch  string    // of the topic; "" before the first answer
	former []topicID // its ids before, the newest last: it never gets one of them back
	doubts int       // surveys in a row that spoke for another topic, without ids as a proof

	withoutID bool // a broker answered without an id
}

const (
	formerIDs = 16 // ids that are kept: more than a topic gets while a broker lags

	// doubtsNeeded is how many surveys in a row must speak for another topic, if brokers
	// can't be asked for the former one by id.
	doubtsNeeded = 3
)

// believe returns what is true of the topic, given a broker's answer. That is the answer,
// or what was known before if the answer is older. renewed says that it is another topic
// than before. The error is the answer's, or errLagging while the truth is not known.
func (k *identity) believe(ctx context.Context, cl *kgo.Client, name string, m topicMeta) (holds topicMeta, renewed bool, err error) {
	switch {
	case k.epoch == "":
		if m.err != nil {
			return m, false, m.err
		}
		return k.first(ctx, cl, name, m), false, nil
	case m.err != nil && !errors.Is(m.err, kerr.UnknownTopicOrPartition):
		return m, false, m.err
	case m.err == nil && k.isSame(m):
		k.doubts = 0
		return k.adopt(m), false, nil
	case m.err == nil && slices.Contains(k.former, m.id):
		return k.known, false, nil
	}

	b := k.count(ctx, cl, name)
	switch {
	case b.sameVotes > 0 && b.sameVotes >= max(b.otherVotes, b.missing):
		k.doubts = 0
		if b.same == nil {
			return k.known, false, nil
		}
		return k.adopt(*b.same), false, nil
	case b.otherVotes > b.sameVotes:
		if k.doubts++; !b.sure && k.doubts < doubtsNeeded {
			return k.known, false, nil
		}
		k.renew(*b.other)
		return k.known, true, nil
	case m.err != nil && b.missing > 0:
		return m, false, m.err
	}
	return topicMeta{}, false, errLagging
}

// isSame reports whether an answer is about the known topic, and not older. A topic never
// loses partitions.
func (k *identity) isSame(m topicMeta) bool {
	return k.isOf(m) && len(m.leaders) >= len(k.known.leaders)
}

// isOf reports whether an answer is about the known topic. If one of them has no id, it
// may be.
func (k *identity) isOf(m topicMeta) bool {
	return m.id == k.known.id || m.id == (topicID{}) || k.known.id == (topicID{})
}

// adopt takes up a newer answer about the same topic. An id is never lost, since an old
// broker among new ones has none to tell. An id that comes later, as brokers are
// upgraded, makes it no other topic. Its epoch stays.
func (k *identity) adopt(m topicMeta) topicMeta {
	if m.id == (topicID{}) {
		k.withoutID = true
		m.id = k.known.id
	}
	k.known = m
	return m
}

// renew takes up a topic of the same name that was created since.
func (k *identity) renew(m topicMeta) {
	if k.known.id != (topicID{}) {
		k.former = append(k.former, k.known.id)
		k.former = k.former[max(0, len(k.former)-formerIDs):]
	}
	k.known, k.epoch, k.doubts = m, m.id.epoch(), 0
}

// first takes up a topic that is not known yet. It takes the answer of most brokers,
// since the first one may lag.
func (k *identity) first(ctx context.Context, cl *kgo.Client, name string, m topicMeta) topicMeta {
	votes := make(map[topicID]int)
	for _, a := range survey(ctx, cl, name) {
		o := a.metas[name]
		if o.err != nil {
			continue
		}
		votes[o.id]++
		switch {
		case o.id == (topicID{}):
			k.withoutID = true
			if m.id == o.id && len(o.leaders) > len(m.leaders) {
				m = o
			}
		case o.id == m.id && len(o.leaders) > len(m.leaders), m.id == (topicID{}), votes[o.id] > votes[m.id]:
			m = o
		}
	}
	k.withoutID = k.withoutID || m.id == (topicID{})
	k.known, k.epoch = m, m.id.epoch()
	return m
}

// ballot is what a survey says about which topic it is.
type ballot struct {
	same, other                    *topicMeta // an answer of each kind
	sameVotes, otherVotes, missing int
	sure                           bool // brokers that spoke for another topic were asked for the known id, and do not have it
}

// count asks all brokers. A broker that has the known id speaks for it, whatever it says
// of the name: an id is never used twice, and a deleted topic has none.
func (k *identity) count(ctx context.Context, cl *kgo.Client, name string) (b ballot) {
	b.sure = true
	votes := make(map[topicID]int)
	for _, a := range survey(ctx, cl, name) {
		m := a.metas[name]
		switch {
		case m.err == nil && k.isSame(m):
			b.same = &m
			b.sameVotes++
			continue
		case m.err == nil && k.known.id != (topicID{}) && (m.id == k.known.id || m.id == (topicID{})): // of fewer partitions
			b.sameVotes++
			continue
		case k.known.id == (topicID{}) || !a.byID:
			b.sure = false
		case a.knows(ctx, k.known.id):
			b.sameVotes++
			continue
		}
		if m.err != nil {
			b.missing++
		} else if !slices.Contains(k.former, m.id) {
			b.otherVotes++
			if votes[m.id]++; b.other == nil || votes[m.id] > votes[b.other.id] {
				b.other = &m
			}
		}
	}
	return b
}
