package deliver

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const commitTimeout = 5 * time.Second

// commit commits how far partitions are done; no ids: all. What fails is committed the
// next time: until then it may be delivered again.
//
// One commit is under way at a time. Otherwise an older one could come after the last one
// of a partition that is given up, and take back what its next owner has committed.
func (d *Delivery) commit(ctx context.Context, member *kgo.Client, of ...partitionID) {
	d.committing.Lock()
	defer d.committing.Unlock()
	done := d.engine.committable(of...)
	if len(done) == 0 {
		return
	}
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for id, at := range done {
		if offsets[id.topic] == nil {
			offsets[id.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[id.topic][id.num] = at
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	ctx = kgo.PreCommitFnContext(ctx, d.nameTopic)
	member.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			return
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if kerr.ErrorForCode(p.ErrorCode) != nil {
					delete(done, partitionID{t.Topic, p.Partition})
				}
			}
		}
		d.engine.committed(done)
	})
}

// nameTopic writes each topic's id next to its offsets, so that a topic that was created
// anew is noticed.
func (d *Delivery) nameTopic(req *kmsg.OffsetCommitRequest) error {
	topics := d.reads()
	for i := range req.Topics {
		id := topics[req.Topics[i].Topic].String()
		for j := range req.Topics[i].Partitions {
			req.Topics[i].Partitions[j].Metadata = &id
		}
	}
	return nil
}
