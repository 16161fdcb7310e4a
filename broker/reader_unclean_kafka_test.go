package broker

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/broker/record"
	"sluice/stream"
)

// An unclean election: five records were only on the leader that is gone, and the new one
// writes others at their offsets, past where readers stand (KIP-320). Nothing of what is
// there now is left out, and what is gone is told.
func TestKafkaUncleanElectionThatTheLogHasOutgrown(t *testing.T) {
	c := kafkatest.StartReplicated(t)
	const topic = "orders"
	// Partition 0 is the one that loses records, 1 stays whole, 2 loses what no reader
	// has read.
	c.CreateTopic(t, topic, [][]int32{{2, 3}, {1, 3}, {2, 3}}, "unclean.leader.election.enable=true")
	cl := c.Client(t, manual)
	write := func(partition int32, from, to int) {
		for i := from; i < to; i++ {
			produceTo(t, cl, recordOf(topic, partition, "alice", fmt.Sprint(i)))
		}
	}
	isr := func(ids ...int32) func(kadm.PartitionDetail) bool {
		return func(p kadm.PartitionDetail) bool {
			return p.Partition == 1 || slices.Equal(p.ISR, ids) && p.Leader == ids[0]
		}
	}
	cfg := Config{Brokers: c.Brokers()}
	write(0, 0, 3)
	write(1, 0, 3)
	write(2, 0, 3)
	kept := leaderEpoch(t, cl, topic) // of the records that all brokers have
	c.Kill(3)
	c.Await(t, topic, "without broker 3", isr(2))
	write(0, 3, 8)

	read := newRecorder(t, 1) // has read the records that will be gone
	follow(t, cfg, named(topic), read, quiet)
	read.waitEvents(0, 14)
	stands := newRecorder(t, 1) // has read nothing, and stands behind them
	follow(t, cfg, []StreamConfig{{Name: "orders", Topic: topic, Record: record.Rules{User: "key"}}}, stands, quiet)
	stands.wait(0, "warm", isWarm)
	h := openHistory(t, cfg, named(topic))
	before := bounds(t, h)
	old := leaderEpoch(t, h.cl, topic) // the same, but for a busy machine on which the leader moved meanwhile

	c.Kill(2)
	c.Start(3)
	c.Await(t, topic, "led by broker 3", isr(3))
	cl = c.Client(t, manual)
	write(0, 100, 110) // at the offsets 3 to 12
	write(2, 100, 102)

	for name, sink := range map[string]*recorder{"one that has read them": read, "one that stands behind them": stands} {
		sink.wait(0, name+" at the end", func(s *recorded) bool { return slices.Equal(s.next, []int64{13, 3, 5}) })
		sink.look(0, func(s *recorded) {
			if !slices.Equal(s.jumps, []string{"0 truncated 8→3"}) {
				t.Errorf("%s: jumps %q", name, s.jumps)
			}
			for i := range 10 {
				if want := fmt.Sprintf("0@%d [alice] %d", 3+i, 100+i); !slices.Contains(s.events, want) {
					t.Errorf("%s: %q is missing of %q", name, want, s.events)
				}
			}
			if s.begins[0] != before.Epoch || len(s.begins) != 1 {
				t.Errorf("%s: begun %q", name, s.begins)
			}
		})
	}
	after := bounds(t, h)
	ends, err := h.EpochEnds(context.Background(), 0, []int32{old, -1, old})
	if err != nil || ends[0] != (stream.EpochEnd{Epoch: kept, End: 3}) || ends[1].Epoch != -1 || ends[2] != (stream.EpochEnd{Epoch: kept, End: 3}) {
		t.Errorf("epoch %d ended at %+v, %v; want epoch %d at 3 in the partitions 0 and 2, which now end at %v", old, ends, err, kept, after.End)
	}

	// One that begins afterwards knows the same of the log as those that lived through
	// it.
	late := newRecorder(t, 1)
	follow(t, cfg, []StreamConfig{{Name: "orders", Topic: topic, Record: record.Rules{User: "key"}}}, late, quiet)
	late.wait(0, "warm", isWarm)
	late.look(0, func(s *recorded) {
		if want := fmt.Sprintf("0@0 epoch %d", kept); !slices.Contains(s.epochs, want) {
			t.Errorf("told %q; want %q among it", s.epochs, want)
		}
		if !slices.ContainsFunc(s.epochs, func(e string) bool {
			var p, at, epoch int
			n, _ := fmt.Sscanf(e, "%d@%d epoch %d", &p, &at, &epoch)
			return n == 3 && p == 0 && at == 3 && epoch > int(old)
		}) {
			t.Errorf("told %q; want a newer epoch from 3", s.epochs)
		}
	})
}

// leaderEpoch returns the leader epoch of partition 0.
func leaderEpoch(t *testing.T, cl *kgo.Client, topic string) int32 {
	t.Helper()
	m, err := describe(t.Context(), cl, topic)
	if err != nil {
		t.Fatal(err)
	}
	return m[topic].epochs[0]
}
