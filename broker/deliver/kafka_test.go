package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/broker"
	"sluice/broker/kafkatest"
)

// inbox is a target that notes what it gets.
type inbox struct {
	mu     sync.Mutex
	got    []*Message
	answer func(m *Message) Outcome // nil: takes all
}

func (b *inbox) String() string { return "an inbox" }

func (b *inbox) Send(ctx context.Context, m *Message) Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := Outcome{}
	if b.answer != nil {
		o = b.answer(m)
	}
	if o.Verdict == Delivered {
		b.got = append(b.got, m)
	}
	return o
}

// values are what the target has, without repeats, in order.
func (b *inbox) values() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := make(map[string]bool)
	for _, m := range b.got {
		seen[string(m.Data)] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

func (b *inbox) set(answer func(*Message) Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// site is a topic of a real Kafka, and what delivers it.
type site struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	client  *kgo.Client
	kafka   broker.Config
	config  Config
	inbox   *inbox
}

func newSite(t *testing.T, partitions int32) *site {
	c := kafkatest.Shared(t)
	topic := strings.ToLower(strings.NewReplacer("/", "-").Replace(t.Name()))
	c.CreateTopic(t, topic, partitions)
	c.CreateTopic(t, topic+".dead", 1)
	s := &site{t: t, cluster: c, client: c.Client(t), kafka: broker.Config{Brokers: c.Brokers()}, inbox: &inbox{}}
	s.config = Config{
		Name: topic, Source: Source{Topic: topic}, Target: s.inbox, Window: Window{1000, 1 << 20}, Concurrency: 4,
		Retry:      Retry{Min: 10 * time.Millisecond, Max: 50 * time.Millisecond, Attempts: 3, MaxAge: time.Hour},
		DeadLetter: topic + ".dead",
	}
	return s
}

// start runs a delivery until the test ends, or stop is called.
func (s *site) start() (d *Delivery, stop func()) {
	s.t.Helper()
	d, err := New(s.kafka, s.config, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done; d.Close() })
	s.t.Cleanup(stop)
	return d, stop
}

func (s *site) produce(values ...string) {
	s.t.Helper()
	for _, v := range values {
		key, _, _ := strings.Cut(v, "-")
		if err := s.client.ProduceSync(s.t.Context(), &kgo.Record{Topic: s.config.Source.Topic, Key: []byte(key), Value: []byte(v)}).FirstErr(); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) await(what string, holds func() bool) {
	s.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); !holds(); {
		select {
		case <-tick.C:
		case <-late:
			s.t.Fatalf("never: %s; the inbox has %v", what, s.inbox.values())
		}
	}
}

func (s *site) awaitValues(want ...string) {
	s.t.Helper()
	s.await(fmt.Sprint(want, " delivered"), func() bool { return slices.Equal(s.inbox.values(), want) })
}

func (s *site) awaitState(d *Delivery, word, why string) {
	s.t.Helper()
	s.await(word+" "+why, func() bool {
		state := d.Status().State
		return state.Word == word && strings.Contains(state.Why, why)
	})
}

func (s *site) committed() (sum int64) {
	all, err := s.cluster.Admin().FetchOffsets(s.t.Context(), s.config.groupName())
	if err != nil {
		return -1
	}
	all.Each(func(o kadm.OffsetResponse) { sum += o.At })
	return sum
}

// A delivery begins at the end. What comes while no gateway runs is delivered later, and
// nothing before the first start.
func TestADeliveryBeginsNowAndGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	s := newSite(t, 3)
	s.produce("a-0", "b-0")
	d, stop := s.start()
	s.awaitState(d, StateRunning, "")
	s.produce("a-1", "b-1", "c-1")
	s.awaitValues("a-1", "b-1", "c-1")
	stop()
	if at := s.committed(); at != 5 {
		t.Errorf("%d records are committed after the end", at)
	}
	s.produce("a-2", "d-2")
	s.start()
	s.awaitValues("a-1", "a-2", "b-1", "c-1", "d-2")
	if n := len(s.inbox.got); n != 5 {
		t.Errorf("%d deliveries: an orderly end repeats nothing", n)
	}
}

func TestADeliveryBeginsWhereItIsTold(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		from Start
		want []string
	}{
		{"earliest", Start{Earliest: true}, []string{"a-old", "b-new"}},
		{"since", Start{Since: time.Hour}, []string{"b-new"}},
		{"at", Start{At: time.Now().Add(-time.Hour)}, []string{"b-new"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, 1)
			old := &kgo.Record{Topic: s.config.Source.Topic, Key: []byte("a"), Value: []byte("a-old"), Timestamp: time.Now().Add(-2 * time.Hour)}
			if err := s.client.ProduceSync(t.Context(), old).FirstErr(); err != nil {
				t.Fatal(err)
			}
			s.produce("b-new")
			s.config.From = tt.from
			s.start()
			s.awaitValues(tt.want...)
		})
	}
}

// Where the group's position is gone the delivery stops and says so, until an operator
// says where it goes on.
func TestAPositionThatIsGoneIsNeverGuessed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, why string
		lose      func(s *site)
	}{
		{"forgotten group", "has no offsets any more", func(s *site) {
			if _, err := s.cluster.Admin().DeleteGroups(s.t.Context(), s.config.groupName()); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"forgotten partition", "has no offset of partition 0", func(s *site) {
			var one kadm.TopicsSet
			one.Add(s.config.Source.Topic, 0)
			if _, err := s.cluster.Admin().DeleteOffsets(s.t.Context(), s.config.groupName(), one); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"retention", "begins at offset", func(s *site) {
			s.produce("x-0", "y-0", "z-0", "x-1", "y-1", "z-1")
			ends, err := s.cluster.Admin().ListEndOffsets(s.t.Context(), s.config.Source.Topic)
			if err != nil {
				s.t.Fatal(err)
			}
			if _, err := s.cluster.Admin().DeleteRecords(s.t.Context(), ends.Offsets()); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"created anew", "when the topic is deleted", func(s *site) {
			s.recreate()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, 2)
			d, stop := s.start()
			s.awaitState(d, StateRunning, "")
			s.produce("a-0", "b-0", "c-0", "d-0")
			s.awaitValues("a-0", "b-0", "c-0", "d-0")
			stop()
			tt.lose(s)
			d, stop = s.start()
			s.awaitState(d, StateStopped, tt.why)
			if why := d.Status().State.Why; !strings.Contains(why, "sluice deliver --from") {
				t.Errorf("no cure: %s", why)
			}
			s.produce("n-0")
			tool, err := New(s.kafka, s.config, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer tool.Close()
			if err := tool.Move(t.Context(), Start{}); err != nil {
				t.Fatal(err)
			}
			d.Resume()
			s.awaitState(d, StateRunning, "")
			s.produce("o-0")
			s.awaitValues("a-0", "b-0", "c-0", "d-0", "o-0")
			if err := tool.Move(t.Context(), Start{Earliest: true}); err == nil || !strings.Contains(err.Error(), "stop all gateways") {
				t.Errorf("moved while it runs: %v", err)
			}
			stop()
		})
	}
}

func (s *site) recreate() {
	s.t.Helper()
	topic := s.config.Source.Topic
	if _, err := s.cluster.Admin().DeleteTopics(s.t.Context(), topic); err != nil {
		s.t.Fatal(err)
	}
	s.await("the topic is created anew", func() bool {
		made, err := s.cluster.Admin().CreateTopic(s.t.Context(), 2, 1, nil, topic)
		return err == nil && made.Err == nil
	})
	s.await("the client knows the new topic", func() bool { // for a moment a broker may still name the old one
		s.client.PurgeTopicsFromClient(topic)
		return s.client.ProduceSync(s.t.Context(), &kgo.Record{Topic: topic, Key: []byte("p"), Value: []byte("p-0")}).FirstErr() == nil
	})
	s.produce("q-0", "r-0", "s-0", "t-0", "u-0", "v-0", "w-0", "x-0", "y-0")
}

// A topic that is created anew under a running delivery stops it too, and so does
// retention that passes it.
func TestARunningDeliveryNoticesThatItsPositionIsGone(t *testing.T) {
	t.Parallel()
	s := newSite(t, 2)
	d, _ := s.start()
	s.awaitState(d, StateRunning, "")
	s.produce("a-0", "b-0")
	s.awaitValues("a-0", "b-0")
	s.recreate()
	s.awaitState(d, StateStopped, "created anew")
	if got := s.inbox.values(); !slices.Equal(got, []string{"a-0", "b-0"}) {
		t.Errorf("records of the new topic were taken: %v", got)
	}
}

// Records of partitions that are added are delivered from the first one.
func TestANewPartitionIsDeliveredFromItsFirstRecord(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	d, stop := s.start()
	s.awaitState(d, StateRunning, "")
	stop()
	if _, err := s.cluster.Admin().CreatePartitions(t.Context(), 2, s.config.Source.Topic); err != nil {
		t.Fatal(err)
	}
	s.await("three partitions", func() bool {
		all, err := s.cluster.Admin().ListTopics(t.Context(), s.config.Source.Topic)
		return err == nil && len(all[s.config.Source.Topic].Partitions) == 3
	})
	manual := s.cluster.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	var want []string
	for i := range 20 {
		v := fmt.Sprintf("k%02d-", i)
		want = append(want, v)
		if err := manual.ProduceSync(t.Context(), &kgo.Record{Topic: s.config.Source.Topic, Partition: int32(i % 3), Key: []byte(v), Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s.start()
	s.awaitValues(want...)
}

// The marker that ends a transaction is passed, so that nothing seems to be left.
func TestTransactions(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1)
	d, _ := s.start()
	s.awaitState(d, StateRunning, "")
	p := s.cluster.Client(t, kgo.TransactionalID(s.config.Name))
	for i, commit := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		if err := p.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := p.ProduceSync(t.Context(), &kgo.Record{Topic: s.config.Source.Topic, Key: []byte("a"), Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := p.EndTransaction(t.Context(), commit); err != nil {
			t.Fatal(err)
		}
	}
	s.awaitValues("1")
	s.await("all four offsets committed", func() bool { return s.committed() == 4 })
	s.await("no lag", func() bool { return d.Status().Lag == 0 })
}
