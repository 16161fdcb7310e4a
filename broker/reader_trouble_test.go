package broker

import (
	"context"
	"fmt"
	"hash/crc32"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/broker/record"
)

// two are streams of the topics a and b.
var two = []StreamConfig{{Name: "a", Topic: "a", Record: record.Rules{User: "key"}, Replay: time.Hour}, {Name: "b", Topic: "b", Record: record.Rules{User: "key", Subject: "key"}, Replay: time.Hour, State: true}}

// waitFor looks until the status of one of the streams fulfils the condition.
func waitFor(t *testing.T, r *Reader, stream int, what string, fulfilled func(Status) bool) {
	t.Helper()
	waitAny(t, what, func() (bool, any) { s := r.Status()[stream]; return fulfilled(s), s })
}

func waitAny(t *testing.T, what string, look func() (bool, any)) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, seen := look()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("still not %s: %+v", what, seen)
		}
	}
}

// A broker answers at once when a partition has an error, and what others have comes with
// its next answer.
func TestAForbiddenTopicSlowsNoOther(t *testing.T) {
	f := newFake(t, kfake.NumBrokers(1))
	f.create("a", 1)
	f.create("b", 1)
	id := metadataNow(f, "a").Topics[0].TopicID
	var fetched atomic.Int64
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		q := req.(*kmsg.FetchRequest)
		ofA := func(ft kmsg.FetchRequestTopic) bool { return ft.TopicID == id }
		if !slices.ContainsFunc(q.Topics, ofA) {
			return nil, nil, false
		}
		fetched.Add(1)
		return deniedFetch(q, ofA), nil, true
	})
	sink := newRecorder(t, 2)
	r := follow(t, f.config(), two, sink, quiet)
	sink.wait(1, "warm", isWarm)
	waitFor(t, r, 0, "forbidden", func(s Status) bool { return strings.Contains(s.Waiting, "READ and DESCRIBE") && !s.Fetching })
	waitFor(t, r, 0, "said to be forbidden", func(s Status) bool { return s.Exists && s.Forbidden && !s.UnreadableSince.IsZero() })
	begun, before := time.Now(), fetched.Load()
	for i := range 100 {
		f.produce(recordOf("b", 0, "bob", fmt.Sprint(i)))
		sink.waitEvents(1, i+1)
	}
	if n, most := fetched.Load()-before, 2+int64(time.Since(begun)/faultPause); n > most {
		t.Errorf("the forbidden topic was asked for %d times in %v; want %d at most", n, time.Since(begun), most)
	}
}

func TestATopicWithoutALeaderMakesNoOtherStale(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(3))
	f.create("a", 1)
	f.create("b", 1)
	for topic, node := range map[string]int32{"a": 2, "b": 1} {
		if err := f.MoveTopicPartition(topic, 0, node); err != nil {
			t.Fatal(err)
		}
	}
	leaderless := metadataNow(f, "a").Topics[0]
	leaderless.Partitions[0].Leader = -1
	b := metadataNow(f, "b")
	var gone atomic.Bool
	f.answerMetadata(func(_ int32, req *kmsg.MetadataRequest) *kmsg.MetadataResponse {
		if !gone.Load() {
			return nil
		}
		resp := *b
		resp.Topics = nil
		for _, rt := range req.Topics {
			if *rt.Topic == "a" {
				resp.Topics = append(resp.Topics, leaderless)
			} else {
				resp.Topics = append(resp.Topics, b.Topics[0])
			}
		}
		return &resp
	})
	sink := newRecorder(t, 2)
	cfg := f.config()
	cfg.StaleAfter = 3 * time.Second // longer than a busy machine is silent by itself
	r := follow(t, cfg, two, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.wait(1, "warm", isWarm)
	gone.Store(true)
	waitFor(t, r, 0, "without a leader", func(s Status) bool {
		return !s.StaleSince.IsZero() && slices.Equal(s.Offline, []int32{0}) && strings.Contains(s.Waiting, "no leader")
	})
	f.produce(recordOf("b", 0, "bob", "goes on"))
	sink.waitEvents(1, 1)
	sink.look(1, func(s *recorded) {
		if !s.stale.IsZero() || s.fresh != 0 {
			t.Error("the other topic was called stale")
		}
	})
	gone.Store(false)
	waitFor(t, r, 0, "back", func(s Status) bool { return s.StaleSince.IsZero() && s.Fetching && s.Waiting == "" && s.Offline == nil })
}

func TestABrokerThatHangsMakesStreamsOnOthersNotStale(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(3))
	f.create("orders", 1)
	if err := f.MoveTopicPartition("orders", 0, 1); err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	defer close(release)
	var hangs atomic.Bool
	hung := newCounter()
	f.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if hangs.Load() && f.CurrentNode() == 2 {
			hung.add()
			f.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	sink := newRecorder(t, 1)
	cfg := f.config()
	cfg.StaleAfter = 3 * time.Second
	follow(t, cfg, orders, sink, quiet)
	f.produce(recordOf("orders", 0, "alice", "first"))
	sink.waitEvents(0, 1) // the client fetches: it looks for leaders first, of any broker
	hangs.Store(true)
	hung.wait(1)
	rounds := f.rounds()
	rounds.wait(3)
	f.produce(recordOf("orders", 0, "alice", "x"))
	sink.waitEvents(0, 2)
	sink.look(0, func(s *recorded) {
		if !s.stale.IsZero() || s.fresh != 0 {
			t.Error("the stream was called stale")
		}
	})
}

// meddling is a sink that does something when reading begins, before the first fetch.
type meddling struct {
	*recorder
	do func()
}

func (m *meddling) Begin(stream int, epoch string, start []int64) {
	m.recorder.Begin(stream, epoch, start)
	m.do()
}

func TestRetentionThatPassesTheReaderWhileItBeginsKeepsNoStreamCold(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	for i := range 5 {
		f.produce(recordOf("orders", 0, "alice", fmt.Sprint(i)))
	}
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, &meddling{sink, func() {
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: "orders", Partition: 0, At: 5})
		if _, err := f.admin.DeleteRecords(context.Background(), offsets); err != nil {
			t.Error(err)
		}
	}}, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.jumps, []string{"0 retention 0→5"}) {
			t.Errorf("jumps %q", s.jumps)
		}
	})
}

// What is left of the log's end may be nothing: no batch at all.
func TestManyEndsWithoutABatchAreAskedForTogether(t *testing.T) {
	const n = 24
	f := newFake(t)
	f.create("orders", n)
	for p := range n {
		f.produce(recordOf("orders", int32(p), "alice", "x"), recordOf("orders", int32(p), "alice", "x"))
	}
	probes := newCounter()
	most := 0
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		q := req.(*kmsg.FetchRequest)
		resp := q.ResponseKind().(*kmsg.FetchResponse)
		partitions := 0
		for _, ft := range q.Topics {
			rt := kmsg.FetchResponseTopic{Topic: "orders", TopicID: ft.TopicID}
			for _, p := range ft.Partitions {
				rp := kmsg.NewFetchResponseTopicPartition()
				rp.Partition, rp.HighWatermark, rp.LastStableOffset = p.Partition, 2, 2
				rt.Partitions = append(rt.Partitions, rp)
				partitions++
			}
			resp.Topics = append(resp.Topics, rt)
		}
		if partitions == 0 {
			return nil, nil, false
		}
		if q.MaxWaitMillis == 0 {
			most = max(most, partitions)
			probes.add()
		}
		return resp, nil, true
	})
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	probes.mu.Lock()
	defer probes.mu.Unlock()
	if probes.n > 4 || most < n/3 {
		t.Errorf("%d probes of %d partitions at most; want one of each leader, for all it leads", probes.n, most)
	}
}

// offlineFake is a fake that says of the topic's last partition that it has no leader,
// for as long as offline says so.
func offlineFake(t *testing.T, partitions int32) (f *fake, offline *atomic.Bool) {
	f = newFake(t)
	f.create("orders", partitions)
	offline = new(atomic.Bool)
	offline.Store(true)
	m := metadataNow(f, "orders")
	for i := range m.Topics[0].Partitions {
		if p := &m.Topics[0].Partitions[i]; p.Partition == partitions-1 {
			p.Leader, p.ErrorCode = -1, kerr.LeaderNotAvailable.Code
		}
	}
	f.answerMetadata(func(_ int32, req *kmsg.MetadataRequest) *kmsg.MetadataResponse {
		if !offline.Load() {
			return nil
		}
		return m
	})
	return f, offline
}

func TestAPartitionWithoutALeaderTakesItsStreamNotOut(t *testing.T) {
	t.Parallel()
	f, offline := offlineFake(t, 3)
	var log logged
	sink := newRecorder(t, 1)
	cfg := f.config()
	cfg.StaleAfter, cfg.OfflineHold = 300*time.Millisecond, 500*time.Millisecond
	r := follow(t, cfg, orders, sink, slog.New(slog.NewTextHandler(&log, nil)))
	sink.wait(0, "warm", isWarm)
	f.produce(recordOf("orders", 0, "alice", "read"), recordOf("orders", 1, "alice", "read too"))
	sink.waitEvents(0, 2)
	waitStatus(t, r, "saying which", func(s Status) bool {
		return s.Fetching && s.Warm && s.Exists && s.UnreadableSince.IsZero() && s.StaleSince.IsZero() && slices.Equal(s.Offline, []int32{2}) && s.Waiting == "partition 2 has no leader that answers"
	})
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	if got, err := collect(t, h, b.Epoch, []int64{0, 0, 0}, []int64{1, 1, 0}); err != nil || len(got.events) != 2 {
		t.Errorf("history: %q, %v; want what has a leader", got.events, err)
	}
	offline.Store(false)
	f.produce(recordOf("orders", 2, "alice", "late"))
	sink.waitEvents(0, 3)
	waitStatus(t, r, "whole", func(s Status) bool {
		return s.Waiting == "" && s.Offline == nil && s.Behind == 0 && s.UnreadableSince.IsZero()
	})
	sink.look(0, func(s *recorded) {
		if len(s.begins) != 1 || s.events[2] != "2@0 [alice] late" {
			t.Errorf("begun %q, events %q", s.begins, s.events)
		}
	})
	if n := strings.Count(log.String(), "partition 2 has no leader"); n != 1 {
		t.Errorf("said %d times:\n%s", n, log.String())
	}
}

// Without a replay window a partition that comes back is read from where it ended, not
// from where it ends when it is first seen.
func TestAPartitionThatComesBackIsReadFromWhereItEnded(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 2)
	for range 3 {
		f.produce(recordOf("orders", 1, "alice", "long before"))
	}
	var offline atomic.Bool
	offline.Store(true)
	m := metadataNow(f, "orders")
	for i := range m.Topics[0].Partitions {
		if p := &m.Topics[0].Partitions[i]; p.Partition == 1 {
			p.Leader = -1
		}
	}
	f.answerMetadata(func(int32, *kmsg.MetadataRequest) *kmsg.MetadataResponse {
		if !offline.Load() {
			return nil
		}
		return m
	})
	sink := newRecorder(t, 1)
	cfg := f.config()
	cfg.OfflineHold = 100 * time.Millisecond
	follow(t, cfg, live, sink, quiet)
	sink.wait(0, "warm", isWarm)
	if err := f.MoveTopicPartition("orders", 1, 1-f.LeaderFor("orders", 1)); err != nil { // elected again: the epoch is another
		t.Fatal(err)
	}
	f.produceTo(f.LeaderFor("orders", 1), &m.Topics[0], 1, "alice", "before it is seen")
	offline.Store(false)
	sink.waitEvents(0, 1)
	sink.look(0, func(s *recorded) {
		if !slices.Equal(s.events, []string{"1@3 [alice] before it is seen"}) {
			t.Errorf("events %q", s.events)
		}
	})
}

// produceTo produces one record to a broker, whatever brokers say of who leads the
// partition.
func (f *fake) produceTo(node int32, topic *kmsg.MetadataResponseTopic, partition int32, key, value string) {
	f.t.Helper()
	rec := kmsg.Record{Key: []byte(key), Value: []byte(value)}
	rec.Length = int32(len(rec.AppendTo(nil)) - 1)
	b := kmsg.RecordBatch{
		Magic: 2, PartitionLeaderEpoch: -1, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		FirstTimestamp: time.Now().UnixMilli(), MaxTimestamp: time.Now().UnixMilli(), NumRecords: 1, Records: rec.AppendTo(nil),
	}
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	b.CRC = int32(crc32.Checksum(b.AppendTo(nil)[21:], crc32.MakeTable(crc32.Castagnoli)))
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 5000
	rt := kmsg.NewProduceRequestTopic()
	rt.Topic, rt.TopicID = *topic.Topic, topic.TopicID
	rp := kmsg.NewProduceRequestTopicPartition()
	rp.Partition, rp.Records = partition, b.AppendTo(nil)
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	kresp, err := f.cl.Broker(int(node)).Request(f.t.Context(), req)
	if err == nil {
		err = kerr.ErrorForCode(kresp.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		f.t.Fatal(err)
	}
}
