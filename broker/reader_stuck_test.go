package broker

import (
	"context"
	"hash/crc32"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/stream"
)

// emptied is a batch of offsets from first to last of which compaction left no record, as
// the cleaner keeps it for the producer's sake.
func emptied(first, last int64) []byte {
	b := kmsg.RecordBatch{
		FirstOffset: first, LastOffsetDelta: int32(last - first), Magic: 2,
		PartitionLeaderEpoch: 0, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
	}
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	raw := b.AppendTo(nil)
	b.CRC = int32(crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b.AppendTo(nil)
}

// withHole is a fake whose log ends in two offsets without a record: as an empty batch,
// or without any.
func withHole(t *testing.T, batch []byte) *fake {
	f := newFake(t)
	f.create("orders", 1)
	for range 5 {
		f.produce(recordOf("orders", 0, "alice", "x"))
	}
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		q := req.(*kmsg.FetchRequest)
		if len(q.Topics) == 0 || q.Topics[0].Partitions[0].FetchOffset != 3 {
			return nil, nil, false
		}
		resp := q.ResponseKind().(*kmsg.FetchResponse)
		p := kmsg.NewFetchResponseTopicPartition()
		p.HighWatermark, p.LastStableOffset, p.RecordBatches = 5, 5, batch
		resp.Topics = append(resp.Topics, kmsg.FetchResponseTopic{Topic: "orders", TopicID: q.Topics[0].TopicID, Partitions: []kmsg.FetchResponseTopicPartition{p}})
		return resp, nil, true
	})
	return f
}

func TestAnEndThatCompactionEmptiedIsNothingToWaitFor(t *testing.T) {
	for name, batch := range map[string][]byte{"an empty batch": emptied(3, 4), "no batch": nil} {
		t.Run(name, func(t *testing.T) {
			f := withHole(t, batch)
			h := openHistory(t, f.config(), orders)
			b := bounds(t, h)
			if got, err := collect(t, h, b.Epoch, []int64{3}, []int64{5}); err != nil || len(got.events) != 0 {
				t.Errorf("history: %q, %v; want nothing, up to the end", got.events, err)
			}

			// The reader is made to stand at 3, as one that has read up to there.
			sink := newRecorder(t, 1)
			r, err := NewReader(f.config(), orders, sink, quiet)
			if err != nil {
				t.Fatal(err)
			}
			if r.cl, err = kgo.NewClient(r.opts...); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(r.cl.Close)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			metas, err := describe(ctx, r.cl, "orders")
			if err != nil {
				t.Fatal(err)
			}
			tp := r.topics["orders"]
			tp.begun, tp.id, tp.next, tp.base, tp.warmOffsets = true, metas["orders"].id, []int64{3}, []int64{3}, []int64{5}
			sink.Begin(0, "e", tp.next)
			for range 3 { // the first notes the end, the second that nothing moved
				if !r.watchOnce(ctx) {
					t.Fatal("the reader's round failed")
				}
			}
			sink.wait(0, "warm", isWarm)
			if batch != nil && (tp.next[0] != 5 || tp.behind() != 0) {
				t.Errorf("position %d, %d behind; want it to have passed over the batch", tp.next[0], tp.behind())
			}
		})
	}
}

func TestAHoleIsNotTakenForGrantedWithRemoteStorage(t *testing.T) {
	t.Parallel()
	f := withHole(t, nil)
	f.ControlKey(int16(kmsg.DescribeConfigs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		resp := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
		r := kmsg.NewDescribeConfigsResponseResource()
		r.ResourceName = "orders"
		c := kmsg.NewDescribeConfigsResponseResourceConfig()
		c.Name, c.Value = "remote.storage.enable", kmsg.StringPtr("true")
		r.Configs = append(r.Configs, c)
		resp.Resources = append(resp.Resources, r)
		return resp, nil, true
	})
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	err := h.Read(context.Background(), 0, b.Epoch, []int64{3}, []int64{5}, func(stream.HistoryRun) error {
		t.Error("something was emitted")
		return nil
	})
	if err == nil {
		t.Error("the read ended as if all had been read")
	}
}
