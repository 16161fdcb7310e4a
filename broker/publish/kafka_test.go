package publish

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/broker"
	"sluice/broker/connect"
	"sluice/broker/kafkatest"
)

func TestMain(m *testing.M) {
	kafkatest.AtOnce("4", "4")
	os.Exit(kafkatest.Run(m))
}

// newPublisher is one whose Kafka is nowhere.
func newPublisher(t *testing.T, streams ...Stream) *Publisher {
	t.Helper()
	return publisherOf(t, broker.Config{Brokers: []string{"127.0.0.1:1"}}, streams...)
}

func publisherOf(t *testing.T, kafka broker.Config, streams ...Stream) *Publisher {
	t.Helper()
	p, err := New(Config{Kafka: kafka, Streams: streams, MaxBytes: 2 << 20}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		p.Close(ctx)
	})
	return p
}

// place is where a record is, or why it isn't anywhere.
type place struct {
	partition int32
	offset    int64
	err       error
}

// publish waits for the end of a record.
func publish(t *testing.T, p *Publisher, m Message, within time.Duration) place {
	t.Helper()
	done := make(chan place, 1)
	p.Publish(t.Context(), p.first(), m, within, func(partition int32, offset int64, err error) { done <- place{partition, offset, err} })
	select {
	case at := <-done:
		return at
	case <-time.After(2 * time.Minute):
		t.Fatal("it never ends")
		return place{}
	}
}

// first is the name of its one stream.
func (p *Publisher) first() string {
	for name := range p.streams {
		return name
	}
	return ""
}

func TestWhatIsPublishedIsInKafka(t *testing.T) {
	t.Parallel()
	c := kafkatest.Shared(t)
	c.CreateTopic(t, "published", 3)
	p := publisherOf(t, broker.Config{Brokers: c.Brokers()}, Stream{Name: "orders", Topic: "published"})
	want := make(map[string]string) // value, by place
	for i := range 20 {
		m := Message{Key: fmt.Appendf(nil, `"key-%d"`, i), Value: fmt.Appendf(nil, `{"n":%d}`, i), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}}}
		at := publish(t, p, m, time.Minute)
		if at.err != nil {
			t.Fatal(at.err)
		}
		want[fmt.Sprintf("%d/%d", at.partition, at.offset)] = fmt.Sprintf("key-%d {\"n\":%d} [{a 1}]", i, i)
	}
	if id, topic := p.Position("orders", 2, 7); id != "published/2/7" || topic != "published" {
		t.Errorf("%s %s", id, topic)
	}
	reader := c.Client(t, kgo.ConsumeTopics("published"))
	for len(want) > 0 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		fetched := reader.PollFetches(ctx)
		cancel()
		if err := fetched.Err(); err != nil {
			t.Fatal(err, want)
		}
		for _, rec := range fetched.Records() {
			at := fmt.Sprintf("%d/%d", rec.Partition, rec.Offset)
			if got := fmt.Sprintf("%s %s %s", rec.Key, rec.Value, rec.Headers); got != want[at] {
				t.Errorf("%s: %s, want %s", at, got, want[at])
			}
			delete(want, at)
		}
	}
}

// Kafka refuses what is larger than a topic takes, and a compacted topic what has no key.
func TestKafkaRefusesRecords(t *testing.T) {
	t.Parallel()
	c := kafkatest.Shared(t)
	c.CreateTopic(t, "small", 1, "max.message.bytes=1000", "cleanup.policy=compact")
	p := publisherOf(t, broker.Config{Brokers: c.Brokers()}, Stream{Name: "small", Topic: "small"})
	if at := publish(t, p, Message{Key: []byte(`"a"`), Value: []byte(`"` + incompressible(2000) + `"`)}, time.Minute); !errors.Is(at.err, ErrTooLarge) {
		t.Errorf("too large: %v", at.err)
	}
	if at := publish(t, p, Message{Value: []byte(`1`)}, time.Minute); !errors.Is(at.err, ErrMessage) {
		t.Errorf("without a key: %v", at.err)
	}
	if at := publish(t, p, Message{Key: []byte(`"a"`)}, time.Minute); at.err != nil {
		t.Errorf("a tombstone: %v", at.err)
	}
	missing := publisherOf(t, broker.Config{Brokers: c.Brokers()}, Stream{Name: "missing", Topic: "missing"})
	if at := publish(t, missing, Message{Value: []byte(`1`)}, time.Minute); !errors.Is(at.err, ErrNotWritten) {
		t.Errorf("no topic: %v", at.err)
	}
}

// incompressible is a text that stays as long when it is compressed, or half as long.
func incompressible(n int) string {
	var b strings.Builder
	for b.Len() < 2*n {
		b.WriteString(rand.Text())
	}
	return b.String()
}

// What docs/publishing.md says that Kafka must allow is enough, and less isn't.
func TestThePermissionsOfTheDocsAreEnough(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, kafkatest.Properties(map[string]string{
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":           "User:ANONYMOUS",
	}))
	c.CreateTopic(t, "orders", 1)
	c.CreateTopic(t, "others", 1)
	allow := func(operations ...kadm.ACLOperation) {
		b := kadm.NewACLs().Allow("User:" + kafkatest.User).AllowHosts("*").Operations(operations...).ResourcePatternType(kadm.ACLPatternLiteral).Topics("orders")
		done, err := c.Admin().CreateACLs(t.Context(), b)
		for _, one := range done {
			err = errors.Join(err, one.Err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	kafka := broker.Config{Brokers: []string{c.SASL()}, SASL: connect.SASL{Mechanism: connect.MechanismPlain, Username: kafkatest.User, Password: kafkatest.Password}}
	one := Message{Key: []byte(`"a"`), Value: []byte(`1`)}
	try := func(topic string) error {
		return publish(t, publisherOf(t, kafka, Stream{Name: "s", Topic: topic}), one, time.Minute).err
	}
	allow(kadm.OpDescribe)
	if err := try("orders"); !errors.Is(err, ErrNotWritten) {
		t.Errorf("without WRITE: %v", err)
	}
	if denied, err := broker.NotWritable(t.Context(), kafka, "orders"); err != nil || !slices.Equal(denied, []string{"orders"}) {
		t.Errorf("without WRITE %v, %v", denied, err)
	}
	allow(kadm.OpWrite)
	deadline := time.After(time.Minute)
	for err := try("orders"); err != nil; err = try("orders") { // brokers learn of it a little later
		select {
		case <-deadline:
			t.Fatalf("with WRITE: %v", err)
		default:
		}
	}
	if denied, err := broker.NotWritable(t.Context(), kafka, "orders"); err != nil || len(denied) > 0 {
		t.Errorf("with WRITE %v, %v", denied, err)
	}
	if denied, err := broker.NotWritable(t.Context(), broker.Config{Brokers: c.Brokers()}, "orders", "missing"); err != nil || len(denied) > 0 {
		t.Errorf("a superuser: %v, %v", denied, err)
	}
	if err := try("others"); !errors.Is(err, ErrNotWritten) {
		t.Errorf("another topic: %v", err)
	}
}

// A record that never left is surely not in Kafka.
func TestKafkaIsAway(t *testing.T) {
	t.Parallel()
	p := newPublisher(t, Stream{Name: "orders", Topic: "order-topic"})
	if at := publish(t, p, Message{Value: []byte(`1`)}, 100*time.Millisecond); !errors.Is(at.err, ErrNotWritten) {
		t.Errorf("%v", at.err)
	}
	done := make(chan error, 1)
	p.Publish(t.Context(), "orders", Message{Value: []byte(`1`)}, time.Hour, func(_ int32, _ int64, err error) { done <- err })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Close(ctx)
	if err := <-done; !errors.Is(err, ErrUnconfirmed) {
		t.Errorf("closed: %v", err)
	}
}

// A record that may be in Kafka isn't given up, however old it is.
func TestKafkaDoesNotConfirm(t *testing.T) {
	t.Parallel()
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "order-topic"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	answers, enough := notEnoughReplicas(kafka)
	p := publisherOf(t, broker.Config{Brokers: kafka.ListenAddrs()}, Stream{Name: "orders", Topic: "order-topic"})
	done := make(chan place, 1)
	begin := func(within time.Duration) {
		p.Publish(t.Context(), "orders", Message{Value: []byte(`1`)}, within, func(partition int32, offset int64, err error) { done <- place{partition, offset, err} })
	}
	within := 100 * time.Millisecond
	begin(within)
	for sent := false; !sent; { // or it is given up before it leaves
		select {
		case <-done:
			within *= 2
			begin(within)
		case <-answers:
			sent = true
		}
	}
	late := time.After(within)
	for waits := 2; waits > 0; waits-- { // an answer after that time, at the least
		<-late
		select {
		case at := <-done:
			t.Fatalf("given up: %v", at)
		case <-answers:
			late = time.After(0)
		}
	}
	close(enough)
	if at := <-done; at.err != nil || at.offset != 0 {
		t.Errorf("%+v", at)
	}
}

// notEnoughReplicas has a Kafka answer that it appended the records and couldn't wait for
// replicas, until there are enough.
func notEnoughReplicas(kafka *kfake.Cluster) (answers <-chan struct{}, enough chan struct{}) {
	said, enough := make(chan struct{}, 100), make(chan struct{})
	kafka.ControlKey(int16(kmsg.Produce), func(asked kmsg.Request) (kmsg.Response, error, bool) {
		kafka.KeepControl()
		select {
		case <-enough:
			return nil, nil, false
		default:
			said <- struct{}{}
		}
		answer := asked.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range asked.(*kmsg.ProduceRequest).Topics {
			topic := kmsg.NewProduceResponseTopic()
			topic.Topic, topic.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				partition := kmsg.NewProduceResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, kerr.NotEnoughReplicasAfterAppend.Code
				topic.Partitions = append(topic.Partitions, partition)
			}
			answer.Topics = append(answer.Topics, topic)
		}
		return answer, nil, true
	})
	return said, enough
}
