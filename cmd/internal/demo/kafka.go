package demo

import (
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"

	"sluice/cmd/internal/config"
)

// partitions are those of each stream's topic.
const partitions = 3

// retention bounds how long the embedded broker keeps records, so that a demo
// left running doesn't grow for ever.
const retention = "3600000" // retention.ms: an hour

// startKafka starts the embedded broker, at address (host:port; port 0 is any free one).
func startKafka(address string) (*kfake.Cluster, error) {
	return kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, address) }),
	)
}

// makeTopics makes the topics of a configuration: those that are read, those of dead
// letters, and those that records are copied to.
func makeTopics(cluster *kfake.Cluster, c *config.Config) error {
	topics := map[string]int32{}
	for _, s := range c.Streams {
		for _, name := range s.Topics.Names {
			topics[name] = partitions
		}
		if s.Topic != "" {
			topics[s.Topic] = partitions
		}
	}
	for _, s := range c.Streams {
		topics[s.DeadLetter] = partitions
	}
	for _, d := range c.Deliveries {
		for _, name := range []string{d.Topic, d.KafkaTopic, d.DeadLetter} {
			topics[name] = partitions
		}
	}
	delete(topics, "") // what isn't written
	if c.ControlTopic != "" {
		topics[c.ControlTopic] = 1
	}
	for topic, partitions := range topics {
		if err := cluster.CreateTopic(topic, partitions, map[string]string{"retention.ms": retention}); err != nil {
			return fmt.Errorf("topic %s: %w", topic, err)
		}
	}
	return nil
}
