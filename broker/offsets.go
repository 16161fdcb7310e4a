package broker

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicID is a topic's id (KIP-516); the zero value where brokers have none.
type topicID [16]byte

// epochLen is how much of an id an epoch keeps: 36 bits tell two topics of one name apart.
const epochLen = 6

// epoch is the first characters of an id as Kafka's tools print it; "0" without one. A
// topic that is re-created on brokers without ids can't be told from the one before.
func (id topicID) epoch() string {
	if id == (topicID{}) {
		return "0"
	}
	return base64.RawURLEncoding.EncodeToString(id[:])[:epochLen]
}

// topicMeta is what brokers say of a topic.
type topicMeta struct {
	id      topicID
	leaders []int32 // by partition; -1 where there is none
	err     error   // why there is nothing else
}

// describe asks any broker for topics by name. It never creates one (allow.auto.create.topics=false).
// The error is that no broker answers; a topic's own error stands with it.
func describe(ctx context.Context, cl *kgo.Client, topics ...string) (map[string]topicMeta, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		req.Topics = append(req.Topics, t)
	}
	kresp, err := cl.Request(ctx, req)
	if err != nil {
		return nil, err
	}
	metas := make(map[string]topicMeta, len(topics))
	for _, name := range topics {
		metas[name] = topicMeta{err: kerr.UnknownTopicOrPartition}
	}
	for _, t := range kresp.(*kmsg.MetadataResponse).Topics {
		if t.Topic == nil {
			continue
		}
		m := topicMeta{id: t.TopicID, err: kerr.ErrorForCode(t.ErrorCode)}
		if m.err == nil {
			m.leaders, m.err = leaders(t.Partitions)
		}
		metas[*t.Topic] = m
	}
	return metas, nil
}

func leaders(partitions []kmsg.MetadataResponseTopicPartition) ([]int32, error) {
	if len(partitions) == 0 {
		return nil, kerr.UnknownTopicOrPartition // known, and not yet spread over the brokers
	}
	all := make([]int32, len(partitions))
	for _, p := range partitions {
		if p.Partition < 0 || int(p.Partition) >= len(all) {
			return nil, fmt.Errorf("broker: %d partitions, and one numbered %d", len(all), p.Partition)
		}
		all[p.Partition] = p.Leader
	}
	return all, nil
}

// Points in a log to ask for beside a time in milliseconds, as ListOffsets has them.
const (
	latest   int64 = -1
	earliest int64 = -2
)

// isolation says what the end of a log is: the high watermark or the last stable offset.
type isolation int8

const (
	uncommitted isolation = 0
	committed   isolation = 1
)

// listOffsets asks a topic's leaders for one offset per partition: the earliest, the latest, or the
// first whose record is not older than at, -1 where there is none. It is all partitions or an error.
func listOffsets(ctx context.Context, cl *kgo.Client, topic string, partitions int, at int64, level isolation) ([]int64, error) {
	offsets, errs := listAll(ctx, cl, map[string]int{topic: partitions}, at, level)
	return offsets[topic], errs[topic]
}

// listAll is listOffsets for several topics in one go. A topic is in one of
// the two maps.
func listAll(ctx context.Context, cl *kgo.Client, partitions map[string]int, at int64, level isolation) (map[string][]int64, map[string]error) {
	const unanswered = -2
	req := kmsg.NewPtrListOffsetsRequest()
	req.IsolationLevel = int8(level)
	offsets, errs := make(map[string][]int64), make(map[string]error)
	for name, n := range partitions {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = name
		offsets[name] = make([]int64, n)
		for p := range n {
			rp := kmsg.NewListOffsetsRequestTopicPartition()
			rp.Partition, rp.Timestamp = int32(p), at
			t.Partitions = append(t.Partitions, rp)
			offsets[name][p] = unanswered
		}
		req.Topics = append(req.Topics, t)
	}
	var broken error
	for _, shard := range cl.RequestSharded(ctx, req) {
		if shard.Err != nil {
			broken = shard.Err
			continue
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					errs[t.Topic] = err
				} else if all := offsets[t.Topic]; p.Partition >= 0 && int(p.Partition) < len(all) {
					all[p.Partition] = p.Offset
				}
			}
		}
	}
	for name, all := range offsets {
		for _, o := range all {
			if o == unanswered && errs[name] == nil {
				if errs[name] = broken; broken == nil {
					errs[name] = errors.New("broker: an answer lacks a partition")
				}
			}
		}
		if errs[name] != nil {
			delete(offsets, name)
		}
	}
	return offsets, errs
}

// offsetsAt returns per partition the first offset whose record is not older than unixMilli, and where there is none
// the last stable offset: what a transaction still open will publish lies beyond that, and is newer.
func offsetsAt(ctx context.Context, cl *kgo.Client, topic string, partitions int, unixMilli int64) ([]int64, error) {
	end, err := listOffsets(ctx, cl, topic, partitions, latest, committed)
	if err != nil {
		return nil, err
	}
	offsets, err := listOffsets(ctx, cl, topic, partitions, max(unixMilli, 0), committed)
	if err != nil {
		return nil, err
	}
	for p, o := range offsets {
		if o < 0 || o > end[p] {
			offsets[p] = end[p]
		}
	}
	return offsets, nil
}
