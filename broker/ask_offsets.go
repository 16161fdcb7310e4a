package broker

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Points in a log that ListOffsets knows, besides a time in milliseconds.
const (
	latest   int64 = -1
	earliest int64 = -2
)

// isolation says which end of a log is meant: the high watermark or the last stable
// offset.
type isolation int8

const (
	uncommitted isolation = 0
	committed   isolation = 1
)

// allOffsets takes the offset of each partition of a topic out of an answer of kadm's. It
// returns all of them or an error.
func allOffsets(listed kadm.ListedOffsets, failed error, topic string, partitions int) ([]int64, error) {
	offsets := make([]int64, partitions)
	for p := range offsets {
		one, ok := listed.Lookup(topic, int32(p))
		switch {
		case ok && one.Err != nil:
			return nil, partitionError(one.Err)
		case ok:
			offsets[p] = one.Offset
		case failed != nil:
			return nil, partitionError(causeOf(failed))
		default:
			return nil, errNotAnswered
		}
	}
	return offsets, nil
}

// listing is a question about one point in partitions, such as their ends. Each leader is
// asked once, and all at the same time. A leader that hangs delays only those callers
// that wait for it.
type listing struct {
	byLeader map[int32]*leaderListing
	asking   sync.WaitGroup
}

// leaderListing is the question to one leader, and its answer.
type leaderListing struct {
	req     *kmsg.ListOffsetsRequest
	done    chan struct{} // closed once the fields below are filled
	err     error
	offsets map[string]map[int32]int64
	errs    map[string]map[int32]error
}

// list begins to ask leaders for one offset of each partition of topics: the earliest,
// the latest, or the first one whose record is not older than at. If there is none, the
// offset is -1. listing.wait waits for all answers.
func list(ctx context.Context, cl *kgo.Client, metas map[string]topicMeta, at int64, level isolation) *listing {
	l := &listing{byLeader: make(map[int32]*leaderListing)}
	for name, m := range metas {
		topics := make(map[int32]int) // by leader, the index of the topic in its request
		for p, leader := range m.leaders {
			if leader < 0 {
				continue
			}
			a := l.byLeader[leader]
			if a == nil {
				a = &leaderListing{req: kmsg.NewPtrListOffsetsRequest(), done: make(chan struct{})}
				a.req.IsolationLevel = int8(level)
				l.byLeader[leader] = a
			}
			i, there := topics[leader]
			if !there {
				i = len(a.req.Topics)
				topics[leader] = i
				t := kmsg.NewListOffsetsRequestTopic()
				t.Topic = name
				a.req.Topics = append(a.req.Topics, t)
			}
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.Timestamp = int32(p), at
			a.req.Topics[i].Partitions = append(a.req.Topics[i].Partitions, rp)
		}
	}
	for leader, a := range l.byLeader {
		l.asking.Go(func() {
			defer close(a.done)
			kresp, err := cl.Broker(int(leader)).Request(ctx, a.req)
			if a.err = err; err != nil {
				return
			}
			a.offsets, a.errs = make(map[string]map[int32]int64), make(map[string]map[int32]error)
			for _, t := range kresp.(*kmsg.ListOffsetsResponse).Topics {
				offsets, errs := make(map[int32]int64), make(map[int32]error)
				for _, p := range t.Partitions {
					offsets[p.Partition] = p.Offset
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
						errs[p.Partition] = partitionError(err)
					}
				}
				a.offsets[t.Topic], a.errs[t.Topic] = offsets, errs
			}
		})
	}
	return l
}

// wait returns when all leaders have answered or failed.
func (l *listing) wait() { l.asking.Wait() }

// of returns the offsets of one topic by partition, or the error of a partition.
func (l *listing) of(topic string, m topicMeta) (offsets []int64, errs []error) {
	offsets, errs = make([]int64, len(m.leaders)), make([]error, len(m.leaders))
	for p := range m.leaders {
		offsets[p], errs[p] = l.one(topic, m, int32(p))
	}
	return offsets, errs
}

// one returns the offset of one partition.
func (l *listing) one(topic string, m topicMeta, partition int32) (int64, error) {
	a := l.byLeader[m.leaders[partition]]
	if a == nil {
		return 0, kerr.LeaderNotAvailable
	}
	<-a.done
	if err := cmp.Or(a.err, a.errs[topic][partition]); err != nil {
		return 0, err
	}
	o, there := a.offsets[topic][partition]
	if !there {
		return 0, errNotAnswered
	}
	return o, nil
}

// listLeaders asks the leaders that the metadata names for one offset of each partition
// of a topic. A partition has an offset or an error.
func listLeaders(ctx context.Context, cl *kgo.Client, topic string, m topicMeta, at int64, level isolation) ([]int64, []error) {
	l := list(ctx, cl, map[string]topicMeta{topic: m}, at, level)
	defer l.wait()
	return l.of(topic, m)
}

// offsetsAt returns for each partition the first offset whose record is not older than
// unixMilli. If there is none, it is the last stable offset. An open transaction
// publishes records only beyond that, and they are newer.
func offsetsAt(ctx context.Context, cl *kgo.Client, topic string, partitions int, unixMilli int64) ([]int64, error) {
	admin := kadm.NewClient(cl)
	var end, offsets []int64
	var errEnd, err error
	var asking sync.WaitGroup
	asking.Go(func() {
		listed, failed := admin.ListCommittedOffsets(ctx, topic)
		end, errEnd = allOffsets(listed, failed, topic, partitions)
	})
	asking.Go(func() {
		listed, failed := admin.ListOffsetsAfterMilli(ctx, max(unixMilli, 0), topic)
		offsets, err = allOffsets(listed, failed, topic, partitions)
	})
	asking.Wait()
	if err := errors.Join(errEnd, err); err != nil {
		return nil, err
	}
	return untilEnd(offsets, end), nil
}

// untilEnd puts the end in place of an offset that is missing or beyond it.
func untilEnd(offsets, end []int64) []int64 {
	for p, o := range offsets {
		if o < 0 || o > end[p] {
			offsets[p] = end[p]
		}
	}
	return offsets
}
