package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/record"
)

// bomb produces a record of so many zeros, gzipped to a thousandth of that.
func (f *fake) bomb(size int) {
	f.t.Helper()
	f.bombTopic("orders", size)
}

func (f *fake) bombTopic(topic string, size int) {
	f.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(f.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerBatchMaxBytes(1<<30), kgo.BrokerMaxWriteBytes(1<<30))
	if err != nil {
		f.t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(f.t.Context(), &kgo.Record{Topic: topic, Key: []byte("alice"), Value: make([]byte, size)}).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

// What follows is read by the reader and by catch-up alike.
func TestABatchThatUnpacksToTooMuchIsPassedOver(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "before"))
	f.bomb(minBatchBytes + 1)
	f.bomb(record.DefaultMaxBytes + 1) // unpacked, and then too large
	f.produce(recordOf("orders", 0, "alice", "after"))

	h := openHistory(t, f.config(), orders)
	got, err := collect(t, h, bounds(t, h).Epoch, []int64{0}, []int64{4})
	if want := "[before after]"; err != nil || !strings.Contains(fmt.Sprint(got.events), "before") || len(got.events) != 2 {
		t.Errorf("history: %q, %v; want %s", got.events, err, want)
	}

	streams := []StreamConfig{{Name: "orders", Topic: "orders", Record: record.Rules{User: "key"}, Replay: orders[0].Replay}}
	streams[0].Replay = 1 << 40
	sink := newRecorder(t, 1)
	r := follow(t, f.config(), streams, sink, quiet)
	sink.waitEvents(0, 2)
	sink.wait(0, "the end", func(s *recorded) bool { return s.next[0] == 4 })
	s := r.Status()[0]
	if s.Refused[record.BatchTooLarge] != 1 || s.Refused[record.RecordTooLarge] != 1 || s.Records != 4 {
		t.Errorf("%d records, refused %v", s.Records, s.Refused)
	} else if len(s.LastRefused) != 2 {
		t.Errorf("the last ones: %+v", s.LastRefused)
	}
	f.produce(recordOf("orders", 0, "alice", "live"))
	sink.waitEvents(0, 3)
}

// Live, the reader stands at the bomb and not before it.
func TestABatchThatUnpacksToTooMuchStopsNoReader(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 1)
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	for i := range 3 {
		f.bomb(minBatchBytes + 1)
		f.produce(recordOf("orders", 0, "alice", fmt.Sprint(i)))
	}
	sink.waitEvents(0, 3)
}
