package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker/kafkatest"
	"sluice/broker/record"
	"sluice/stream"
	"sluice/stream/sse"
)

// kept is the stream of a topic with an hour's replay and a day's state.
func kept(topic string) []StreamConfig {
	return []StreamConfig{{Name: "orders", Topic: topic, Record: record.Rules{User: "value:user", Subject: "value:order"}, Replay: time.Hour, State: true, StateAge: 24 * time.Hour}}
}

// order is a record of an order's, so old.
func order(topic string, partition int32, key, subject, data string, age time.Duration) *kgo.Record {
	rec := recordOf(topic, partition, key, fmt.Sprintf(`{"user":"alice","order":%q,"status":%q}`, subject, data))
	rec.Timestamp = time.Now().Add(-age)
	return rec
}

func tombstone(topic string, partition int32, key string) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key)}
}

// keeper is a gateway's hub with its reader.
func keeper(t *testing.T, cfg Config, streams []StreamConfig) (*stream.Hub, *Reader) {
	t.Helper()
	var specs []stream.Spec
	for _, s := range streams {
		spec := stream.Spec{Name: s.Name, Audience: s.Record.Audience, Replay: s.Replay}
		if s.State {
			spec.State = stream.StateBounds{MaxAge: s.StateAge, MaxBytes: 1 << 20}
		}
		specs = append(specs, spec)
	}
	hub := stream.NewHub(stream.Config{Streams: specs})
	t.Cleanup(hub.Close)
	return hub, follow(t, cfg, streams, hub, quiet)
}

// waitState returns when alice's state is this: "order status", sorted.
func waitState(t *testing.T, hub *stream.Hub, want ...string) {
	t.Helper()
	var got []string
	var err error
	for late := time.Now().Add(patience); time.Now().Before(late); {
		var s stream.State
		s, err = hub.State(context.Background(), stream.StateRequest{Streams: []int{0}, User: "alice"})
		got = nil
		for _, l := range s.Latest {
			_, _, data, _, _ := sse.Cut(l.Frame)
			var status string
			fmt.Sscanf(string(data), fmt.Sprintf(`{"user":"alice","order":%q,"status":%%q}`, l.Subject), &status)
			got = append(got, string(l.Subject)+" "+status)
		}
		slices.Sort(got)
		if err == nil && slices.Equal(got, want) {
			return
		}
		<-time.After(20 * time.Millisecond) // the hub tells nobody of a state
	}
	t.Fatalf("the state is %q, %v; want %q", got, err, want)
}

func TestReaderFeedsTheState(t *testing.T) {
	f := newFake(t)
	f.create("orders", 2)
	odd := recordOf("orders", 0, "c", "not what is expected")
	odd.Timestamp = time.Now().Add(-5 * time.Hour)
	f.produce(
		order("orders", 0, "a", "o-1", "long ago", 30*time.Hour),
		order("orders", 0, "b", "o-2", "placed", 5*time.Hour),
		odd,
		order("orders", 0, "d", "o-3", "placed", 4*time.Hour),
		order("orders", 0, "b", "o-2", "confirmed", 0),
		order("orders", 1, "e", "o-4", "placed", 3*time.Hour),
	)
	streams := append(kept("orders"), StreamConfig{Name: "plain", Topic: "orders", Record: record.Rules{User: "value:user"}, Replay: 30 * time.Minute})
	sink := newRecorder(t, 2)
	follow(t, f.config(), streams, sink, quiet)
	sink.wait(0, "warm", isWarm)
	sink.look(0, func(s *recorded) {
		if len(s.fed) != 4 || len(s.events) != 1 || s.fedTo[0] != 4 || s.fedTo[1] != 1 || s.compacted || !slices.Equal(s.kept, []int64{0, 0}) {
			t.Errorf("%+v", *s)
		}
	})
	sink.look(1, func(s *recorded) {
		if len(s.fed) != 0 || len(s.events) != 1 || s.kept != nil {
			t.Errorf("without state: %+v", *s)
		}
	})
	hub, _ := keeper(t, f.config(), streams)
	waitState(t, hub, "o-1 long ago", "o-2 confirmed", "o-3 placed", "o-4 placed")
	f.produce(tombstone("orders", 0, "d"), order("orders", 1, "e", "o-4", "confirmed", 0))
	waitState(t, hub, "o-1 long ago", "o-2 confirmed", "o-4 confirmed")

	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: "orders", Partition: 0, At: 5})
	if _, err := f.admin.DeleteRecords(context.Background(), offsets); err != nil {
		t.Fatal(err)
	}
	waitState(t, hub, "o-4 confirmed") // as for one that starts now
	again, _ := keeper(t, f.config(), streams)
	waitState(t, again, "o-4 confirmed")
}

func TestReaderFeedsTheStateOfACompactedTopic(t *testing.T) {
	f := newFake(t)
	if _, err := f.admin.CreateTopic(context.Background(), 1, 1, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}, "orders"); err != nil {
		t.Fatal(err)
	}
	const years = 3 * 365 * 24 * time.Hour
	f.produce(
		order("orders", 0, "a", "o-1", "placed", years),
		order("orders", 0, "b", "o-2", "placed", years),
		order("orders", 0, "c", "o-3", "placed", years),
		order("orders", 0, "d", "o-4", "placed", years),
		tombstone("orders", 0, "b"),
		order("orders", 0, "c", "o-5", "instead", 0),
		recordOf("orders", 0, "d", "not what is expected"),
	)
	hub, r := keeper(t, f.config(), kept("orders"))
	waitState(t, hub, "o-1 placed", "o-5 instead")
	if s := r.Status()[0]; s.Events != 5 || !s.Warm {
		t.Errorf("%+v", s)
	}
}

// What Kafka lost has replaced what it still has.
func TestReaderFeedsAnewWhatWasTruncated(t *testing.T) {
	f := newFake(t)
	f.create("orders", 1)
	f.produce(order("orders", 0, "a", "o-1", "placed", 2*time.Hour), order("orders", 0, "b", "o-2", "placed", 0))
	hub, r := keeper(t, f.config(), kept("orders"))
	waitState(t, hub, "o-1 placed", "o-2 placed")

	lost := stream.Event{Offset: 2, Timestamp: time.Now().UnixMilli(), Key: []byte("a"), Subject: []byte("o-1"), Users: [][]byte{[]byte("alice")}}
	r.mu.Lock()
	hub.Publish(0, []stream.Event{lost})
	r.topics["orders"].next[0] = 3
	r.topics["orders"].lost[0] = true
	r.mu.Unlock()
	r.wakeWatch()
	waitState(t, hub, "o-1 placed", "o-2 placed")
	f.produce(order("orders", 0, "a", "o-1", "confirmed", 0))
	waitState(t, hub, "o-1 confirmed", "o-2 placed")
}

// Retention may overtake the feeding; what it deleted is not waited for.
func TestReaderFeedsNoMoreThanThereIs(t *testing.T) {
	for to, want := range map[int64]int64{3: 4, 4: 4, 6: 6} {
		hub := stream.NewHub(stream.Config{Streams: []stream.Spec{{Name: "orders", State: stream.StateBounds{MaxBytes: 1 << 20}}}})
		t.Cleanup(hub.Close)
		r, err := NewReader(Config{Brokers: []string{"localhost:9092"}}, kept("orders"), hub, quiet)
		if err != nil {
			t.Fatal(err)
		}
		tp := r.topics["orders"]
		tp.begun, tp.next, tp.base, tp.stateFrom = true, []int64{9}, []int64{5}, []int64{1}
		hub.Begin(0, "e", []int64{5})
		hub.SetWarm(0)
		hub.Advance(0, 0, 9)
		r.jump(tp, 0, stream.ReasonTruncated, 4)
		q := stream.StateRequest{Streams: []int{0}, User: "alice"}
		if _, err := hub.State(t.Context(), q); tp.next[0] != 1 || err == nil {
			t.Fatalf("at %d after the truncation, %v; want 1 and no state", tp.next[0], err)
		}
		r.jump(tp, 0, stream.ReasonRetention, to)
		_, err = hub.State(t.Context(), q)
		if _, head := hub.Positions(0); (err == nil) != (to >= 4) || head[0] != want || tp.next[0] != to {
			t.Errorf("from %d on: the log is at %d, the reader at %d, %v", to, head[0], tp.next[0], err)
		}
	}
}

// One gateway has read all records as they came, the other what the cleaner left of them.
func TestKafkaCompactionLeavesTheState(t *testing.T) {
	c := kafkatest.Start(t, kafkatest.Properties(map[string]string{"log.cleaner.backoff.ms": "100", "log.initial.task.delay.ms": "100"}))
	const topic = "compacted"
	c.CreateTopic(t, topic, 2, "cleanup.policy=compact", "segment.ms=1", "min.cleanable.dirty.ratio=0.001", "delete.retention.ms=1", "min.compaction.lag.ms=0")
	cfg := Config{Brokers: []string{c.Plaintext()}}
	cl := c.Client(t, manual)
	early, _ := keeper(t, cfg, kept(topic))
	const n = 60
	var want []string
	for i := range n {
		o := i % 12
		produceTo(t, cl, order(topic, int32(o%2), fmt.Sprint("key", o), fmt.Sprint("o-", o), fmt.Sprint("version ", i), 48*time.Hour))
		if i >= n-12 && o >= 4 {
			want = append(want, fmt.Sprintf("o-%d version %d", o, i))
		}
	}
	for o := range 4 {
		produceTo(t, cl, tombstone(topic, int32(o%2), fmt.Sprint("key", o)))
	}
	slices.Sort(want)
	waitState(t, early, want...)

	h := openHistory(t, cfg, kept(topic))
	for late := time.Now().Add(patience); ; { // until the cleaner has been here
		b := bounds(t, h)
		got, err := collect(t, h, b.Epoch, []int64{0, 0}, b.End)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.events) < n/2 {
			break
		}
		if time.Now().After(late) {
			t.Fatalf("Kafka doesn't compact: %d events", len(got.events))
		}
		produceTo(t, cl, recordOf(topic, 0, "roll", "{}"), recordOf(topic, 1, "roll", "{}")) // a segment is only rolled by a record after it
	}
	waitState(t, early, want...)
	fresh, _ := keeper(t, cfg, kept(topic))
	waitState(t, fresh, want...)
}

// A record that is refused replaces its key's in a state. It is nobody's event, also of a
// stream that everyone reads.
func TestARefusedRecordOfEveryonesIsNoEvent(t *testing.T) {
	f := newFake(t)
	if _, err := f.admin.CreateTopic(context.Background(), 1, 1, map[string]*string{"cleanup.policy": kadm.StringPtr("compact")}, "orders"); err != nil {
		t.Fatal(err)
	}
	everyone := record.Rules{Audience: stream.AudienceEveryone, Subject: "value:order", MaxBytes: 100}
	streams := kept("orders")
	streams[0].Record = everyone
	hub, _ := keeper(t, f.config(), streams)
	waitState(t, hub)
	sub, _, err := hub.Open(t.Context(), stream.Request{Streams: []int{0}, Waker: hub.AddWaker(noWaker{})})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	f.produce(
		order("orders", 0, "a", "o-1", "placed", 0),
		order("orders", 0, "b", "o-2", "placed", 0),
		recordOf("orders", 0, "a", strings.Repeat("x", 1000)),
		&kgo.Record{Topic: "orders", Key: []byte("b"), Headers: []kgo.RecordHeader{{Key: "h", Value: make([]byte, 1000)}}},
		order("orders", 0, "c", "o-3", "placed", 0),
	)
	waitState(t, hub, "o-3 placed")
	var out stream.Batch
	if sub.Pull(&out, 1<<20) != stream.Drained || out.Events != 3 {
		t.Errorf("%d events, want 3: %q", out.Events, out.Bufs)
	}
}

// noWaker is of a subscription that is pulled anyway.
type noWaker struct{}

func (noWaker) Wake(uint32) {}
