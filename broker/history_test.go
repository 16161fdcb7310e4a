package broker

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/stream"
)

func openHistory(t *testing.T, cfg Config, streams []StreamConfig) *History {
	t.Helper()
	h, err := NewHistory(cfg, streams, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// collected is what a read gave: events as "partition@offset data", and the last position
// by partition.
type collected struct {
	events []string
	next   map[int32]int64
}

// collect reads and checks what stream.History promises of emit.
func collect(t *testing.T, h *History, epoch string, from, to []int64) (collected, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := collected{next: make(map[int32]int64)}
	err := h.Read(ctx, 0, epoch, from, to, func(run stream.HistoryRun) error {
		partition, next := run.Partition, run.Next
		at, seen := c.next[partition]
		if !seen {
			at = from[partition]
		}
		if next <= at {
			t.Errorf("partition %d: emitted at %d, which was reached", partition, next)
		}
		for _, ev := range run.Events {
			if ev.Partition != partition || ev.Offset < at || ev.Offset >= next || ev.Offset >= to[partition] {
				t.Errorf("event %d@%d in a run of %d from %d to %d", ev.Partition, ev.Offset, partition, at, next)
			}
			at = ev.Offset + 1
			c.events = append(c.events, fmt.Sprintf("%d@%d %s", ev.Partition, ev.Offset, ev.Data))
		}
		c.next[partition] = next
		return nil
	})
	if err == nil {
		for p := range to {
			if from[p] < to[p] && c.next[int32(p)] < to[p] {
				t.Errorf("partition %d ended at %d; want %d", p, c.next[int32(p)], to[p])
			}
		}
	}
	slices.Sort(c.events)
	return c, err
}

func bounds(t *testing.T, h *History) stream.Bounds {
	t.Helper()
	b, err := h.Bounds(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestHistoryReadsExactlyWhatIsAsked(t *testing.T) {
	f := newFake(t)
	f.create("orders", 4)
	var want []string
	big := strings.Repeat("x", 100_000)
	for i := range 60 {
		p, o := int32(i%3), i/3 // partition 3 stays empty
		f.produce(recordOf("orders", p, "alice", fmt.Sprint(i, big)))
		if o >= 5 && o < 15 && p < 2 {
			want = append(want, fmt.Sprintf("%d@%d %d%s", p, o, i, " "+big))
		}
	}
	slices.Sort(want)
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	if !slices.Equal(b.Start, []int64{0, 0, 0, 0}) || !slices.Equal(b.End, []int64{20, 20, 20, 0}) || b.Compacted != nil || len(b.Epoch) != epochLen {
		t.Errorf("bounds %+v", b)
	}
	got, err := collect(t, h, b.Epoch, []int64{5, 5, 20, 0}, []int64{15, 15, 20, 0})
	if err != nil || len(got.events) != len(want) {
		t.Fatalf("%d events, %v; want %d", len(got.events), err, len(want))
	}
	for i := range want {
		if strings.Fields(got.events[i])[0] != strings.Fields(want[i])[0] {
			t.Fatalf("event %d is %.20s; want %.20s", i, got.events[i], want[i])
		}
	}
}

func TestHistoryPassesOverAbortedTransactions(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "plain"))
	transact(t, f.ListenAddrs(), kgo.TryCommit, recordOf("orders", 0, "alice", "committed"))
	transact(t, f.ListenAddrs(), kgo.TryAbort, recordOf("orders", 0, "alice", "aborted"))
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	got, err := collect(t, h, b.Epoch, b.Start, b.End)
	if want := []string{"0@0 plain", "0@1 committed"}; err != nil || !slices.Equal(got.events, want) || got.next[0] != b.End[0] {
		t.Errorf("events %q to %d, %v; want %q to %d", got.events, got.next, err, want, b.End[0])
	}
	sink := newRecorder(t, 1)
	follow(t, f.config(), orders, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if len(s.events) != 2 || s.next[0] != b.End[0] {
			t.Errorf("the reader has %q, position %d; want 2 to %d", s.events, s.next, b.End[0])
		}
	})
}

// transact produces in a new transaction and ends it.
func transact(t *testing.T, brokers []string, end kgo.TransactionEndTry, recs ...*kgo.Record) {
	t.Helper()
	cl := open(t, brokers, recs...)
	if err := cl.EndTransaction(context.Background(), end); err != nil {
		t.Fatal(err)
	}
}

var transactions atomic.Int64

// open produces in a new transaction and leaves it open.
func open(t *testing.T, brokers []string, recs ...*kgo.Record) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.TransactionalID(fmt.Sprint("tx", transactions.Add(1))), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produceTo(t, cl, recs...)
	return cl
}

func TestHistoryWaitsForAnOpenTransaction(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "plain"))
	tx := open(t, f.ListenAddrs(), recordOf("orders", 0, "alice", "late"))
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	first := make(chan struct{})
	var events []string
	read := make(chan error, 1)
	go func() {
		once := sync.OnceFunc(func() { close(first) })
		read <- h.Read(context.Background(), 0, b.Epoch, b.Start, b.End, func(run stream.HistoryRun) error {
			for _, ev := range run.Events {
				events = append(events, string(ev.Data))
			}
			once()
			return nil
		})
	}()
	<-first
	if err := tx.EndTransaction(context.Background(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil || !slices.Equal(events, []string{"plain", "late"}) {
		t.Errorf("events %q, %v", events, err)
	}
}

func TestHistoryReadsACompactedTopic(t *testing.T) {
	f := newFake(t)
	_, err := f.admin.CreateTopic(context.Background(), 1, 1, map[string]*string{
		"cleanup.policy": kadm.StringPtr("compact"), "delete.retention.ms": kadm.StringPtr("60000"), "segment.bytes": kadm.StringPtr("200"),
		"min.cleanable.dirty.ratio": kadm.StringPtr("0"),
	}, "orders")
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	for i := range 20 {
		key := "alice"
		if i == 0 {
			key = "bob" // stays, so that the log still begins at 0
		}
		rec := recordOf("orders", 0, key, fmt.Sprint(i))
		rec.Timestamp = old.Add(time.Duration(i) * time.Second)
		f.produce(rec)
	}
	f.Compact()
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	if !slices.Equal(b.Compacted, []int64{20}) {
		t.Errorf("compacted below %d; want 20, as all is older than delete.retention.ms", b.Compacted)
	}
	got, err := collect(t, h, b.Epoch, b.Start, b.End)
	if err != nil || len(got.events) >= 20 || !slices.Contains(got.events, "0@19 19") {
		t.Errorf("events %q, %v; want fewer than 20, with the last", got.events, err)
	}
	// A position in the middle of a hole, and an end in one.
	if got, err = collect(t, h, b.Epoch, []int64{3}, []int64{9}); err != nil {
		t.Errorf("events %q, %v", got.events, err)
	}
}

func TestHistorySaysWhatIsGone(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 2)
	for range 5 {
		f.produce(recordOf("orders", 1, "alice", "x"))
	}
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "orders", Partition: 1, At: 3})
	if _, err := f.admin.DeleteRecords(context.Background(), offsets); err != nil {
		t.Fatal(err)
	}
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	_, err := collect(t, h, b.Epoch, []int64{0, 1}, []int64{0, 5})
	var gone *stream.GoneError
	if !errors.As(err, &gone) || gone.Partition != 1 || gone.Start != 3 {
		t.Errorf("err = %v; want partition 1 gone below 3", err)
	}
	if _, err := collect(t, h, "AAAAAA", b.Start, b.End); !errors.Is(err, stream.ErrRecreated) {
		t.Errorf("another epoch: %v; want ErrRecreated", err)
	}
	if _, err := collect(t, h, b.Epoch, []int64{7, 5}, []int64{9, 5}); !errors.Is(err, stream.ErrUnavailable) {
		t.Errorf("beyond the end: %v; want ErrUnavailable", err)
	}
	f.remove("orders")
	f.create("orders", 2)
	if _, err := collect(t, h, b.Epoch, []int64{0, 3}, []int64{0, 5}); !errors.Is(err, stream.ErrRecreated) {
		t.Errorf("re-created: %v; want ErrRecreated", err)
	}
}

func TestHistoryFollowsAPartitionThatMoves(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.create("orders", 1)
	for i := range 60 {
		f.produce(recordOf("orders", 0, "alice", fmt.Sprint(i, strings.Repeat("x", 200_000))))
	}
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	var offsets []int64
	runs := 0
	err := h.Read(context.Background(), 0, b.Epoch, b.Start, b.End, func(run stream.HistoryRun) error {
		for _, ev := range run.Events {
			offsets = append(offsets, ev.Offset)
		}
		if runs++; runs > 1 {
			return nil
		}
		return f.MoveTopicPartition("orders", 0, 1-f.LeaderFor("orders", 0))
	})
	if err != nil || len(offsets) != 60 || !slices.IsSorted(offsets) || runs < 3 {
		t.Errorf("%d events in %d runs, %v; want 60 ascending, in more than two", len(offsets), runs, err)
	}
}

func TestHistoryEndsWithItsCallersError(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	f.produce(recordOf("orders", 0, "alice", "x"))
	h := openHistory(t, f.config(), orders)
	b := bounds(t, h)
	enough := errors.New("enough")
	if err := h.Read(context.Background(), 0, b.Epoch, b.Start, b.End, func(stream.HistoryRun) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("err = %v; want the caller's", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Read(ctx, 0, b.Epoch, b.Start, b.End, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v; want Canceled", err)
	}
}

// A client may come with a position that another gateway handed out a moment ago. An
// answer from before that moment would make it one past Kafka's end.
func TestBoundsAreAskedAfterTheCall(t *testing.T) {
	f := newFake(t)
	// Where a compacted topic's deletes begin is asked once its ends are known. Held there,
	// the fake has said them, and nothing else waits behind it on the connection.
	if _, err := f.admin.CreateTopic(t.Context(), 1, 1, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}, "orders"); err != nil {
		t.Fatal(err)
	}
	h := openHistory(t, f.config(), orders)
	held, release := make(chan struct{}), make(chan struct{})
	f.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		if req.(*kmsg.ListOffsetsRequest).Topics[0].Partitions[0].Timestamp >= 0 {
			f.DropControl()
			close(held)
			f.SleepControl(func() { <-release })
		}
		return nil, nil, false
	})
	early, late := make(chan stream.Bounds), make(chan stream.Bounds)
	go func() { early <- bounds(t, h) }()
	<-held
	f.produce(recordOf("orders", 0, "alice", "o-1"))
	go func() { late <- bounds(t, h) }()
	for waits := false; !waits; runtime.Gosched() {
		asked := &h.topics[0].bounds
		asked.mu.Lock()
		waits = len(asked.waiting) > 0
		asked.mu.Unlock()
	}
	close(release)
	if b := <-early; !slices.Equal(b.End, []int64{0}) {
		t.Errorf("the answer that was held says %v; want the end before the record, 0", b.End)
	}
	if b := <-late; !slices.Equal(b.End, []int64{1}) {
		t.Errorf("who asked after the record was written is told of the end %v; want 1", b.End)
	}
	f.produce(recordOf("orders", 0, "alice", "o-2"))
	if b := bounds(t, h); !slices.Equal(b.End, []int64{2}) {
		t.Errorf("an answer from before: the end %v; want 2", b.End)
	}
}

func TestHistoryAsksOnceForAStorm(t *testing.T) {
	f := newFake(t)
	f.create("orders", 2)
	h := openHistory(t, f.config(), orders)
	var asked atomic.Int64
	f.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		asked.Add(1)
		return nil, nil, false
	})
	var storm sync.WaitGroup
	for range 500 {
		storm.Go(func() {
			if _, err := h.Bounds(context.Background(), 0); err != nil {
				t.Error(err)
			}
		})
	}
	storm.Wait()
	if n := asked.Load(); n > 20 { // ours, and the client's own to find leaders
		t.Errorf("500 callers made Kafka be asked %d times", n)
	}
}

func TestHistoryOffsetsAt(t *testing.T) {
	f := newFake(t)
	f.create("orders", 2)
	now := time.Now()
	for i := range 4 {
		rec := recordOf("orders", 0, "alice", "x")
		rec.Timestamp = now.Add(time.Duration(i-4) * time.Minute)
		f.produce(rec)
	}
	h := openHistory(t, f.config(), orders)
	for ago, want := range map[time.Duration]int64{time.Hour: 0, 150 * time.Second: 2, 0: 4} {
		got, err := h.OffsetsAt(context.Background(), 0, now.Add(-ago).UnixMilli())
		if err != nil || !slices.Equal(got, []int64{want, 0}) {
			t.Errorf("%v ago: %d, %v; want %d and 0", ago, got, err, want)
		}
	}
}

func TestHistoryWithoutKafkaSaysSo(t *testing.T) {
	t.Parallel()
	f := newFake(t, kfake.NumBrokers(1))
	h := openHistory(t, f.config(), orders)
	if _, err := h.Bounds(context.Background(), 0); !errors.Is(err, stream.ErrUnavailable) || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("no topic: %v", err)
	}
	f.Close()
	if _, err := h.OffsetsAt(context.Background(), 0, 0); !errors.Is(err, stream.ErrUnavailable) {
		t.Errorf("no Kafka: %v", err)
	}
}
