package kafkatest

import (
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// access is how tests reach a cluster, of whatever kind.
type access struct {
	addresses   []string
	own         *kgo.Client
	adminClient *kadm.Client
}

func newAccess(brokers ...string) (access, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return access{}, err
	}
	return access{addresses: brokers, own: client, adminClient: kadm.NewClient(client)}, nil
}

func (a *access) close() {
	if a.own != nil {
		a.own.Close()
	}
}

// Brokers are the addresses of the listeners without authentication.
func (a *access) Brokers() []string { return a.addresses }

// Client returns a client of the listeners without authentication. It is closed with the
// test.
func (a *access) Client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(a.addresses...)}, opts...)...)
	if err != nil {
		t.Fatalf("kafkatest: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

// Admin is an administration client of the listeners without authentication. It lives as
// long as the cluster.
func (a *access) Admin() *kadm.Client { return a.adminClient }

// assignment says where a new topic's partitions are: so many with one replica, or for
// each the ids of its brokers.
type assignment struct {
	partitions int32
	replicas   [][]int32
}

// createTopic creates a topic, with configuration given as "key=value".
func (a *access) createTopic(t testing.TB, name string, where assignment, config []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, where.partitions, 1
	if where.replicas != nil {
		topic.NumPartitions, topic.ReplicationFactor = -1, -1 // the assignment says both
	}
	for partition, brokers := range where.replicas {
		assigned := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		assigned.Partition, assigned.Replicas = int32(partition), brokers
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, assigned)
	}
	for _, line := range config {
		key, value, found := strings.Cut(line, "=")
		if !found {
			t.Fatalf("kafkatest: topic configuration %q is not key=value", line)
		}
		setting := kmsg.NewCreateTopicsRequestTopicConfig()
		setting.Name, setting.Value = key, &value
		topic.Configs = append(topic.Configs, setting)
	}
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = append(request.Topics, topic)
	request.TimeoutMillis = int32(patience.Milliseconds())
	answer, err := request.RequestWith(ctx, a.own)
	if err == nil {
		err = kerr.ErrorForCode(answer.Topics[0].ErrorCode)
	}
	if err != nil {
		t.Fatalf("kafkatest: creating topic %s: %v", name, err)
	}
}
