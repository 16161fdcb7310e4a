package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// place is an offset of a partition.
type place struct {
	partition int32
	offset    int64
}

// run is what one fetch brought of a partition.
type run struct {
	partition int32
	records   []*kgo.Record // committed ones only, no markers, ascending
	next      int64         // the position after all that was looked at: markers, aborted records, holes and batches that unpack to too much
	stable    int64         // the last stable offset at that moment
	empty     bool          // the broker sent no batch at all
	err       error
}

const (
	fetchMaxPartitionBytes = 1 << 20 // max.partition.fetch.bytes; a larger batch comes alone
	fetchMaxWaitMillis     = 500     // fetch.max.wait.ms
)

// fetch asks one broker once, read_committed, for partitions of a topic that it leads. Unlike a
// poll of the client it says where reading stands after what is no record. maxBytes bounds the answer,
// but for a first batch that is larger: put another partition first each time.
func fetch(ctx context.Context, cl *kgo.Client, leader int32, topic string, id topicID, places []place, maxBytes int32) ([]run, error) {
	if leader < 0 {
		return nil, kerr.LeaderNotAvailable
	}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = fetchMaxWaitMillis
	req.MinBytes = 1
	req.MaxBytes = maxBytes
	req.IsolationLevel = int8(committed)
	rt := kmsg.NewFetchRequestTopic()
	rt.Topic, rt.TopicID = topic, id
	from := make(map[int32]int64, len(places))
	for _, p := range places {
		rp := kmsg.NewFetchRequestTopicPartition()
		rp.Partition, rp.FetchOffset, rp.PartitionMaxBytes = p.partition, p.offset, fetchMaxPartitionBytes
		rt.Partitions = append(rt.Partitions, rp)
		from[p.partition] = p.offset
	}
	req.Topics = append(req.Topics, rt)

	kresp, err := cl.Broker(int(leader)).Request(ctx, req)
	if err != nil {
		return nil, err
	}
	resp := kresp.(*kmsg.FetchResponse)
	decompressor := cl.OptValue(kgo.WithDecompressor).(kgo.Decompressor) // the client's own, with its bound
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	var runs []run
	for _, t := range resp.Topics {
		for i := range t.Partitions {
			p := &t.Partitions[i]
			offset, asked := from[p.Partition]
			if !asked {
				return nil, fmt.Errorf("broker: an answer has partition %d, which was not asked for", p.Partition)
			}
			delete(from, p.Partition)
			got, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
				Offset:         offset,
				IsolationLevel: kgo.ReadCommitted(),
				Topic:          topic,
				Partition:      p.Partition,
			}, p, decompressor, nil)
			r := run{
				partition: p.Partition,
				records:   got.Records,
				next:      next,
				stable:    got.LastStableOffset,
				empty:     len(p.RecordBatches) == 0,
				err:       got.Err,
			}
			if large, ok := errors.AsType[*kgo.ErrDecompressTooLarge](got.Err); ok { // the reader reports it
				r.next, r.err = large.NextOffset, nil
			}
			runs = append(runs, r)
		}
	}
	return runs, nil
}
