package demo

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"sluice/cmd/internal/config"
)

func embedded(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster, err := startKafka("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	c, _ := options{}.settings(cluster.ListenAddrs()[0], nil)
	if err := makeTopics(cluster, c); err != nil {
		t.Fatal(err)
	}
	return cluster
}

func client(t *testing.T, cluster *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(cluster.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// The shops' records arrive at the broker, by the network, in each user's order.
func TestTrade(t *testing.T) {
	t.Parallel()
	cluster := embedded(t)
	consumer := client(t, cluster, kgo.ConsumeTopics(orderTopic, announcementTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- produceEvents(ctx, cluster.ListenAddrs(), openShops(500, 1), nil) }()

	want := map[string][]string{} // by topic and key
	total := 0
	for s := openShops(500, 1); total < 200; total++ {
		h := s.next()
		place := h.topic + " " + string(h.key)
		want[place] = append(want[place], string(h.value))
	}
	for total > 0 {
		fetches := consumer.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetches.RecordsAll() {
			place := r.Topic + " " + string(r.Key)
			if len(want[place]) == 0 {
				continue // beyond what was looked at
			}
			if string(r.Value) != want[place][0] {
				t.Fatalf("%s: %s; want %s", place, r.Value, want[place][0])
			}
			want[place] = want[place][1:]
			total--
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("asked to stop, the shops say %v", err)
	}
}

func TestTradeSaysWhatKafkaDoesNotTake(t *testing.T) {
	t.Parallel()
	cluster := embedded(t)
	if err := cluster.DeleteTopic(orderTopic); err != nil {
		t.Fatal(err)
	}
	if err := produceEvents(t.Context(), cluster.ListenAddrs(), openShops(1, 1), nil); err == nil {
		t.Error("no error without the topic")
	}
}

func TestPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := startKafka(taken.Addr().String()); err == nil {
		t.Error("two listeners on one port")
	}
}

// The embedded broker is a stand-in. This is what the gateway asks of a broker besides
// plain reading. A new version of kfake that lacks any of it would show here first.
func TestEmbeddedKafkaHasWhatTheGatewayAsksFor(t *testing.T) {
	t.Parallel()
	cluster := embedded(t)
	ctx := t.Context()
	writer := client(t, cluster, kgo.TransactionalID("tx"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	admin := kadm.NewClient(writer)

	var at []int64 // record timestamps
	for i, commit := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Topic: orderTopic, Value: fmt.Append(nil, i), Timestamp: time.UnixMilli(1_000_000 * int64(i+1))}
		if err := writer.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		at = append(at, r.Timestamp.UnixMilli())
		if err := writer.EndTransaction(ctx, commit); err != nil {
			t.Fatal(err)
		}
	}

	t.Run("topic ids", func(t *testing.T) {
		topics, err := admin.ListTopics(ctx, orderTopic)
		if err != nil || topics[orderTopic].ID == (kadm.TopicID{}) || len(topics[orderTopic].Partitions) != partitions {
			t.Errorf("%+v, %v", topics, err)
		}
	})
	t.Run("offsets by time", func(t *testing.T) {
		offsets, err := admin.ListOffsetsAfterMilli(ctx, at[0]+1, orderTopic)
		if o, _ := offsets.Lookup(orderTopic, 0); err != nil || o.Offset != 1 { // 0 is the record, 1 its commit marker, written now
			t.Errorf("offset %d, %v; want 1", o.Offset, err)
		}
	})
	t.Run("read committed", func(t *testing.T) {
		reader := client(t, cluster, kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{orderTopic: {0: kgo.NewOffset().At(0)}}))
		var got []string
		for len(got) < 2 {
			fetches := reader.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			for r := range fetches.RecordsAll() {
				got = append(got, string(r.Value))
			}
		}
		if got[0] != "0" || got[1] != "2" {
			t.Errorf("read %q; want the two committed", got)
		}
	})
	t.Run("topic configs", func(t *testing.T) {
		configs, err := admin.DescribeTopicConfigs(ctx, orderTopic)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, c := range configs[0].Configs {
			found[c.Key] = c.MaybeValue()
		}
		if found["cleanup.policy"] != "delete" || found["retention.ms"] != retention {
			t.Errorf("cleanup.policy %q, retention.ms %q", found["cleanup.policy"], found["retention.ms"])
		}
	})
}

// A configuration of somebody's own has topics of deliveries and of dead letters too.
func TestTopicsOfDeliveriesAreMade(t *testing.T) {
	cluster, err := startKafka("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	c := &config.Config{
		Streams:    []config.Stream{{Topic: "orders", DeadLetter: "orders.poison"}},
		Deliveries: []config.Delivery{{Stream: "orders", DeadLetter: "orders.dead"}, {Topic: "other", KafkaTopic: "copy"}},
	}
	if err := makeTopics(cluster, c); err != nil {
		t.Fatal(err)
	}
	topics, err := kadm.NewClient(client(t, cluster)).ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(topics.Names()), "[copy orders orders.dead orders.poison other]"; got != want {
		t.Errorf("the topics are %s, want %s", got, want)
	}
}
