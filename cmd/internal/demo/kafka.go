package demo

import (
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"
)

const orderPartitions = 3

// keep bounds how long the embedded broker keeps records, so that a demo
// left running doesn't grow for ever.
const keep = "3600000" // retention.ms: an hour

// startKafka starts the embedded broker with the demo's topics, at address (host:port; port 0 is any free one).
func startKafka(address string) (*kfake.Cluster, error) {
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, address) }),
	)
	if err != nil {
		return nil, err
	}
	for topic, partitions := range map[string]int32{orderTopic: orderPartitions, announcementTopic: 1} {
		if err := cluster.CreateTopic(topic, partitions, map[string]string{"retention.ms": keep}); err != nil {
			cluster.Close()
			return nil, fmt.Errorf("topic %s: %w", topic, err)
		}
	}
	return cluster, nil
}
