package broker

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// partitionOffset is a position in a partition.
type partitionOffset struct {
	partition int32
	offset    int64
}

// fetched is what one fetch brought of a partition.
type fetched struct {
	partition        int32
	records          []*kgo.Record // committed ones, without markers, ascending
	next             int64         // after everything that was looked at, records or not
	lastStableOffset int64         // at that moment
	empty            bool          // the broker sent no batch at all
	large            bool          // it ends before a batch that unpacks to too much
	epochs           lineage       // leader epochs of the batches
	err              error
}

const (
	fetchMaxPartitionBytes = 1 << 20 // max.partition.fetch.bytes; a larger batch comes alone
	fetchMaxWaitMillis     = 500     // fetch.max.wait.ms
)

// fetchByName is a Fetch that names its topics. From version 13 on a Fetch names them
// only by id (KIP-516). Brokers may speak that version and still have no ids. That
// happens to new brokers whose inter.broker.protocol.version is below 2.8.
type fetchByName struct{ *kmsg.FetchRequest }

func (fetchByName) MaxVersion() int16 { return 12 }

// fetch asks one broker once for partitions that it leads (read_committed). Unlike a poll
// of the client, it says how far the offsets without a record reach. The topic is named
// by its id, or by its name if the id is zero.
//
// maxBytes bounds the answer. A first batch may be larger, so the caller must put another
// partition first each time.
func fetch(ctx context.Context, cl *kgo.Client, leader int32, topic string, id topicID, offsets []partitionOffset, maxBytes int32) ([]fetched, error) {
	byTopic, err := fetchTopics(ctx, cl, leader, []topicOffsets{{topic, id, offsets}}, maxBytes, fetchMaxWaitMillis)
	return byTopic[topic], err
}

// topicOffsets are positions in one topic.
type topicOffsets struct {
	topic   string
	id      topicID
	offsets []partitionOffset
}

// fetchTopics is fetch for several topics. Either all have an id, or none has. The answer
// is by topic. maxWaitMillis is how long the broker may wait if it has no records.
func fetchTopics(ctx context.Context, cl *kgo.Client, leader int32, topics []topicOffsets, maxBytes, maxWaitMillis int32) (map[string][]fetched, error) {
	if leader < 0 {
		return nil, kerr.LeaderNotAvailable
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = maxWaitMillis
	req.MinBytes = 1
	req.MaxBytes = maxBytes
	req.IsolationLevel = int8(committed)
	var asked kmsg.Request = req
	from := make(map[string]map[int32]int64, len(topics))
	names := make(map[topicID]string, len(topics))
	for _, t := range topics {
		rt := kmsg.NewFetchRequestTopic()
		rt.Topic, rt.TopicID = t.topic, t.id
		names[t.id] = t.topic
		from[t.topic] = make(map[int32]int64, len(t.offsets))
		for _, p := range t.offsets {
			rp := kmsg.NewFetchRequestTopicPartition()
			rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = p.partition, p.offset, fetchMaxPartitionBytes
			rt.Partitions = append(rt.Partitions, rp)
			from[t.topic][p.partition] = p.offset
		}
		req.Topics = append(req.Topics, rt)
		if t.id == (topicID{}) {
			asked = fetchByName{req}
		}
	}
	kresp, err := cl.Broker(int(leader)).Request(ctx, asked)
	if err != nil {
		return nil, err
	}
	resp := kresp.(*kmsg.FetchResponse)
	decompressor := cl.OptValue(kgo.WithDecompressor).(kgo.Decompressor) // the client's own, with its bound
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	byTopic := make(map[string][]fetched, len(topics))
	for i := range resp.Topics {
		t := &resp.Topics[i]
		name := t.Topic
		if resp.Version > (fetchByName{}).MaxVersion() {
			name = names[t.TopicID]
		}
		for i := range t.Partitions {
			p := &t.Partitions[i]
			offset, wanted := from[name][p.Partition]
			if !wanted {
				return nil, fmt.Errorf("an answer of Kafka's has partition %d, which was not asked for", p.Partition)
			}
			delete(from[name], p.Partition)
			byTopic[name] = append(byTopic[name], readFetched(name, offset, p, decompressor))
		}
	}
	return byTopic, nil
}

// readFetched reads the part of an answer that is about one partition. The fetch began at
// offset.
func readFetched(topic string, offset int64, p *kmsg.FetchResponseTopicPartition, decompressor kgo.Decompressor) fetched {
	r := fetched{partition: p.Partition, empty: len(p.RecordBatches) == 0, epochs: epochsOf(p.RecordBatches, offset)}
	got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset:         offset,
		IsolationLevel: kgo.ReadCommitted(),
		Topic:          topic,
		Partition:      p.Partition,
	}, p, decompressor, nil)
	r.records, r.next, r.lastStableOffset, r.err = got.Records, next, got.LastStableOffset, got.Err
	if large, ok := errors.AsType[*kgo.ErrDecompressTooLarge](got.Err); ok { // the reader reports it
		r.next, r.err, r.large = large.NextOffset, nil, true
	}
	return r
}

// fetchedRun is a part of what was fetched whose records have one leader epoch.
type fetchedRun struct {
	records []*kgo.Record
	next    int64 // after its last record, or after all that was looked at
	leader  int32 // -1: not known
}

// runs returns what was fetched up to an offset, by leader epoch. There is at least one
// run, and the last one ends where the fetch did.
func (f *fetched) runs(to int64) []fetchedRun {
	end := min(f.next, to)
	last := sort.Search(len(f.records), func(i int) bool { return f.records[i].Offset >= end })
	rest, epochs := f.records[:last], f.epochs.before(end)
	var runs []fetchedRun
	for i := 1; i < len(epochs); i++ {
		n := sort.Search(len(rest), func(j int) bool { return rest[j].Offset >= epochs[i].start })
		if n > 0 { // else the batches had no record for us
			runs = append(runs, fetchedRun{rest[:n], rest[n-1].Offset + 1, epochs[i-1].epoch})
		}
		rest = rest[n:]
	}
	leader := int32(-1)
	switch n := len(epochs); {
	case n == 0:
	case n == len(f.epochs), len(rest) > 0 && rest[len(rest)-1].Offset+1 == end:
		leader = epochs[n-1].epoch
	} // else there may be a gap before the next epoch, of records that either leader wrote
	return append(runs, fetchedRun{rest, end, leader})
}
