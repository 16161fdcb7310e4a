package load

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kfake"
)

// KafkaPart is the part of this program that is the embedded Kafka.
const KafkaPart = "kafka"

// RunKafka is the embedded Kafka's process: it says where it listens and ends
// with its stdin.
func RunKafka(in io.Reader, out io.Writer) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return fmt.Errorf("embedded Kafka: %w", err)
	}
	defer cluster.Close()
	if err := json.NewEncoder(out).Encode(cluster.ListenAddrs()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}
