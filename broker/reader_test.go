package broker

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/broker/record"
	"sluice/stream"
)

// fake is an embedded Kafka with a client to change it by.
type fake struct {
	*kfake.Cluster
	t     *testing.T
	cl    *kgo.Client // produces where a record's Partition says
	admin *kadm.Client
}

func newFake(t *testing.T, opts ...kfake.Opt) *fake {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(2)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	f := &fake{Cluster: c, t: t}
	f.cl = producer(t, c.ListenAddrs()...)
	f.admin = kadm.NewClient(f.cl)
	return f
}

func producer(t *testing.T, brokers ...string) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(50*time.Millisecond), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

func (f *fake) config() Config { return Config{Brokers: f.ListenAddrs()} }

func (f *fake) create(topic string, partitions int32) {
	f.t.Helper()
	if _, err := f.admin.CreateTopic(context.Background(), partitions, 1, nil, topic); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) remove(topic string) {
	f.t.Helper()
	if _, err := f.admin.DeleteTopic(context.Background(), topic); err != nil {
		f.t.Fatal(err)
	}
	f.cl.PurgeTopicsFromClient(topic)
}

func (f *fake) produce(recs ...*kgo.Record) {
	f.t.Helper()
	produceTo(f.t, f.cl, recs...)
}

func produceTo(t *testing.T, cl *kgo.Client, recs ...*kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func recordOf(topic string, partition int32, key, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: []byte(value)}
}

var orders = []StreamConfig{{Name: "orders", Topic: "orders", Record: record.Rules{User: "key"}, Replay: time.Hour}}

func TestReaderWarmsThenFollows(t *testing.T) {
	f := newFake(t)
	f.create("orders", 3)
	for i := range 30 {
		f.produce(recordOf("orders", int32(i%3), "alice", fmt.Sprint(i)))
	}
	sink := newRecorder(t, 1)
	r := follow(t, f.config(), orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if len(s.events) != 30 || len(s.begins) != 1 || len(s.begins[0]) != epochLen {
			t.Errorf("%d events, begun %q; want 30, once", len(s.events), s.begins)
		}
	})
	f.produce(recordOf("orders", 1, "bob", "x"))
	sink.waitEvents(0, 31)
	sink.look(0, func(s *recorded) {
		if last := s.events[30]; last != "1@10 [bob] x" || !slices.Equal(s.next, []int64{10, 11, 10}) {
			t.Errorf("last %q, position %d", last, s.next)
		}
	})
	if s := r.Status()[0]; s.Stream != "orders" || s.Partitions != 3 || !s.Warm || s.Events != 31 || s.Records != 31 || s.Waiting != "" {
		t.Errorf("status %+v", s)
	}
}

func TestReaderBeginsAtItsReplayWindow(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 2)
	old := recordOf("orders", 0, "alice", "old")
	old.Timestamp = time.Now().Add(-2 * time.Hour)
	f.produce(old, recordOf("orders", 0, "alice", "new"))
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.events, []string{"0@1 [alice] new"}) {
			t.Errorf("events %q", s.events)
		}
	})
}

func TestReaderWithNothingToReadIsWarmAtOnce(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 2)
	f.produce(recordOf("orders", 0, "alice", "1"))
	f.create("empty", 1)
	sink := newRecorder(t, 2)
	streams := []StreamConfig{
		{Name: "live", Topic: "orders", Record: record.Rules{User: "key"}}, // no replay: begins at the end
		{Name: "empty", Topic: "empty", Record: record.Rules{User: "key"}, Replay: time.Hour},
	}
	follow(t, f.config(), streams, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.wait(1, "warm", isWarm)
	f.produce(recordOf("orders", 0, "alice", "2"))
	sink.waitEvents(0, 1)
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.events, []string{"0@1 [alice] 2"}) {
			t.Errorf("events %q", s.events)
		}
	})
}

func TestReaderGivesOneTopicToSeveralStreams(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", `{"seller":"bob"}`), recordOf("orders", 0, "", `{"seller":"carol"}`))
	sink := newRecorder(t, 3)
	follow(t, f.config(), []StreamConfig{
		{Name: "buyers", Topic: "orders", Record: record.Rules{User: "key"}, Replay: time.Hour},
		{Name: "sellers", Topic: "orders", Record: record.Rules{User: "value:seller"}, Replay: time.Minute},
		{Name: "all", Topic: "orders", Record: record.Rules{Audience: stream.AudienceEveryone}},
	}, sink, quiet)
	for i := range 3 {
		sink.wait(i, "warm", isWarm)
	}
	for i, want := range [][]string{
		{`0@0 [alice] {"seller":"bob"}`},
		{`0@0 [bob] {"seller":"bob"}`, `0@1 [carol] {"seller":"carol"}`},
		{`0@0 [] {"seller":"bob"}`, `0@1 [] {"seller":"carol"}`},
	} {
		sink.look(i, func(s *recorded) {
			if !slices.Equal(s.events, want) || s.next[0] != 2 {
				t.Errorf("stream %d: %q at %d; want %q at 2", i, s.events, s.next, want)
			}
		})
	}
}

func TestReaderPassesOverWhatIsNoEvent(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	for i := range 40 {
		f.produce(recordOf("orders", 0, "", fmt.Sprint("secret", i)))
	}
	var log logged
	sink := newRecorder(t, 1)
	r := follow(t, f.config(), orders, sink, slog.New(slog.NewTextHandler(&log, nil)))
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if len(s.events) != 0 || s.next[0] != 40 {
			t.Errorf("%d events, position %d; want none at 40", len(s.events), s.next)
		}
		if len(s.refused) != 40 || s.refused[39] != "0@39 no_user" {
			t.Errorf("refused: %q", s.refused)
		}
	})
	if s := r.Status()[0]; s.Refused[record.NoUser] != 40 || s.Events != 0 || s.Records != 40 || s.Behind != 0 {
		t.Errorf("status %+v", s)
	} else if last := s.LastRefused[record.NoUser]; len(s.LastRefused) != 1 || last.Topic != "orders" || last.Partition != 0 || last.Offset != 39 || last.At.IsZero() {
		t.Errorf("the last ones refused: %+v", s.LastRefused)
	}
	if n := strings.Count(log.String(), "no_user"); n != 1 || strings.Contains(log.String(), "secret") {
		t.Errorf("said %d times; want once, without the value:\n%s", n, log.String())
	}
}

func TestReaderWaitsForItsTopic(t *testing.T) {
	f := newFake(t)
	var log logged
	sink := newRecorder(t, 1)
	r := follow(t, f.config(), orders, sink, slog.New(slog.NewTextHandler(&log, nil)))
	waitStatus(t, r, "waiting", func(s Status) bool {
		return s.Waiting == "the topic orders does not exist" && !s.Fetching && !s.Exists && !s.UnreadableSince.IsZero()
	})
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "1"))
	sink.waitEvents(0, 1)
	sink.wait(0, "warm", isWarm)
	waitStatus(t, r, "fetching", func(s Status) bool { return s.Fetching && s.Waiting == "" && s.Exists && s.UnreadableSince.IsZero() })
	if n := strings.Count(log.String(), "does not exist"); n != 1 {
		t.Errorf("said %d times; want once:\n%s", n, log.String())
	}
}

// waitStatus looks until the first stream's status fulfils the condition.
func waitStatus(t *testing.T, r *Reader, what string, fulfilled func(Status) bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !fulfilled(r.Status()[0]) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not %s: %+v", what, r.Status()[0])
		}
	}
}

func TestReaderTakesUpAddedPartitionsFromTheirStart(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 1)
	sink := newRecorder(t, 1)
	follow(t, f.config(), []StreamConfig{{Name: "orders", Topic: "orders", Record: record.Rules{User: "key"}}}, sink, quiet)
	sink.wait(0, "warm", isWarm)
	if _, err := f.admin.CreatePartitions(context.Background(), 2, "orders"); err != nil {
		t.Fatal(err)
	}
	f.produce(recordOf("orders", 2, "alice", "new"), recordOf("orders", 0, "alice", "old"))
	sink.waitEvents(0, 2)
	sink.look(0, func(s *recorded) {
		slices.Sort(s.events)
		if !slices.Equal(s.events, []string{"0@0 [alice] old", "2@0 [alice] new"}) || len(s.begins) != 1 {
			t.Errorf("events %q, begun %q", s.events, s.begins)
		}
	})
}

func TestReaderTakesUpARecreatedTopic(t *testing.T) {
	f := newFake(t)
	f.create("orders", 2)
	f.produce(recordOf("orders", 0, "alice", "a"), recordOf("orders", 0, "alice", "b"), recordOf("orders", 1, "alice", "c"))
	var log logged
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, slog.New(slog.NewTextHandler(&log, nil)))
	sink.waitEvents(0, 3)
	f.remove("orders")
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "bob", "d"))
	sink.waitEvents(0, 4)
	f.produce(recordOf("orders", 0, "bob", "e"))
	sink.waitEvents(0, 5)
	sink.look(0, func(s *recorded) {
		if len(s.begins) != 2 || s.begins[0] == s.begins[1] || !slices.Equal(s.events[3:], []string{"0@0 [bob] d", "0@1 [bob] e"}) || !slices.Equal(s.next, []int64{2}) {
			t.Errorf("begun %q, events %q, position %d", s.begins, s.events, s.next)
		}
	})
	if n := strings.Count(log.String(), "created again"); n != 1 {
		t.Errorf("said %d times; want once:\n%s", n, log.String())
	}
}

func TestReaderSaysWhenRetentionOvertakesIt(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(1))
	f.create("orders", 2)
	f.produce(recordOf("orders", 0, "alice", "a"))
	sink := newRecorder(t, 1)
	// The reader is kept from fetching until the records it would read are gone.
	gone := make(chan struct{})
	held := make(chan struct{}, 1)
	f.ControlKey(1, func(kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case held <- struct{}{}:
		default:
		}
		f.SleepControl(func() { <-gone })
		return nil, nil, false
	})
	follow(t, f.config(), orders, sink, quiet)
	<-held
	for range 5 {
		f.produce(recordOf("orders", 0, "alice", "x"))
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "orders", Partition: 0, At: 4})
	if _, err := f.admin.DeleteRecords(context.Background(), offsets); err != nil {
		t.Fatal(err)
	}
	close(gone)
	sink.waitEvents(0, 2)
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.jumps, []string{"0 retention 0→4"}) || !slices.Equal(s.events, []string{"0@4 [alice] x", "0@5 [alice] x"}) {
			t.Errorf("jumps %q, events %q", s.jumps, s.events)
		}
	})
}
