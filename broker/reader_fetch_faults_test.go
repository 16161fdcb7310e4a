package broker

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/stream"
)

// failFetches has a fake answer fetches of some partitions with an error until cured.
func (f *fake) failFetches(code int16, fails func(partition int32) bool) (cure func()) {
	var cured atomic.Bool
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		q := req.(*kmsg.FetchRequest)
		if cured.Load() {
			return nil, nil, false
		}
		resp := deniedFetch(q, func(kmsg.FetchRequestTopic) bool { return true })
		failing := false
		for i := range resp.Topics {
			var left []kmsg.FetchResponseTopicPartition
			for _, p := range resp.Topics[i].Partitions {
				if p.ErrorCode = code; fails(p.Partition) {
					left, failing = append(left, p), true
				}
			}
			resp.Topics[i].Partitions = left
		}
		return resp, nil, failing
	})
	return func() { cured.Store(true) }
}

func everyPartition(int32) bool { return true }

// soonStale is a configuration under which a fault lasts after a moment.
func (f *fake) soonStale() Config {
	cfg := f.config()
	cfg.StaleAfter = 500 * time.Millisecond
	return cfg
}

func isStale(s *recorded) bool { return !s.stale.IsZero() }

// Whatever fetching fails with, and whether the client says it or tries again by itself.
func TestALastingFetchErrorMakesTheStreamStale(t *testing.T) {
	t.Parallel()
	for _, fault := range []*kerr.Error{
		kerr.TopicAuthorizationFailed, kerr.UnknownServerError, kerr.CorruptMessage, kerr.KafkaStorageError,
		kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.OffsetOutOfRange, kerr.FencedLeaderEpoch,
	} {
		t.Run(fault.Message, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, kfake.NumBrokers(1))
			f.create("orders", 1)
			cure := f.failFetches(fault.Code, everyPartition)
			sink := newRecorder(t, 1)
			r := follow(t, f.soonStale(), orders, sink, quiet)
			sink.wait(0, "warm", isWarm)
			f.produce(recordOf("orders", 0, "alice", "unseen"))
			sink.wait(0, "stale", isStale)
			waitStatus(t, r, "said", func(s Status) bool {
				return !s.Fetching && s.Waiting != "" && !s.StaleSince.IsZero() && s.Behind == 1
			})
			cure()
			sink.waitEvents(0, 1)
			sink.wait(0, "fresh", func(s *recorded) bool { return s.stale.IsZero() })
			waitStatus(t, r, "well", func(s Status) bool { return s.Fetching && s.Waiting == "" && s.StaleSince.IsZero() && s.Behind == 0 })
		})
	}
}

func TestAFetchThatHangsMakesTheStreamStale(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(1))
	f.create("orders", 1)
	sink := newRecorder(t, 1)
	r := follow(t, f.soonStale(), orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	release := make(chan struct{})
	hung := newCounter()
	var cured atomic.Bool
	f.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if !cured.Load() {
			hung.add()
			f.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	hung.wait(1)
	f.produce(recordOf("orders", 0, "alice", "unseen"))
	sink.wait(0, "stale", isStale)
	waitStatus(t, r, "said", func(s Status) bool { return s.Waiting == notDelivered && !s.Fetching && s.Behind == 1 })
	cured.Store(true)
	close(release)
	sink.waitEvents(0, 1)
	sink.wait(0, "fresh", func(s *recorded) bool { return s.stale.IsZero() })
}

// As partitions without a leader do, one that fails makes the stream not stale while
// others are read; it is no flood in the log either.
func TestOnePartitionThatFailsIsSaidOnceAndNotStaleWhileOthersAreRead(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(1))
	f.create("orders", 2)
	f.failFetches(kerr.UnknownServerError.Code, func(p int32) bool { return p == 0 })
	var log logged
	sink := newRecorder(t, 1)
	cfg := f.soonStale()
	cfg.Refresh = 2 * time.Second // a fault that doesn't come again is over; tries of a busy machine are far apart
	r := follow(t, cfg, orders, sink, slog.New(slog.NewTextHandler(&log, nil)))
	sink.wait(0, "warm", isWarm)
	waitStatus(t, r, "failing", func(s Status) bool { return !s.Fetching })
	sink.wait(0, "stale: no fetch succeeds that anybody sees", isStale)
	for i := range 2 { // a success that is seen
		f.produce(recordOf("orders", 1, "bob", "x"))
		sink.waitEvents(0, i+1)
		rounds := f.rounds()
		rounds.wait(2)
	}
	sink.look(0, func(s *recorded) {
		if isStale(s) || s.fresh != 1 {
			t.Errorf("stale since %v, fresh again %d times; want fresh, once", s.stale, s.fresh)
		}
	})
	if s := r.Status()[0]; s.Fetching || s.Waiting == "" {
		t.Errorf("status %+v; want the partition's fault", s)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings; want one:\n%s", n, log.String())
	}
}

func TestLagIsNotKnownWhileKafkaIsAway(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(1))
	f.create("orders", 2)
	sink := newRecorder(t, 1)
	r := follow(t, f.soonStale(), orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	waitStatus(t, r, "at the end", func(s Status) bool { return s.Behind == 0 })
	f.Close()
	waitStatus(t, r, "not known", func(s Status) bool {
		return s.Behind == -1 && s.LSOLag == -1 && len(s.LastStableOffsets) == 2 && s.LastStableOffsets[0] == -1 && !s.StaleSince.IsZero()
	})
}

func TestWhatAnOpenTransactionHoldsBackIsCounted(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(1))
	f.create("orders", 1)
	sink := newRecorder(t, 1)
	cfg := f.config()
	cfg.HighWatermarks = 50 * time.Millisecond
	r := follow(t, cfg, orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	waitStatus(t, r, "without a transaction", func(s Status) bool { return s.LSOLag == 0 })
	tx := open(t, f.ListenAddrs(), recordOf("orders", 0, "alice", "late"))
	f.produce(recordOf("orders", 0, "bob", "behind it"), recordOf("orders", 0, "bob", "and this"), recordOf("orders", 0, "bob", "and that"))
	waitStatus(t, r, "held back", func(s Status) bool { return s.LSOLag == 4 && s.Behind == 0 && s.Fetching })
	if err := tx.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	sink.waitEvents(0, 4)
	waitStatus(t, r, "let go", func(s Status) bool { return s.LSOLag == 0 })
}

func TestJumpsOfTheReaderAreCountedByReason(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	sink := newRecorder(t, 1)
	r := follow(t, f.config(), orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	r.mu.Lock()
	r.jump(r.topics["orders"], 0, stream.ReasonTruncated, 0)
	r.mu.Unlock()
	f.remove("orders")
	waitStatus(t, r, "gone", func(s Status) bool { return !s.Exists })
	f.create("orders", 1)
	waitStatus(t, r, "counted", func(s Status) bool {
		return s.Jumps[stream.ReasonTruncated] == 1 && s.Jumps[stream.ReasonRecreated] == 1 && s.Jumps[stream.ReasonRetention] == 0 && len(s.Jumps) == 3
	})
}
