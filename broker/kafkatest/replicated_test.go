package kafkatest_test

import (
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"sluice/broker/kafkatest"
)

// What only the killed leader had is gone, and what is written afterwards takes its
// offsets. This is what tests of unclean elections rest on.
func TestUncleanElectionLosesWhatTheFollowerLacked(t *testing.T) {
	c := kafkatest.StartReplicated(t)
	c.CreateTopic(t, "orders", [][]int32{{2, 3}, {1, 2}}, "unclean.leader.election.enable=true")
	client := c.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner())) // records say partition 0
	produce(t, client, "orders", "both have it")
	isr := func(id ...int32) func(kadm.PartitionDetail) bool {
		return func(p kadm.PartitionDetail) bool { return p.Partition == 1 || slices.Equal(p.ISR, id) }
	}
	c.Kill(3)
	c.Await(t, "orders", "without broker 3", isr(2))
	produce(t, client, "orders", "only broker 2 has it")
	c.Kill(2)
	c.Start(3)
	c.Await(t, "orders", "led by broker 3", isr(3))
	produce(t, client, "orders", "in its place")
	if got := values(t, c, 2); !slices.Equal(got, []string{"both have it", "in its place"}) {
		t.Errorf("after the election the log is %q", got)
	}
	c.Start(2)
	c.Await(t, "orders", "in sync", func(p kadm.PartitionDetail) bool { return len(p.ISR) == len(p.Replicas) })
}

// values reads so many values of partition 0 of orders.
func values(t *testing.T, c interface {
	Client(testing.TB, ...kgo.Opt) *kgo.Client
}, n int) (found []string) {
	t.Helper()
	client := c.Client(t, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{"orders": {0: kgo.NewOffset().AtStart()}}))
	for len(found) < n {
		fetches := client.PollFetches(bounded(t))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			found = append(found, string(r.Value))
		}
	}
	return found
}

// Upgraded is the one of the two that speaks versions of Fetch which name a topic by its
// id alone.
func TestOldBrokersHaveNoTopicIDs(t *testing.T) {
	for _, tt := range []struct {
		old       kafkatest.Old
		fetchByID bool
	}{{kafkatest.Upgraded, true}, {kafkatest.BeforeIDs, false}} {
		t.Run(tt.old.Release, func(t *testing.T) {
			c := kafkatest.StartOld(t, tt.old)
			c.CreateTopic(t, "orders", 1)
			client := c.Client(t)
			produce(t, client, "orders", "o-1")
			c.Kill()
			c.Start()
			produce(t, client, "orders", "o-2")
			if got := values(t, c, 2); !slices.Equal(got, []string{"o-1", "o-2"}) {
				t.Errorf("the log is %q", got)
			}
			topics, err := c.Admin().ListTopics(bounded(t), "orders")
			if err != nil {
				t.Fatal(err)
			}
			if id := topics["orders"].ID; id != (kadm.TopicID{}) {
				t.Errorf("the topic has the id %v", id)
			}
			if highest := maxFetch(t, c); highest >= 13 != tt.fetchByID {
				t.Errorf("it speaks Fetch up to version %d", highest)
			}
		})
	}
}

// maxFetch is the highest version of Fetch that the broker speaks.
func maxFetch(t *testing.T, c *kafkatest.Cluster) int16 {
	t.Helper()
	versions, err := c.Admin().ApiVersions(bounded(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		if _, highest, ok := v.KeyVersions(kmsg.Fetch.Int16()); ok {
			return highest
		}
	}
	t.Fatal("no broker says what it speaks")
	return 0
}
